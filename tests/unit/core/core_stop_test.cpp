// The phases of a stop: delay, emptying the queues, ending; and that it only ever hurries.
#include <doctest/doctest.h>

#include "unit/core/bench.hpp"

namespace reeve::core::test {
namespace {

Config serving_config() {
    PoolPolicy policy = calm_policy(2);
    policy.has_sockets = true;
    policy.graceful_timeout = seconds{30};
    policy.kill_grace = seconds{5};
    policy.fast_stop_signal = 3;
    Config config = config_of({policy});
    config.stop_delay = seconds{5};
    config.queue_grace = seconds{4};
    return config;
}

TEST_CASE(
    "a graceful stop waits, refuses, lets the queues run empty, and only then tells workers") {
    Bench bench(serving_config());
    bench.bring_up();
    bench.turn({StopRequested{}});
    CHECK(bench.supervisor.stop_phase() == StopPhase::delaying);
    CHECK(only<StopStart>(bench.records)->deadline == seconds{5 + 4 + 30});
    CHECK(bench.last.actions.empty());
    bench.pass(seconds{5});
    CHECK(bench.supervisor.stop_phase() == StopPhase::emptying);
    CHECK(count<RefuseConnections>(bench.actions) == 1);
    CHECK(signals_sent(bench.actions, 15) == 0);

    SUBCASE("they run empty") { bench.turn({QueuesEmpty{}}); }
    SUBCASE("they do not, and that is said") {
        bench.pass(seconds{4});
        CHECK(count<QueueGraceOver>(bench.records) == 1);
    }
    CHECK(signals_sent(bench.actions, 15) == 2);
    CHECK(count<RefuseConnections>(bench.actions) == 1);
    bench.exit(bench.incarnation(0), ExitedWith{0});
    CHECK(count<Leave>(bench.actions) == 0);
    bench.exit(bench.incarnation(1), ExitedWith{0});
    CHECK(only<Leave>(bench.actions)->exit_code == 0);
    CHECK(only<Stopped>(bench.records)->killed == 0);
    CHECK_FALSE(bench.supervisor.next_deadline());
}

TEST_CASE("a worker that dies while reeve stops is not started again") {
    Bench bench(serving_config());
    bench.bring_up();
    const auto spawns = count<Spawn>(bench.actions);
    bench.turn({Exited{bench.incarnation(0), KilledBy{11, false}}, StopRequested{}});
    bench.exit(bench.incarnation(1));
    CHECK(count<Spawn>(bench.actions) == spawns);
    CHECK(count<Leave>(bench.actions) == 1);
}

TEST_CASE("who ignores the stop signal gets SIGKILL when its grace is over, not before") {
    Config config = serving_config();
    config.stop_delay = {};
    config.pools[0].policy.has_sockets = false;
    Bench bench(config);
    bench.bring_up();
    bench.turn({StopRequested{}});
    bench.pass(seconds{30} - milliseconds{1});
    CHECK(signals_sent(bench.actions, 9) == 0);
    bench.pass(milliseconds{1});
    CHECK(signals_sent(bench.actions, 9) == 2);
    bench.pass(seconds{5});
    CHECK(count<KillOverdue>(bench.records) == 2);
    bench.exit(bench.incarnation(0), KilledBy{9, false});
    bench.exit(bench.incarnation(1), KilledBy{9, false});
    CHECK(only<Stopped>(bench.records)->killed == 2);
}

TEST_CASE("kills of earlier days are not those of the stop") {
    Config config = serving_config();
    config.pools[0].policy.start_timeout = seconds{1};
    config.pools[0].policy.workers = 1;
    Bench bench(config);
    bench.turn();
    const Incarnation slow = bench.incarnation();
    bench.pass(seconds{31});
    CHECK(count<Kill>(bench.records) == 1);
    bench.exit(slow, KilledBy{9, false});
    bench.bring_up();
    bench.turn({StopRequested{StopMode::fast}});
    bench.exit(bench.incarnation(), ExitedWith{0});
    CHECK(only<Stopped>(bench.records)->killed == 0);
}

TEST_CASE("a second signal hurries the first, and none relaxes") {
    Bench bench(serving_config());
    bench.bring_up();
    bench.turn({StopRequested{}});
    bench.turn({StopRequested{}});
    CHECK(bench.supervisor.stop_phase() == StopPhase::ending);
    CHECK(signals_sent(bench.actions, 3) == 2);
    bench.pass(seconds{1});
    bench.turn({StopRequested{}});
    CHECK(signals_sent(bench.actions, 9) == 2);
    CHECK(all_of<StopStart>(bench.records).back().mode == StopMode::immediate);
    bench.turn({StopRequested{}});
    CHECK(all_of<StopStart>(bench.records).back().mode == StopMode::immediate);
}

TEST_CASE("a fast stop gives kill_grace, also to who is draining already") {
    Config config = serving_config();
    config.stop_delay = {};
    config.pools[0].policy.has_sockets = false;
    Bench bench(config);
    bench.bring_up();
    bench.turn({StopRequested{}});
    bench.pass(seconds{2});
    bench.turn({StopRequested{StopMode::fast}});
    bench.pass(seconds{5} - milliseconds{1});
    CHECK(count<Kill>(bench.records) == 0);
    bench.pass(milliseconds{1});
    CHECK(count<Kill>(bench.records) == 2);
}

TEST_CASE("a worker that speaks is told to drain on its channel instead of by a signal") {
    Config config = serving_config();
    config.stop_delay = {};
    config.queue_grace = {};
    Bench bench(config);
    bench.bring_up();
    bench.turn({Greeted{bench.incarnation(0), true}, Greeted{bench.incarnation(1), false}});
    bench.turn({StopRequested{}});
    CHECK(only<Drain>(bench.actions)->within == seconds{30});
    CHECK(signals_sent(bench.actions, 15) == 1);
}

TEST_CASE("old and new workers of a rotation both leave with reeve") {
    PoolPolicy policy = calm_policy();
    Bench bench(policy);
    bench.bring_up();
    bench.turn({RotationRequested{}});
    bench.boot_successor();
    bench.turn({StopRequested{}});
    CHECK(signals_sent(bench.actions, 15) == 2);
    bench.pass(seconds{1});
    CHECK(count<Rotation>(bench.records) == 0);
}

TEST_CASE("nothing wakes reeve up after it has left") {
    Bench bench(calm_policy());
    bench.turn();
    const Incarnation last = bench.incarnation();
    bench.turn({StopRequested{StopMode::immediate}});
    bench.exit(last, KilledBy{9, false});
    CHECK(bench.supervisor.stop_phase() == StopPhase::left);
    bench.turn({StopRequested{}, SaidReady{last}, Tick{}, RotationRequested{}});
    CHECK(bench.last.actions.empty());
    CHECK(count<Leave>(bench.actions) == 1);
}

TEST_CASE("a copy of the supervisor is a snapshot: fed the same, it does the same") {
    Bench bench(calm_policy(3));
    bench.bring_up();
    Supervisor copy = bench.supervisor;
    const std::vector<Event> events{Exited{bench.incarnation(1), ExitedWith{1}},
                                    StopRequested{StopMode::fast}};
    const Output again = copy.turn(events, bench.now);
    bench.turn(events);
    CHECK(again.actions.size() == bench.last.actions.size());
    CHECK(again.records.size() == bench.last.records.size());
    CHECK(copy.next_deadline() == bench.supervisor.next_deadline());
}

}  // namespace
}  // namespace reeve::core::test
