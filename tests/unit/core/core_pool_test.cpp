// A pool: make before break, its bounds, start-up, giving up, and what it says of its health.
#include <doctest/doctest.h>

#include "core/limits.hpp"
#include "unit/core/bench.hpp"

namespace reeve::core::test {
namespace {

void ask_for_rotation(Bench& bench, std::uint32_t slots) {
    std::vector<Event> events;
    for (std::uint32_t i = 0; i < slots; ++i) {
        events.emplace_back(RotationRequested{{PoolIndex{0}, SlotIndex{i}}});
    }
    bench.turn(std::move(events));
}

std::size_t successors(const Bench& bench) {
    std::size_t found = 0;
    for (const Slot& slot : bench.pool().slots()) found += slot.successor ? 1 : 0;
    return found;
}

TEST_CASE("a rotation never has fewer ready than wanted, and one more process at most") {
    Bench bench(calm_policy(4));
    bench.bring_up();
    ask_for_rotation(bench, 4);
    CHECK(bench.pool().processes() == 5);
    for (std::size_t i = 0; i < 4; ++i) {
        CHECK(successors(bench) == 1);
        CHECK(bench.pool().ready() == 4);
        const Incarnation old = bench.incarnation(i);
        bench.boot_successor(i);
        bench.pass(bench.pool().policy().ready_for);
        CHECK(bench.incarnation(i) != old);
        CHECK(bench.pool().ready() == 4);
        bench.exit(old, ExitedWith{0});
    }
    CHECK(count<Rotation>(bench.records) == 4);
    CHECK(bench.pool().processes() == 4);
}

TEST_CASE("a successor that dies right after Ready must not have retired its predecessor") {
    PoolPolicy policy = calm_policy();
    policy.ready_for = milliseconds{100};
    Bench bench(policy);
    bench.bring_up();
    const Incarnation old = bench.incarnation();
    ask_for_rotation(bench, 1);
    bench.boot_successor();
    bench.pass(milliseconds{99});
    bench.exit(bench.slot().successor->incarnation());
    bench.pass(milliseconds{50});
    CHECK(bench.incarnation() == old);
    CHECK(bench.state() == State::serving);
}

TEST_CASE("ready and dead in one turn is dead, but its requests count") {
    PoolPolicy policy = calm_policy();
    policy.ready_for = Duration::zero();
    Bench bench(policy);
    bench.bring_up();
    const Incarnation old = bench.incarnation();
    ask_for_rotation(bench, 1);
    const Incarnation next = bench.slot().successor->incarnation();
    bench.turn({SaidReady{next}, bench.beat(next, 42), Exited{next, ExitedWith{1}}});
    CHECK(bench.incarnation() == old);
    CHECK(bench.state() == State::serving);
    CHECK(count<WorkerReady>(bench.last.records) == 0);
    CHECK(only<WorkerDied>(bench.last.records)->requests == 42);
}

TEST_CASE(
    "a successor that cannot boot waits like anybody else: no fork storm beside a good worker") {
    Bench bench(calm_policy());
    bench.bring_up();
    const Incarnation old = bench.incarnation();
    ask_for_rotation(bench, 1);
    bench.exit(bench.slot().successor->incarnation());
    bench.exit(bench.slot().successor->incarnation());
    CHECK(bench.slot().successor->state() == State::backoff);
    CHECK(bench.incarnation() == old);
}

TEST_CASE("a worker that crashes during its rotation is replaced by its successor at once") {
    Bench bench(calm_policy());
    bench.bring_up();
    ask_for_rotation(bench, 1);
    const Incarnation next = bench.slot().successor->incarnation();
    bench.exit(bench.incarnation());
    CHECK(bench.incarnation() == next);
    CHECK_FALSE(bench.slot().successor);
}

TEST_CASE("without surge a rotation takes as many away as may be unavailable") {
    PoolPolicy policy = calm_policy(4);
    policy.max_surge = 0;
    policy.max_unavailable = 2;
    Bench bench(policy);
    bench.bring_up();
    ask_for_rotation(bench, 4);
    CHECK(bench.pool().ready() == 2);
    CHECK(bench.pool().processes() == 4);
    bench.exit(bench.incarnation(0), ExitedWith{0});
    CHECK(bench.state(0) == State::starting);
}

TEST_CASE("draining workers are bounded, and the wait is said once") {
    PoolPolicy policy = calm_policy(4);
    policy.max_surge = 2;
    policy.max_draining = 1;
    policy.ready_for = Duration::zero();
    Bench bench(policy);
    bench.bring_up();
    ask_for_rotation(bench, 4);
    CHECK(successors(bench) == 1);
    bench.boot_successor(0);
    CHECK(successors(bench) == 0);
    CHECK(count<RollWait>(bench.records) == 1);
    bench.turn();
    CHECK(count<RollWait>(bench.records) == 1);
    bench.exit(bench.slot(0).leaving.front().incarnation(), ExitedWith{0});
    CHECK(successors(bench) == 1);
}

TEST_CASE("a hung worker is replaced while it is still being aborted, within max_surge") {
    PoolPolicy policy = calm_policy(2);
    policy.timeout = seconds{30};
    policy.abort_timeout = seconds{5};
    Bench bench(policy);
    bench.bring_up();
    bench.turn({bench.beat(bench.incarnation(0)), bench.beat_of({2, 1}, bench.incarnation(1))});
    bench.pass(seconds{30} + examine_timeout);
    CHECK(count<Hang>(bench.records) == 2);
    CHECK(bench.state(0) == State::starting);
    CHECK(bench.state(1) == State::aborting);
    CHECK(bench.pool().processes() == 3);
}

TEST_CASE("forty workers must not import at the same moment") {
    PoolPolicy policy = calm_policy(5);
    policy.start_concurrency = 2;
    Bench bench(policy);
    bench.turn();
    CHECK(count<Spawn>(bench.actions) == 2);
    bench.turn({SaidReady{bench.incarnation(0)}});
    CHECK(count<Spawn>(bench.actions) == 3);
    bench.exit(bench.incarnation(1));
    CHECK(bench.pool().processes() == 3);
}

TEST_CASE("a typo in the command must not look alive: three failed boots end reeve with 3") {
    Bench bench(calm_policy());
    bench.turn();
    for (int i = 0; i < 3; ++i) {
        REQUIRE(bench.state() == State::starting);
        bench.exit(bench.incarnation(), ExitedWith{127});
        bench.pass(seconds{1});
    }
    CHECK(only<PoolGaveUp>(bench.records)->leaving);
    CHECK(only<Leave>(bench.actions)->exit_code == 3);
}

TEST_CASE("one bad pool never stops the others") {
    SUBCASE("the other is ready") {
        Bench bench(config_of({calm_policy(), calm_policy()}));
        bench.turn();
        bench.turn({SaidReady{bench.supervisor.pools()[1].slots()[0].current.incarnation()}});
        for (int i = 0; i < 6; ++i) {
            if (bench.state() == State::starting) bench.exit(bench.incarnation());
            bench.pass(seconds{10});
        }
        CHECK(count<Leave>(bench.actions) == 0);
        CHECK(bench.pool().degraded());
        CHECK(bench.supervisor.pools()[1].ready() == 1);
    }
    SUBCASE("the other is still booting") {
        PoolPolicy slow = calm_policy();
        slow.start_timeout = seconds{600};
        Bench bench(config_of({calm_policy(), slow}));
        bench.turn();
        for (int i = 0; i < 5; ++i) {
            if (bench.state() == State::starting) bench.exit(bench.incarnation());
            bench.pass(seconds{10});
        }
        CHECK(count<Leave>(bench.actions) == 0);
    }
}

TEST_CASE("a pool that was ready once keeps trying, unless it is told to exit") {
    PoolPolicy policy = calm_policy();
    SUBCASE("retry") {}
    SUBCASE("exit") { policy.on_give_up = OnGiveUp::exit; }
    Bench bench(policy);
    bench.bring_up();
    for (int i = 0; i < 5; ++i) {
        if (has_process(bench.state())) bench.exit(bench.incarnation());
        bench.pass(seconds{10});
    }
    const bool told = policy.on_give_up == OnGiveUp::exit;
    CHECK(count<Leave>(bench.actions) == (told ? 1 : 0));
    CHECK(count<PoolDegraded>(bench.records) == 1);
}

TEST_CASE("a pool says when it is degraded and when it has recovered, once each") {
    PoolPolicy policy = calm_policy(2);
    policy.has_on_degraded = true;
    Bench bench(policy);
    bench.bring_up();
    for (int i = 0; i < 4; ++i) {
        bench.exit(bench.incarnation(1));
        bench.pass(seconds{10});
    }
    CHECK(count<PoolDegraded>(bench.records) == 1);
    CHECK(count<RunDegradedHook>(bench.actions) == 1);
    CHECK(bench.pool().ready() == 1);
    bench.turn({SaidReady{bench.incarnation(1)}});
    CHECK(count<PoolRecovered>(bench.records) == 0);
    bench.pass(policy.stable_after);
    CHECK(count<PoolRecovered>(bench.records) == 1);
}

TEST_CASE("ready is told when min_ready serve, and again when all do") {
    PoolPolicy policy = calm_policy(3);
    policy.min_ready = 2;
    Bench bench(policy);
    bench.turn();
    bench.turn({SaidReady{bench.incarnation(0)}});
    CHECK(count<PoolReady>(bench.records) == 0);
    bench.turn({SaidReady{bench.incarnation(1)}});
    CHECK_FALSE(only<PoolReady>(bench.records)->complete);
    CHECK(bench.pool().has_been_available());
    bench.turn({SaidReady{bench.incarnation(2)}});
    CHECK(all_of<PoolReady>(bench.records).back().complete);
}

TEST_CASE("a request for a seat that is not there changes nothing") {
    Bench bench(calm_policy());
    bench.bring_up();
    bench.turn({RotationRequested{{PoolIndex{0}, SlotIndex{7}}},
                RotationRequested{{PoolIndex{5}, SlotIndex{0}}}});
    CHECK(bench.last.actions.empty());
    CHECK(bench.last.records.empty());
}

TEST_CASE("the timer must not spin while a rotation waits for room after a failed one") {
    PoolPolicy policy = calm_policy(2);
    policy.fatal_exit_codes = {4};
    Bench bench(policy);
    bench.bring_up();
    ask_for_rotation(bench, 2);
    bench.exit(bench.slot(0).successor->incarnation(), ExitedWith{4});
    CHECK_FALSE(bench.slot(0).successor);
    bench.pass(policy.backoff_max);
    bench.turn({Tick{}});
    const auto due = bench.supervisor.next_deadline();
    CHECK((!due || *due > bench.now));
}

}  // namespace
}  // namespace reeve::core::test
