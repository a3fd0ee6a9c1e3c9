// The life of one worker: booting, ending, back-off, quotas.
#include <doctest/doctest.h>

#include "core/limits.hpp"
#include "unit/core/bench.hpp"

namespace reeve::core::test {
namespace {

TEST_CASE("a worker that owes its word and never gives it is found by start_timeout") {
    PoolPolicy policy = calm_policy();
    policy.start_timeout = seconds{5};
    Bench bench(policy);
    bench.turn();
    bench.turn({Spawned{bench.incarnation()}});
    bench.pass(seconds{5} - milliseconds{1});
    CHECK(bench.state() == State::starting);
    bench.pass(milliseconds{1});
    CHECK(bench.state() == State::draining);
    CHECK(count<StartTimeout>(bench.records) == 1);
}

TEST_CASE("a worker that says nothing is ready when the kernel shows that it accepts") {
    PoolPolicy policy = calm_policy();
    policy.ready = ReadyBy::automatic;
    policy.has_sockets = true;
    policy.ready_after = seconds{2};
    Bench bench(policy);
    bench.turn();
    bench.turn({Spawned{bench.incarnation()}});
    bench.pass(milliseconds{5});
    CHECK(count<Probe>(bench.actions) == 1);
    bench.turn({Probed{bench.incarnation(), Probed::View::quiet}});
    CHECK(bench.state() == State::starting);

    SUBCASE("seen waiting in accept") {
        bench.turn({Probed{bench.incarnation(), Probed::View::accepting}});
        CHECK(only<WorkerReady>(bench.records)->by == ReadySign::kernel);
    }
    SUBCASE("quiet for ready_after") {
        bench.pass(seconds{2});
        bench.turn({Probed{bench.incarnation(), Probed::View::quiet}});
        CHECK(only<WorkerReady>(bench.records)->by == ReadySign::time);
    }
    SUBCASE("busy until start_timeout: it owes nothing, so it is not killed") {
        bench.pass(policy.start_timeout);
        CHECK(only<WorkerReady>(bench.records)->by == ReadySign::time);
    }
}

TEST_CASE(
    "`ready: delay` is time alone: a worker that talks must not be killed for not saying it") {
    PoolPolicy policy = calm_policy();
    policy.ready = ReadyBy::delay;
    policy.ready_after = seconds{2};
    Bench bench(policy);
    bench.turn();
    bench.turn({Spawned{bench.incarnation()}, Greeted{bench.incarnation(), true},
                bench.beat(bench.incarnation(), 0, Phase::starting)});
    bench.pass(seconds{2});
    CHECK(bench.state() == State::serving);
}

TEST_CASE("every beat repeats that the worker serves, so a lost Ready costs one interval") {
    Bench bench(calm_policy());
    bench.turn();
    bench.turn({bench.beat(bench.incarnation(), 0, Phase::starting)});
    CHECK(bench.state() == State::starting);
    bench.turn({bench.beat(bench.incarnation(), 0, Phase::serving)});
    CHECK(bench.state() == State::serving);
}

TEST_CASE("the first restart is immediate, later ones wait longer, a stable worker starts afresh") {
    PoolPolicy policy = calm_policy();
    policy.stable_after = seconds{10};
    policy.give_up_after = 100;
    Bench bench(policy);
    bench.bring_up();
    const auto crash = [&] { bench.exit(bench.incarnation()); };
    crash();
    CHECK(bench.state() == State::starting);
    crash();
    CHECK(only<Backoff>(bench.last.records)->delay <= seconds{1});
    CHECK(bench.state() == State::backoff);
    bench.pass(seconds{1});
    CHECK(bench.state() == State::starting);
    crash();
    CHECK(only<Backoff>(bench.last.records)->delay > seconds{1});
    bench.pass(seconds{2});
    bench.bring_up();
    bench.pass(seconds{10});
    CHECK(bench.current().failures() == 0);
    crash();
    CHECK(bench.state() == State::starting);
}

TEST_CASE("a worker that ends by itself with 0 after having served has not failed") {
    PoolPolicy policy = calm_policy();
    Bench bench(policy);
    for (int i = 0; i < 5; ++i) {
        bench.bring_up();
        bench.pass(clean_exit_after);
        bench.exit(bench.incarnation(), ExitedWith{0});
        CHECK(bench.state() == State::starting);
    }
    CHECK(count<Backoff>(bench.records) == 0);
}

TEST_CASE("a declared fatal code keeps the slot down, also with a rotation under way") {
    PoolPolicy policy = calm_policy(2);
    policy.fatal_exit_codes = {4};
    Bench bench(policy);
    bench.bring_up();
    bench.exit(bench.incarnation(1), ExitedWith{4});
    CHECK(bench.state(1) == State::failed);
    CHECK(only<SlotFailed>(bench.records)->exit_code == 4);
    bench.pass(seconds{60});
    CHECK(bench.state(1) == State::failed);
    CHECK(bench.state(0) == State::serving);

    bench.turn({RotationRequested{{PoolIndex{0}, SlotIndex{0}}}});
    const Incarnation successor = bench.slot(0).successor->incarnation();
    bench.exit(bench.incarnation(0), ExitedWith{4});
    CHECK(bench.incarnation(0) == successor);
}

TEST_CASE("a failed spawn names its reason and waits like any failed boot") {
    PoolPolicy policy = calm_policy();
    policy.give_up_after = 10;
    Bench bench(policy);
    bench.turn();
    bench.turn({SpawnFailed{bench.incarnation(), "exec: /srv/x: No such file"}});
    CHECK(only<SpawnFailure>(bench.records)->reason == "exec: /srv/x: No such file");
    bench.turn({SpawnFailed{bench.incarnation(), "exec: /srv/x: No such file"}});
    CHECK(bench.state() == State::backoff);
}

TEST_CASE("a death says whether reeve asked for it") {
    Bench bench(calm_policy(2));
    bench.bring_up();
    bench.exit(bench.incarnation(0), KilledBy{11, true});
    CHECK(only<WorkerDied>(bench.last.records)->reason == Reason::none);
    CHECK(only<WorkerDied>(bench.last.records)->signal_sent == 0);
    bench.turn({StopRequested{}});
    bench.exit(bench.incarnation(1), ExitedWith{0});
    CHECK(only<WorkerDied>(bench.last.records)->reason == Reason::stop);
    CHECK(only<WorkerDied>(bench.last.records)->signal_sent == 15);
}

TEST_CASE("each quota makes a worker due once, and it serves until its successor is there") {
    PoolPolicy policy = calm_policy();
    Reason reason = Reason::none;
    SUBCASE("requests") {
        policy.max_requests = 100;
        reason = Reason::requests;
    }
    SUBCASE("lifetime") {
        policy.max_lifetime = seconds{20};
        reason = Reason::lifetime;
    }
    SUBCASE("memory") {
        policy.max_memory_bytes = 1'000'000;
        reason = Reason::memory;
    }
    Bench bench(policy);
    bench.bring_up();
    const Incarnation old = bench.incarnation();
    for (int i = 0; i < 21; ++i) {
        bench.pass(seconds{1});
        bench.turn({bench.beat(old, 5U * static_cast<unsigned>(i)),
                    Sampled{old, 50'000U * static_cast<unsigned>(i)}});
    }
    CHECK(only<RotationDue>(bench.records)->reason == reason);
    CHECK(bench.state() == State::serving);
    bench.boot_successor();
    bench.turn({bench.beat(old, 200)});
    CHECK(bench.incarnation() == old);
    bench.pass(policy.ready_for);
    CHECK(bench.incarnation() != old);
    CHECK(only<Rotation>(bench.records)->reason == reason);
    CHECK(signals_sent(bench.actions, policy.stop_signal) == 1);
}

TEST_CASE("the quota that a worker is told includes its jitter, and is what it is held to") {
    PoolPolicy policy = calm_policy(8);
    policy.max_requests = 1000;
    policy.max_requests_jitter = 500;
    Bench bench(policy);
    bench.bring_up();
    const auto spawns = all_of<Spawn>(bench.actions);
    REQUIRE(spawns.size() == 8);
    CHECK(spawns[0].quota_requests != spawns[1].quota_requests);
    bench.turn({bench.beat(spawns[0].incarnation, spawns[0].quota_requests - 1)});
    CHECK(count<RotationDue>(bench.records) == 0);
    bench.turn({bench.beat(spawns[0].incarnation, spawns[0].quota_requests)});
    CHECK(only<RotationDue>(bench.records)->limit == spawns[0].quota_requests);
}

TEST_CASE("late news of a dead worker must not touch the one that took its seat") {
    Bench bench(calm_policy());
    bench.bring_up();
    const Incarnation dead = bench.incarnation();
    bench.exit(dead);
    const auto stale = bench.supervisor.stale_events();
    bench.turn({SaidReady{dead}, bench.beat(dead), Sampled{dead, 1}, HookEnded{dead}});
    CHECK(bench.supervisor.stale_events() == stale + 4);
    CHECK(bench.state() == State::starting);
    CHECK(bench.last.actions.empty());
    CHECK(bench.last.records.empty());
}

}  // namespace
}  // namespace reeve::core::test
