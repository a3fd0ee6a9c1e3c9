// The receiving end of NOTIFY_SOCKET for one worker: the socket is who it is that speaks.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <variant>

#include "os/fd.hpp"
#include "os/notify_message.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// Who may send: everybody who can reach the path (0666), or this user alone (0600).
struct SocketOwner {
    uid_t uid = 0;
    gid_t gid = 0;
};

/// Who sent a datagram, as the kernel noted it; pid 0 for a process that we do not see.
struct Sender {
    pid_t pid = 0;
    uid_t uid = 0;
};

struct NotifyDatagram {
    Sender sender;
    std::optional<NotifyMessage> message;  ///< nothing: too long, or no message at all
};

/// A bound datagram socket; its path goes when it does.
class NotifySocket {
public:
    NotifySocket() noexcept = default;
    NotifySocket(NotifySocket&&) noexcept = default;
    NotifySocket& operator=(NotifySocket&& other) noexcept;
    ~NotifySocket() { close(); }

    /// Nothing may be at `path`. With an owner, only that user may send.
    [[nodiscard]] static Outcome<NotifySocket> make(std::string path,
                                                    const std::optional<SocketOwner>& owner);

    explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// The next datagram; EAGAIN when there is none. Descriptors that come with one are never
    /// received: the kernel closes them, which is what BARRIER=1 waits for.
    [[nodiscard]] Result<NotifyDatagram> receive() noexcept;
    void close() noexcept;

private:
    Fd fd_;
    std::string path_;
};

}  // namespace reeve::os
