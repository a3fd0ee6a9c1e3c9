// Commands that an operator wants run on events: bounded in time and number, never in the way.
#pragma once

#include <functional>
#include <list>
#include <string>

#include "daemon/log.hpp"
#include "daemon/loop.hpp"
#include "os/spawn.hpp"

namespace reeve::daemon {

/// How a hook ended: "exited with code 3", "was not run: ...".
struct HookOutcome {
    bool succeeded = false;
    std::string how;
};

class Hooks {
public:
    Hooks(Loop& loop, Log& log) : loop_(loop), log_(log) {}

    /// Runs it; after `within` it and its children are killed. `ended` is called once, in whatever
    /// way it ends, perhaps at once. `name` is for the log: "on_hang".
    void run(const std::string& name, const std::string& subject, const os::SpawnRequest& request,
             core::Duration within, std::function<void(const HookOutcome&)> ended);

    [[nodiscard]] bool owns(pid_t pid) const;
    /// Reaps the hook with this pid, which has exited.
    void reap(pid_t pid);
    /// At the end of the daemon: kills what still runs.
    void kill_all();

private:
    struct Running {
        std::string name;
        std::string subject;
        os::Child child;
        os::ExecReport exec;
        os::Fd output;
        Watch exit_watch;
        Watch output_watch;
        Timer limit;
        core::Time began{};
        bool too_late = false;
        std::function<void(const HookOutcome&)> ended;
        std::string last_line;
    };
    using Handle = std::list<Running>::iterator;

    void read_output(Running& hook);
    void finish(Handle hook);

    Loop& loop_;
    Log& log_;
    std::list<Running> running_;
};

}  // namespace reeve::daemon
