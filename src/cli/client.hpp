// HTTP over the daemon's Unix socket.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <sys/types.h>

#include "cli/client_ask.hpp"
#include "cli/client_events.hpp"
#include "config/load.hpp"

namespace reeve::cli {

/// --admin, then REEVE_ADMIN, then where a daemon of this user and name listens. Throws Trouble
/// when the socket is turned off ("none"), or lies in a directory that somebody else may have made.
std::string choose_admin_path(const Whom& whom, const config::Environment& environment);

struct Response {
    unsigned status = 0;
    std::string body;
};

/// Every request has a connection of its own. All functions throw Trouble: exit_unavailable when
/// nobody answers at that path, exit_refused when this user may not connect, exit_failed when the
/// daemon goes away before it has answered.
class Client {
public:
    /// Does not connect yet.
    explicit Client(std::string path);

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// Waits at most ten seconds for the answer.
    Response get(std::string_view target);

    /// Waits as long as the daemon lives, which answers when the command is done. Meanwhile every
    /// event is handed over, from before the command is given; where events cannot be had, none.
    /// Without a handler they are not asked for.
    Response post(std::string_view target, const std::string& body, const EventHandler& on_event);

    /// Hands over every event until the daemon ends the stream. What it answers otherwise is
    /// returned, with the status 200 after a stream.
    Response follow(const EventHandler& on_event);

    /// A command that makes the daemon leave: a refusal is returned at once, any other answer when
    /// the daemon is gone. That is the end of process `pid` if it is the one behind the socket, the
    /// end of the event stream otherwise (a daemon in another PID namespace).
    Response post_until_gone(std::string_view target, const std::string& body, pid_t pid,
                             const EventHandler& on_event);

private:
    std::string path_;
};

}  // namespace reeve::cli
