// The control socket that einhorn's workers find at EINHORN_SOCK_PATH, or inherit.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/einhorn.hpp"
#include "daemon/loop.hpp"
#include "os/listener.hpp"

namespace reeve::daemon {

class EinhornSocket {
public:
    /// `own`: our end of the connection that the worker inherited.
    EinhornSocket(os::Listener listener, os::Fd own, std::function<void(EinhornWord)> said);
    ~EinhornSocket();
    EinhornSocket(const EinhornSocket&) = delete;
    EinhornSocket& operator=(const EinhornSocket&) = delete;

    /// Throws std::system_error when the kernel will not watch one more descriptor.
    void start(Loop& loop);
    /// Everything that was said and not read yet.
    void drain();

private:
    struct Connection;
    void accept();
    void add(os::Fd fd, bool inherited);
    void read(Connection& connection);
    void take_lines(Connection& connection);

    os::Listener listener_;
    os::Fd own_;
    std::function<void(EinhornWord)> said_;
    Loop* loop_ = nullptr;
    std::vector<std::unique_ptr<Connection>> connections_;
    Watch accept_watch_;
};

}  // namespace reeve::daemon
