// A file descriptor with one owner, and the calls on it that need care with EINTR.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "os/result.hpp"

namespace reeve::os {

/// Owns one descriptor and closes it. In os/ an `Fd` by value is taken over, a plain `int` is
/// borrowed.
class Fd {
public:
    Fd() noexcept = default;
    explicit Fd(int fd) noexcept : fd_{fd} {}
    Fd(Fd&& other) noexcept : fd_{other.release()} {}
    Fd& operator=(Fd&& other) noexcept {
        reset(other.release());
        return *this;
    }
    Fd(const Fd&) = delete;
    Fd& operator=(const Fd&) = delete;
    ~Fd() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    /// Gives up ownership.
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
    /// Closes what is owned and owns `fd` instead. errno is left as it was.
    void reset(int fd = -1) noexcept;

private:
    int fd_ = -1;
};

/// One read(2), repeated on EINTR. 0 is end of file; EAGAIN when non-blocking and empty.
[[nodiscard]] Result<std::size_t> read_some(int fd, std::span<std::byte> into) noexcept;

/// One write(2), repeated on EINTR. May write less than asked; EPIPE needs SIGPIPE ignored.
[[nodiscard]] Result<std::size_t> write_some(int fd, std::span<const std::byte> bytes) noexcept;

struct Pipe {
    Fd reader;
    Fd writer;
};

/// A pipe with both ends close-on-exec; `flags` as for pipe2(2), for instance O_NONBLOCK (for both
/// ends).
[[nodiscard]] Result<Pipe> make_pipe(int flags = 0) noexcept;

/// O_NONBLOCK for the open file description, so for everybody who shares it.
[[nodiscard]] Result<void> set_nonblocking(int fd, bool on = true) noexcept;
[[nodiscard]] bool is_nonblocking(int fd) noexcept;

/// A close-on-exec duplicate with a number of at least `lowest`.
[[nodiscard]] Result<Fd> duplicate(int fd, int lowest = 3) noexcept;

}  // namespace reeve::os
