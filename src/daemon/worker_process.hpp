// One incarnation as the shell sees it: its process, its channels, and what they say as facts.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/action.hpp"
#include "core/event.hpp"
#include "daemon/adoption.hpp"
#include "daemon/dialects.hpp"
#include "daemon/inbox.hpp"
#include "daemon/loop.hpp"
#include "daemon/worker_output.hpp"
#include "os/heartbeat_pipe.hpp"
#include "os/process.hpp"
#include "os/ready_probe.hpp"
#include "os/spawn.hpp"

namespace reeve::daemon {

class WorkerProcess {
public:
    struct Parts {
        core::Incarnation incarnation{};
        core::Seat seat;
        core::Generation generation{};
        core::Side side{};
        os::Spawned spawned;
        os::Fd heartbeat;  ///< our ends; empty where none was offered
        os::Fd control;
        std::shared_ptr<WorkerOutput> output;  ///< null where stderr is inherited
        std::unique_ptr<Adoption> adoption;    ///< null unless handoff: adopt
        std::vector<ino_t> sockets;
        Dialects::Parts dialects;
    };

    WorkerProcess(Inbox& inbox, Parts parts);

    /// Begins to listen to it. `welcome` answers a Hello; `exited` is called when the pidfd is
    /// readable. Throws std::system_error when the kernel will not watch one more descriptor.
    void start(Loop& loop, std::function<void()> welcome, std::function<void()> exited);

    [[nodiscard]] core::Incarnation incarnation() const noexcept { return incarnation_; }
    [[nodiscard]] core::Seat seat() const noexcept { return seat_; }
    [[nodiscard]] core::Generation generation() const noexcept { return generation_; }
    [[nodiscard]] core::Side side() const noexcept { return side_; }
    [[nodiscard]] pid_t pid() const noexcept { return child_.pid(); }
    os::Child& child() noexcept { return child_; }
    [[nodiscard]] int control() const noexcept { return control_.get(); }
    /// It opened the conversation, so it knows what our messages mean.
    [[nodiscard]] bool has_greeted() const noexcept { return greeted_; }
    [[nodiscard]] const SaidOfItself& said() const noexcept { return dialects_.said(); }
    [[nodiscard]] WorkerOutput* output() const noexcept { return output_.get(); }
    [[nodiscard]] Adoption* adoption() const noexcept { return adoption_.get(); }

    void probe();
    void examine(const core::ProcessKey& process);
    void sample();
    /// It floods.
    void ignore_signs_of_life();
    /// Everything that it said before it died.
    void drain_channels();
    /// Why the program was never executed, if it was not.
    [[nodiscard]] const std::optional<std::string>& exec_failure() const noexcept {
        return exec_failure_;
    }

private:
    struct Known {
        core::ProcessKey key;
        pid_t pid = 0;
        std::optional<os::ProcessStamp> stamp;
    };

    void read_beats(int at_most);
    void read_control(int at_most);
    void ignore_beats();
    void read_exec_report();
    void remember(const core::ProcessKey& key);
    core::Examined::Finding look_at(const core::ProcessKey& key);

    Inbox& inbox_;
    core::Incarnation incarnation_{};
    core::Seat seat_;
    core::Generation generation_{};
    core::Side side_{};
    os::Child child_;
    os::ExecReport exec_;
    os::Fd heartbeat_;
    os::Fd control_;
    std::shared_ptr<WorkerOutput> output_;
    std::unique_ptr<Adoption> adoption_;
    os::ReadyProbe probe_;
    Dialects dialects_;
    std::function<void()> welcome_;
    std::optional<std::string> exec_failure_;
    bool exec_known_ = false;
    bool greeted_ = false;
    std::vector<Known> known_;
    std::uint64_t control_garbage_ = 0;

    Watch exit_watch_;
    Watch exec_watch_;
    Watch heartbeat_watch_;
    Watch control_watch_;
};

}  // namespace reeve::daemon
