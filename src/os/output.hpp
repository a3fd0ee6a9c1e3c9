// Writing to stdout or stderr without blocking or changing what others share of them.
#pragma once

#include <cstddef>
#include <string_view>

#include "os/fd.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// A way to write to what `fd` refers to. O_NONBLOCK belongs to the shared description, so a socket
/// is sent to with MSG_DONTWAIT; a pipe or terminal is opened again through /proc (a description of
/// our own); where that is not permitted, poll(2) is asked before each write of at most PIPE_BUF; a
/// file is just written.
class Output {
public:
    Output() noexcept = default;

    /// `fd` is borrowed for the call only.
    [[nodiscard]] static Result<Output> open(int fd) noexcept;

    /// Bytes written, perhaps fewer than given. EAGAIN: would block. EPIPE, ENOSPC, EIO: lost, try
    /// again later.
    [[nodiscard]] Result<std::size_t> write(std::string_view bytes) noexcept;

    /// To poll for writability after EAGAIN; a regular file cannot be polled, but does not block
    /// either.
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] bool pollable() const noexcept { return way_ != Way::plain; }

private:
    enum class Way { plain, send, nonblocking, poll_first };

    Fd fd_;
    Way way_ = Way::plain;
};

}  // namespace reeve::os
