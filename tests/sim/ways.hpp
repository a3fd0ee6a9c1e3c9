// How simulated pools are configured and how simulated workers behave: drawn from a seed.
#pragma once

#include <cstdint>
#include <optional>

#include "core/config.hpp"
#include "core/event.hpp"
#include "core/exit_status.hpp"
#include "sim/random.hpp"

namespace reeve::sim {

/// How much goes wrong in a pool, in percent of its workers.
struct Trouble {
    double workers = 0;
    double spawns = 0;
    bool cursed = false;  ///< its first slot never comes up
};

/// What one worker process will do. A time that is missing never comes.
struct Ways {
    core::Duration exec_after{};
    bool spawn_fails = false;
    bool greets = false;
    bool drains = false;
    bool says_ready = false;
    core::ReadySign ready_sign{};
    std::optional<core::Duration> boots_in;  ///< from exec
    bool busy_boot = false;

    std::uint32_t beating = 0;  ///< processes that beat
    core::Duration beat_every{};
    bool beats_while_booting = false;
    std::uint32_t requests_per_beat = 0;
    std::optional<core::Duration> feeds_every;  ///< WATCHDOG=1
    double skips_beats = 0;                     ///< in percent
    std::uint64_t bytes_per_second = 0;

    // From here on the times count from readiness, or from exec where it never becomes ready.
    std::optional<core::Duration> hangs_after;
    bool hangs_wholly = true;  ///< all of its processes, not only the last
    std::optional<core::Duration> dies_after;
    core::ExitStatus dies_with;
    std::optional<core::Duration> floods_after;
    std::optional<core::Duration> garbage_after;
    std::optional<core::Duration> request_stuck_after;
    std::optional<core::Duration> pipe_ends_after;
    std::optional<core::Duration> drains_itself_after;
    std::optional<core::Duration> triggers_after;  ///< WATCHDOG=trigger
    bool crowds = false;
    bool restarts_counters = false;

    std::optional<core::Duration> leaves_in;  ///< after the stop signal
    std::optional<core::Duration> aborts_in;  ///< after the hang signal
    bool dumps_core = false;
    core::Duration dump_takes{};
    core::Duration killed_in{};
    std::optional<core::Duration> hook_takes;
    bool queue_stands = false;    ///< while it works there is always more to do
    double answers_probes = 100;  ///< in percent, and examinations
};

core::Config make_config(Random& random);
Trouble make_trouble(Random& random);
/// `troubled`: the worker may be any of the ways in which workers are bad; else it is a good one.
Ways make_ways(Random& random, const core::PoolPolicy& policy, const Trouble& trouble,
               bool troubled);

}  // namespace reeve::sim
