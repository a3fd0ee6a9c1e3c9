// Keeps paths leading to their Unix sockets: servers unlink what they take for theirs.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "daemon/log.hpp"
#include "daemon/loop.hpp"
#include "os/listener.hpp"
#include "os/path_watch.hpp"

namespace reeve::daemon {

class PathGuard {
public:
    /// Both outlive it.
    PathGuard(Loop& loop, Log& log);

    /// From now on, for as long as somebody keeps the socket.
    void add(const std::shared_ptr<os::Listener>& listener);

private:
    void watch();
    void look();

    Loop& loop_;
    Log& log_;
    std::vector<std::weak_ptr<os::Listener>> listeners_;
    std::optional<os::PathWatch> files_;
    Watch watch_;
    Timer pause_;
};

}  // namespace reeve::daemon
