// Everything that reeve shows, at one moment, as plain values: status and metrics are made of it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "core/supervisor.hpp"
#include "daemon/history.hpp"
#include "daemon/sampler.hpp"

namespace reeve::daemon {

struct SocketView {
    std::string name;
    std::string address;
    std::optional<std::uint32_t> queue;  ///< connections that wait to be accepted
    std::optional<std::uint32_t> queue_max;
};

/// In the order of their numbers.
inline constexpr std::array all_states{
    core::State::down,    core::State::starting, core::State::serving,
    core::State::hung,    core::State::draining, core::State::aborting,
    core::State::killing, core::State::backoff,  core::State::failed};

/// Which of the processes of its slot a worker is.
enum class Role : std::uint8_t { current, successor, leaving };

std::string_view name(Role role) noexcept;

struct WorkerView {
    std::uint32_t slot = 0;
    Role role{};
    core::State state{};
    core::Reason reason{};  ///< of the state, or of the start while it starts or serves
    core::Reason due{};     ///< why it is to be replaced; none while it is not
    pid_t pid = 0;          ///< 0 = no process
    std::uint64_t generation = 0;
    std::uint64_t incarnation = 0;
    std::optional<core::Duration> age;       ///< nothing without a process
    std::optional<core::Duration> beat_age;  ///< of that of its processes that is silent longest
    bool beats = false;
    bool preloaded = false;  ///< it is the preload library that beats
    bool feeds_watchdog = false;
    std::optional<core::ReadySign> ready_by;  ///< nothing before it was ready
    SaidOfItself said;
    std::uint64_t requests = 0;
    std::uint32_t in_flight = 0;
    std::optional<Sample> sample;
    core::Handoff handoff{};
    std::vector<std::string> adopted;  ///< names of the sockets that it bound: handoff adopt
};

/// A limit that the configuration asks for.
struct SettingView {
    std::string_view name;
    bool enforced = false;
};

struct PoolView {
    std::string name;
    std::uint64_t generation = 0;
    std::uint32_t configured = 0;
    std::uint32_t desired = 0;
    std::uint32_t ready = 0;
    std::uint32_t draining = 0;
    std::uint32_t busy = 0;  ///< workers with a request in flight
    bool degraded = false;
    bool held = false;  ///< an operator stopped it
    bool reloading = false;
    std::array<std::uint32_t, all_states.size()> by_state{};  ///< seats, and processes beside them
    core::Counters counters;                                  ///< of the living and the dead
    std::uint64_t in_flight = 0;
    std::vector<std::pair<std::uint32_t, core::Duration>> cpu_time;  ///< by slot; never goes back
    std::vector<SettingView> settings;
    std::vector<SocketView> sockets;
    std::vector<WorkerView> workers;
    PoolHistory past;
};

/// reeve's own process.
struct OwnView {
    core::Duration cpu_time{};
    std::optional<std::uint64_t> resident_bytes;
    std::optional<std::uint32_t> open_descriptors;
    std::optional<std::uint64_t> max_descriptors;
    std::uint64_t dropped_log_lines = 0;
    std::uint64_t dropped_output_bytes = 0;
    std::uint64_t stale_events = 0;
};

struct View {
    std::string version;
    pid_t pid = 0;
    WallTime started{};
    core::Duration uptime{};
    bool stopping = false;
    bool diverged = false;
    std::optional<LastReload> last_reload;
    std::vector<PoolView> pools;
    OwnView own;
};

/// What the view needs of the shell besides the names.
class Surroundings {
public:
    [[nodiscard]] virtual std::vector<SocketView> sockets(core::PoolIndex pool) const = 0;
    [[nodiscard]] virtual core::Handoff handoff(core::PoolIndex pool) const = 0;
    [[nodiscard]] virtual std::uint64_t dropped_log_lines() const = 0;
    [[nodiscard]] virtual std::uint64_t dropped_output_bytes() const = 0;

protected:
    ~Surroundings() = default;
};

/// Whether the view shows the pool: one that was removed goes with its last process.
bool is_shown(const core::Pool& pool) noexcept;

/// The pool as it is now. `sampler` is not asked to look again.
PoolView view_of(const core::Pool& pool, core::Time now, const History& history,
                 const Sampler& sampler, const Names& names, const Surroundings& around);

/// reeve's own process as it is now.
OwnView view_of_self(const core::Supervisor& supervisor, const Surroundings& around);

}  // namespace reeve::daemon
