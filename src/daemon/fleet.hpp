// All worker processes: carries out what the core wants of them, reports what becomes of them.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/action.hpp"
#include "daemon/editions.hpp"
#include "daemon/environment.hpp"
#include "daemon/hooks.hpp"
#include "daemon/inbox.hpp"
#include "daemon/log.hpp"
#include "daemon/loop.hpp"
#include "daemon/render.hpp"
#include "daemon/worker_process.hpp"
#include "daemon/worker_sockets.hpp"
#include "os/cgroup.hpp"

namespace reeve::daemon {

class Fleet final : public Names {
public:
    /// All arguments outlive the fleet.
    /// `instance`: the name in the configuration.
    Fleet(Loop& loop, Inbox& inbox, Log& log, const Editions& editions, std::string instance);
    ~Fleet();
    Fleet(const Fleet&) = delete;
    Fleet& operator=(const Fleet&) = delete;

    void carry_out(const core::Spawn& action);
    void carry_out(const core::Signal& action);
    void carry_out(const core::Drain& action);
    void carry_out(const core::Probe& action);
    void carry_out(const core::Examine& action);
    void carry_out(const core::Sample& action);
    void carry_out(const core::LookAtQueue& action);
    void carry_out(const core::LookAtSides& action);
    void carry_out(const core::Describe& action);
    void carry_out(const core::RunHangHook& action);
    void carry_out(const core::RunDegradedHook& action);
    void carry_out(const core::IgnoreBeats& action);
    void carry_out(const core::RunBeforeStart& action);

    /// Asks those that speak with reeve to open their log files anew; how many there were.
    std::size_t reopen_logs();

    /// Spawns what waits, for at most a few milliseconds; true when some still waits.
    bool spawn_waiting();
    /// Reaps what exited that is no worker. To be called on SIGCHLD.
    void reap_orphans();
    /// Logs what hung workers were found doing: after the records that say that they hang.
    void tell_descriptions();
    /// Forgets what was kept of the dead for the records of this turn.
    void bury();
    void kill_hooks() { hooks_.kill_all(); }

    std::string pool(core::PoolIndex pool) const override;
    pid_t pid(core::Incarnation incarnation) const override;
    SaidOfItself said(core::Incarnation incarnation) const override;
    std::string last_output(core::Incarnation incarnation) const override;
    std::string last_output(core::PoolIndex pool) const override;
    std::vector<std::string> adopted(core::Incarnation incarnation) const override;

private:
    struct Dead {
        pid_t pid = 0;
        std::string output;
    };

    WorkerProcess* find(core::Incarnation incarnation);
    void spawn(const core::Spawn& action);
    std::unique_ptr<Adoption> make_adoption(const core::Spawn& action, os::Fd channel,
                                            const PoolSockets& sockets);
    void watch(const core::Spawn& action, std::unique_ptr<WorkerProcess> worker);
    void fail_spawn(const core::Spawn& action, const std::string& why);
    bool drop_waiting(core::Incarnation incarnation);
    void welcome(core::Incarnation incarnation, const core::Spawn& spawn);
    void on_exit(core::Incarnation incarnation);
    bool was_oom_kill(const core::ExitStatus& status);
    std::string subject(const WorkerProcess& worker) const;
    LogLine about(const WorkerProcess& worker, core::LogLevel level, std::string_view event) const;
    const Edition& edition_of(const WorkerProcess& worker) const {
        return editions_.of(worker.seat().pool, worker.generation());
    }
    std::string& last_output_of(core::PoolIndex pool);

    Loop& loop_;
    Inbox& inbox_;
    Log& log_;
    const Editions& editions_;
    WorkerSockets worker_sockets_;
    std::vector<std::string> last_outputs_;  ///< by pool
    std::unordered_map<std::uint64_t, std::unique_ptr<WorkerProcess>> workers_;
    std::unordered_map<std::uint64_t, Dead> dead_;
    std::deque<core::Spawn> waiting_;
    std::vector<LogLine> descriptions_;
    std::vector<std::weak_ptr<WorkerOutput>> lingering_;
    os::OomCounter oom_;
    std::uint64_t oom_kills_ = 0;
    std::string token_;
    Hooks hooks_;
};

}  // namespace reeve::daemon
