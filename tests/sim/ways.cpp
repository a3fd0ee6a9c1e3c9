// Draws pools and workers: short times, so that much happens in a few simulated seconds.
#include "sim/ways.hpp"

#include <algorithm>
#include <array>

namespace reeve::sim {
namespace {

using core::Duration;
using std::chrono::milliseconds;
using std::chrono::seconds;

Duration maybe(Random& random, double percent, Duration low, Duration high) {
    return random.chance(percent) ? random.from_to(low, high) : Duration::zero();
}

void draw_times(Random& random, core::PoolPolicy& policy) {
    policy.timeout = maybe(random, 85, seconds{1}, seconds{6});
    policy.start_timeout = random.from_to(seconds{1}, seconds{8});
    policy.graceful_timeout = maybe(random, 95, milliseconds{50}, seconds{4});
    policy.abort_timeout = maybe(random, 90, milliseconds{10}, seconds{2});
    policy.core_timeout = random.from_to(milliseconds{500}, seconds{4});
    policy.kill_grace = random.from_to(milliseconds{100}, seconds{2});
    policy.request_timeout = maybe(random, 30, seconds{1}, seconds{5});
    policy.slow_request = maybe(random, 30, milliseconds{200}, seconds{3});
    policy.beat_interval = random.from_to(milliseconds{300}, seconds{1});
    if (policy.timeout > Duration::zero()) {
        policy.beat_interval = std::min(policy.beat_interval, policy.timeout / 3);
    }
    policy.stable_after = maybe(random, 90, milliseconds{500}, seconds{6});
    policy.ready_after = maybe(random, 90, milliseconds{50}, seconds{2});
    policy.ready_for = maybe(random, 80, milliseconds{10}, milliseconds{400});
    policy.backoff_min = random.from_to(milliseconds{20}, milliseconds{400});
    policy.backoff_max = policy.backoff_min + maybe(random, 90, milliseconds{100}, seconds{5});
    policy.sample_interval = random.from_to(milliseconds{300}, seconds{3});
    policy.hook_timeout = random.from_to(milliseconds{50}, seconds{2});
}

void draw_quotas(Random& random, core::PoolPolicy& policy) {
    if (random.chance(40)) {
        policy.max_requests = 20 + random.below(200);
        policy.max_requests_jitter = random.chance(60) ? random.below(150) : 0;
    }
    if (random.chance(30)) {
        policy.max_lifetime = random.from_to(seconds{3}, seconds{20});
        policy.max_lifetime_jitter = maybe(random, 60, seconds{1}, seconds{8});
    }
    if (random.chance(30)) {
        policy.max_memory_bytes = 1000 + random.below(10000);
        policy.max_memory_jitter_bytes = random.chance(60) ? random.below(2000) : 0;
    }
}

core::ReadyBy draw_ready(Random& random) {
    using core::ReadyBy;
    constexpr std::array flavours{ReadyBy::automatic, ReadyBy::automatic, ReadyBy::automatic,
                                  ReadyBy::automatic, ReadyBy::native,    ReadyBy::native,
                                  ReadyBy::listen,    ReadyBy::notify,    ReadyBy::newline,
                                  ReadyBy::tcp,       ReadyBy::http,      ReadyBy::delay};
    return flavours.at(random.below(flavours.size()));
}

/// What a worker has to show that is started in this way.
std::optional<core::ReadySign> owed_sign(core::ReadyBy by) {
    switch (by) {
        case core::ReadyBy::automatic:
        case core::ReadyBy::delay: return std::nullopt;
        case core::ReadyBy::native: return core::ReadySign::word;
        case core::ReadyBy::listen: return core::ReadySign::listening;
        case core::ReadyBy::notify: return core::ReadySign::notify;
        case core::ReadyBy::newline: return core::ReadySign::newline;
        case core::ReadyBy::tcp:
        case core::ReadyBy::http: return core::ReadySign::probe;
    }
    return std::nullopt;
}

core::PoolPolicy draw_policy(Random& random) {
    core::PoolPolicy policy;
    policy.workers = random.chance(10) ? random.from_to(6, 12) : random.from_to(1, 5);
    draw_times(random, policy);
    draw_quotas(random, policy);
    policy.max_surge = random.chance(60) ? 1 : random.from_to(0, 3);
    policy.max_unavailable = random.chance(60) ? 0 : random.from_to(0, 2);
    if (policy.max_surge == 0 && policy.max_unavailable == 0) policy.max_unavailable = 1;
    policy.max_draining = random.chance(60) ? 0 : random.from_to(1, 3);
    policy.min_ready = random.from_to(0, policy.workers);
    policy.start_concurrency = random.chance(60) ? 0 : random.from_to(1, 3);
    policy.give_up_after = random.from_to(1, 5);
    if (random.chance(30)) policy.fatal_exit_codes = {7};
    if (random.chance(20)) policy.stop_signal = 3;
    if (random.chance(20)) policy.fast_stop_signal = 2;
    const std::uint64_t liveness = random.below(10);
    policy.liveness = liveness < 4   ? core::Liveness::automatic
                      : liveness < 6 ? core::Liveness::notify
                      : liveness < 7 ? core::Liveness::native
                      : liveness < 9 ? core::Liveness::required
                                     : core::Liveness::none;
    policy.ready = draw_ready(random);
    policy.on_give_up = random.chance(10) ? core::OnGiveUp::exit : core::OnGiveUp::retry;
    policy.timeout_written = random.chance(50);
    policy.has_sockets = random.chance(70);
    if (policy.has_sockets && random.chance(50)) {
        policy.accept = core::Accept::per_worker;
        if (random.chance(50)) policy.liveness = core::Liveness::queue;
    }
    policy.has_on_hang = random.chance(40);
    policy.has_on_degraded = random.chance(40);
    policy.adopts = policy.has_sockets && random.chance(15);
    return policy;
}

/// One thing, now and then two, that a bad worker does.
void draw_fault(Random& random, Ways& ways) {
    const Duration when = random.from_to(milliseconds{1}, seconds{12});
    switch (random.below(15)) {
        case 0: ways.boots_in.reset(); break;
        case 1: ways.boots_in = random.from_to(seconds{1}, seconds{12}); break;
        case 2:
            ways.dies_after = random.chance(50) ? milliseconds{1} : when;
            ways.dies_with = core::ExitedWith{static_cast<int>(random.below(2))};
            break;
        case 3:
            ways.dies_after = when;
            ways.dies_with = core::KilledBy{9, false};
            break;
        case 4:
            ways.dies_after = random.from_to(milliseconds{1}, seconds{3});
            ways.dies_with = core::ExitedWith{7};
            break;
        case 5:
            ways.hangs_after = when;
            ways.hangs_wholly = random.chance(70);
            break;
        case 6:
            ways.dumps_core = true;
            ways.hangs_after = when;
            ways.dump_takes = random.from_to(milliseconds{10}, seconds{8});
            break;
        case 7: ways.floods_after = when; break;
        case 8: ways.garbage_after = when; break;
        case 9: ways.request_stuck_after = when; break;
        case 10: ways.pipe_ends_after = when; break;
        case 11: ways.drains_itself_after = when; break;
        case 12: ways.crowds = true; break;
        case 13: ways.triggers_after = when; break;
        default: ways.restarts_counters = true; break;
    }
}

void draw_end(Random& random, Ways& ways) {
    if (random.chance(15)) ways.leaves_in.reset();
    if (random.chance(10)) ways.leaves_in = random.from_to(seconds{1}, seconds{8});
    if (random.chance(20)) ways.aborts_in.reset();
    if (random.chance(5)) ways.killed_in = random.from_to(seconds{1}, seconds{6});
    if (random.chance(20)) ways.hook_takes.reset();
    if (random.chance(10)) ways.answers_probes = 70;
    if (random.chance(10)) ways.skips_beats = 40;
}

}  // namespace

core::Config make_config(Random& random) {
    core::Config config;
    const std::uint32_t pools = random.chance(60) ? 1 : random.from_to(2, 3);
    for (std::uint32_t i = 0; i < pools; ++i) {
        core::PoolConfig& pool = config.pools.emplace_back();
        pool.name = "pool" + std::to_string(i);
        pool.policy = draw_policy(random);
    }
    config.stop_delay = maybe(random, 30, milliseconds{10}, seconds{3});
    config.queue_grace = maybe(random, 80, milliseconds{10}, seconds{3});
    return config;
}

Trouble make_trouble(Random& random) {
    Trouble trouble;
    const std::uint64_t kind = random.below(10);
    trouble.workers = kind < 3 ? 0 : kind < 7 ? 25 : kind < 9 ? 60 : 95;
    trouble.spawns = random.chance(20) ? 20 : 0;
    trouble.cursed = random.chance(5);
    return trouble;
}

Ways make_ways(Random& random, const core::PoolPolicy& policy, const Trouble& trouble,
               bool troubled) {
    Ways ways;
    ways.exec_after = random.from_to(Duration::zero(), milliseconds{3});
    const auto owed = owed_sign(policy.ready);
    ways.greets = random.chance(50);
    ways.drains = random.chance(50);
    const bool must_beat = policy.liveness == core::Liveness::required;
    const bool by_watchdog = policy.liveness == core::Liveness::notify;
    const bool beats = must_beat || (!by_watchdog && random.chance(75));
    ways.beating = beats ? random.from_to(1, 2) : 0;
    if (policy.liveness == core::Liveness::queue) {
        if (random.chance(60)) ways.beating = 0;
        ways.queue_stands = random.chance(40);
    }
    const double feeding = by_watchdog ? 80 : beats ? 10 : 20;
    if (policy.timeout > Duration::zero() && random.chance(feeding)) {
        ways.feeds_every = policy.timeout / 2;
    }
    ways.ready_sign = owed.value_or(core::ReadySign::word);
    // Who says nothing is seen when it listens.
    const bool mute = ways.beating == 0 && !ways.greets;
    if (policy.adopts && !owed && mute) ways.ready_sign = core::ReadySign::listening;
    ways.says_ready =
        ways.ready_sign != core::ReadySign::word || (ways.beating == 0 && (owed || ways.greets));
    ways.boots_in = random.from_to(milliseconds{1}, milliseconds{900});
    ways.busy_boot = random.chance(30);
    ways.beat_every = policy.beat_interval - random.from_to(Duration::zero(), milliseconds{20});
    ways.beats_while_booting = random.chance(30);
    ways.requests_per_beat = static_cast<std::uint32_t>(random.below(20));
    ways.bytes_per_second = random.chance(40) ? random.below(1500) : 0;
    ways.leaves_in = std::min<Duration>(random.from_to(Duration::zero(), milliseconds{600}),
                                        policy.graceful_timeout / 2);
    ways.aborts_in = random.from_to(Duration::zero(), milliseconds{20});
    ways.killed_in = random.from_to(Duration::zero(), milliseconds{2});
    ways.hook_takes = random.from_to(Duration::zero(), milliseconds{300});
    if (!troubled) return ways;
    ways.spawn_fails = random.chance(trouble.spawns);
    if (!random.chance(trouble.workers)) return ways;
    draw_fault(random, ways);
    if (random.chance(20)) draw_fault(random, ways);
    draw_end(random, ways);
    return ways;
}

}  // namespace reeve::sim
