// What a worker says on its NOTIFY_SOCKET: signs of life, of leaving, and pleas for time.
#include <array>

#include <doctest/doctest.h>

#include "core/limits.hpp"
#include "unit/core/bench.hpp"

namespace reeve::core::test {
namespace {

PoolPolicy watched(std::uint32_t workers = 1) {
    PoolPolicy policy = calm_policy(workers);
    policy.liveness = Liveness::notify;
    policy.ready = ReadyBy::notify;
    policy.timeout = seconds{4};
    policy.start_timeout = seconds{5};
    policy.graceful_timeout = seconds{3};
    return policy;
}

Notified alive(Incarnation who) { return {.incarnation = who, .alive = true}; }
Notified extend(Incarnation who, Duration by) { return {.incarnation = who, .extension = by}; }

/// A bench whose first worker serves.
Bench serving(const PoolPolicy& policy) {
    Bench bench(policy);
    bench.turn();
    const Incarnation who = bench.incarnation();
    bench.turn({Spawned{who}, SaidReady{who, ReadySign::notify}});
    return bench;
}

TEST_CASE("a worker that stops feeding its watchdog is found exactly when its time is over") {
    Bench bench = serving(watched());
    const Incarnation who = bench.incarnation();
    for (int i = 0; i < 5; ++i) {
        bench.turn({alive(who)});
        bench.pass(seconds{2});
    }
    bench.pass(seconds{2} - milliseconds{1});
    CHECK(count<Examine>(bench.actions) == 0);
    bench.pass(milliseconds{1});
    REQUIRE(count<Examine>(bench.actions) == 1);
    SUBCASE("and it is alive, so it hangs") {
        bench.turn({Examined{who, ProcessKey{}, Examined::Finding::alive}});
        CHECK(only<Hang>(bench.records)->by == HangSign::watchdog);
        CHECK(only<Hang>(bench.records)->silence == seconds{4});
        CHECK(bench.state() == State::starting);  // the slot's: its successor
        CHECK(signals_sent(bench.actions, 6) == 1);
    }
    SUBCASE("and it fed it while it was looked at") {
        bench.turn({alive(who)});
        bench.turn({Examined{who, ProcessKey{}, Examined::Finding::alive}});
        CHECK(count<Hang>(bench.records) == 0);
    }
    SUBCASE("and it is writing a core dump") {
        bench.turn({Examined{who, ProcessKey{}, Examined::Finding::dumping_core}});
        CHECK(count<CoreDump>(bench.records) == 1);
    }
}

TEST_CASE("a worker that never fed its watchdog has promised nothing and is left alone") {
    PoolPolicy policy = watched();
    policy.timeout_written = true;
    Bench bench = serving(policy);
    bench.pass(seconds{60});
    CHECK(bench.state() == State::serving);
    CHECK(only<NotEnforced>(bench.records)->setting == "timeout");
}

TEST_CASE("a watchdog that is fed enforces the timeout, but counts no requests") {
    PoolPolicy policy = watched();
    policy.timeout_written = true;
    policy.max_requests = 10;
    Bench bench = serving(policy);
    for (int i = 0; i < 10; ++i) {
        bench.turn({alive(bench.incarnation())});
        bench.pass(seconds{2});
    }
    CHECK(only<NotEnforced>(bench.records)->setting == "max_requests");
}

TEST_CASE("a watchdog counts only where the pool goes by it") {
    for (const Liveness liveness : {Liveness::automatic, Liveness::notify, Liveness::native,
                                    Liveness::required, Liveness::none}) {
        CAPTURE(static_cast<int>(liveness));
        PoolPolicy policy = watched();
        policy.liveness = liveness;
        Bench bench = serving(policy);
        bench.turn({alive(bench.incarnation())});
        const bool counts = liveness == Liveness::automatic || liveness == Liveness::notify;
        CHECK(bench.current().is_watched() == counts);
    }
}

TEST_CASE("a boot that takes longer than the timeout is not held against the watchdog") {
    PoolPolicy policy = watched();
    policy.start_timeout = seconds{60};
    Bench bench(policy);
    bench.turn();
    const Incarnation who = bench.incarnation();
    bench.turn({Spawned{who}, alive(who)});
    bench.pass(seconds{30});
    CHECK(bench.state() == State::starting);
    bench.turn({SaidReady{who, ReadySign::notify}});
    bench.pass(seconds{4} - milliseconds{1});
    CHECK(bench.state() == State::serving);
}

TEST_CASE("the absence of reeve itself is not held against a watchdog") {
    Bench bench = serving(watched());
    const Incarnation who = bench.incarnation();
    bench.turn({alive(who)});
    bench.be_away(seconds{10});
    SUBCASE("what was sent meanwhile counts") {
        bench.turn({Tick{}, alive(who)});
        CHECK(count<Examine>(bench.actions) == 0);
    }
    SUBCASE("it gets the time that it had left when reeve went away") {
        bench.turn({Tick{}});
        CHECK(count<Hang>(bench.records) == 0);
        CHECK(bench.current().watchdog_sign() == bench.now - seconds{4});
    }
}

TEST_CASE("WATCHDOG=trigger ends a worker at once, but only one that serves") {
    Bench bench = serving(watched());
    bench.turn({Notified{.incarnation = bench.incarnation(), .hung = true}});
    CHECK(only<Hang>(bench.records)->by == HangSign::trigger);
    CHECK(signals_sent(bench.actions, 6) == 1);

    Bench booting(watched());
    booting.turn();
    booting.turn({Notified{.incarnation = booting.incarnation(), .hung = true}});
    CHECK(booting.state() == State::starting);
}

TEST_CASE("a worker that says STOPPING=1 is replaced first, and is not watched any more") {
    Bench bench = serving(watched());
    const Incarnation who = bench.incarnation();
    bench.turn({alive(who)});
    bench.turn({Notified{.incarnation = who, .alive = true, .stopping = true}});
    CHECK(only<RotationDue>(bench.records)->reason == Reason::own_drain);
    CHECK(only<WorkerNotice>(bench.records)->what == Notice::stopping);
    REQUIRE(bench.slot().successor);
    bench.turn({alive(who)});
    CHECK_FALSE(bench.current().is_watched());
    bench.pass(seconds{4});
    CHECK(count<Hang>(bench.records) == 0);
    const Incarnation next = bench.slot().successor->incarnation();
    bench.turn({Spawned{next}, SaidReady{next, ReadySign::notify}});
    bench.pass(milliseconds{100});
    CHECK(bench.incarnation() == next);
    bench.pass(seconds{3});
    CHECK(signals_sent(bench.actions, 9) == 1);  // graceful_timeout still counts
}

TEST_CASE("EXTEND_TIMEOUT_USEC moves what the worker waits for, and never without end") {
    const PoolPolicy policy = watched();
    SUBCASE("a boot") {
        Bench bench(policy);
        bench.turn();
        const Incarnation who = bench.incarnation();
        bench.turn({Spawned{who}});
        bench.pass(seconds{4});
        bench.turn({extend(who, seconds{20})});
        CHECK(only<WorkerNotice>(bench.records)->extension == seconds{20});
        bench.pass(seconds{20} - milliseconds{1});
        CHECK(bench.state() == State::starting);
        bench.pass(milliseconds{1});
        CHECK(count<StartTimeout>(bench.records) == 1);
    }
    SUBCASE("a boot that asks for more again and again") {
        Bench bench(policy);
        bench.turn();
        const Incarnation who = bench.incarnation();
        bench.turn({Spawned{who}});
        for (int i = 0; i < 49; ++i) {
            bench.turn({extend(who, Duration::max())});
            bench.pass(seconds{1});
        }
        CHECK(bench.state() == State::starting);
        CHECK(count<WorkerNotice>(bench.records) == 1);
        bench.pass(seconds{1});
        CHECK(count<StartTimeout>(bench.records) == 1);
    }
    SUBCASE("less than there is left is no extension") {
        Bench bench(policy);
        bench.turn();
        bench.turn({extend(bench.incarnation(), milliseconds{1})});
        bench.pass(seconds{5} - milliseconds{1});
        CHECK(bench.state() == State::starting);
    }
    SUBCASE("a watchdog that cannot be fed for a while") {
        Bench bench = serving(policy);
        const Incarnation who = bench.incarnation();
        bench.turn({alive(who), extend(who, seconds{10})});
        bench.pass(seconds{10} - milliseconds{1});
        CHECK(count<Examine>(bench.actions) == 0);
        bench.pass(milliseconds{1});
        CHECK(count<Examine>(bench.actions) == 1);
    }
    SUBCASE("a drain") {
        Bench bench = serving(policy);
        const Incarnation who = bench.incarnation();
        bench.turn({RotationRequested{{PoolIndex{0}, SlotIndex{0}}}});
        const Incarnation next = bench.slot().successor->incarnation();
        bench.turn({Spawned{next}, SaidReady{next, ReadySign::notify}});
        bench.pass(milliseconds{100});
        bench.turn({extend(who, seconds{20})});
        bench.pass(seconds{19});
        CHECK(signals_sent(bench.actions, 9) == 0);
        bench.pass(seconds{1});
        CHECK(signals_sent(bench.actions, 9) == 1);
    }
    SUBCASE("not when reeve leaves: its deadline was announced") {
        Bench bench = serving(policy);
        const Incarnation who = bench.incarnation();
        bench.turn({StopRequested{}});
        bench.turn({extend(who, seconds{20})});
        bench.pass(seconds{3});
        CHECK(signals_sent(bench.actions, 9) == 1);
    }
}

TEST_CASE("a worker that floods its socket is not listened to any more and is replaced") {
    Bench bench = serving(watched());
    const Incarnation who = bench.incarnation();
    bench.turn({alive(who)});
    bench.turn(
        {Notified{.incarnation = who, .messages = beat_packets_per_second_max + 1, .alive = true}});
    CHECK(count<Flood>(bench.records) == 1);
    CHECK(count<IgnoreBeats>(bench.actions) == 1);
    CHECK(only<RotationDue>(bench.records)->reason == Reason::flood);
    bench.pass(seconds{4});
    CHECK(count<Hang>(bench.records) == 0);
}

TEST_CASE("what a worker said before it died neither makes it hang nor wakes it") {
    Bench bench = serving(watched());
    const Incarnation who = bench.incarnation();
    bench.turn({Notified{.incarnation = who, .hung = true, .stopping = true},
                Exited{.incarnation = who, .status = ExitedWith{1}}});
    CHECK(count<Hang>(bench.records) == 0);
    CHECK(count<RotationDue>(bench.records) == 0);
    CHECK(bench.state() == State::starting);
}

}  // namespace
}  // namespace reeve::core::test
