// stdout or stderr where it is a file: kept fit for those who rotate it.
#pragma once

#include <string>

#include "os/result.hpp"

namespace reeve::os {

/// Remembers the path that the file had at the start, since a rotated one has another.
class StandardFile {
public:
    /// Also has everybody who shares the file append to it: who truncates it would otherwise get it
    /// back with a hole.
    explicit StandardFile(int fd);

    /// Puts the file that is at the path now, made where there is none, in the place of `fd`, so
    /// that what is started later writes there too. Nothing where it is no file.
    [[nodiscard]] Result<void> reopen() const noexcept;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    int fd_;
    std::string path_;  ///< empty = no file
    unsigned mode_ = 0;
};

}  // namespace reeve::os
