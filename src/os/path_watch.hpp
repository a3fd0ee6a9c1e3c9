// Tells when a file may have lost one of its names.
#pragma once

#include <string>

#include "os/fd.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// Watches files, whatever becomes of the names that lead to them.
class PathWatch {
public:
    [[nodiscard]] static Result<PathWatch> open() noexcept;

    /// The file that `path` leads to now.
    [[nodiscard]] Result<void> add(const std::string& path) noexcept;
    /// Readable when a name of some file came or went.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    /// Takes the news; which file it was has to be looked at.
    void drain() noexcept;

private:
    explicit PathWatch(Fd fd) noexcept : fd_{std::move(fd)} {}

    Fd fd_;
};

}  // namespace reeve::os
