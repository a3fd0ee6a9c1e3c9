// Workers with queues of their own: where they sit, who gets connections, and what is left behind.
#include <doctest/doctest.h>

#include "core/limits.hpp"
#include "unit/core/bench.hpp"

namespace reeve::core::test {
namespace {

PoolPolicy own_queues(std::uint32_t workers = 1) {
    PoolPolicy policy = calm_policy(workers);
    policy.accept = Accept::per_worker;
    policy.has_sockets = true;
    policy.graceful_timeout = seconds{30};
    return policy;
}

/// "0a 1b" of the newest Steer.
std::string steered(const Bench& bench) {
    std::string text;
    const auto all = all_of<Steer>(bench.actions);
    if (all.empty()) return "never";
    for (const Place& place : all.back().places) {
        text += (text.empty() ? "" : " ") + std::to_string(number(place.slot)) +
                (place.side == Side::a ? 'a' : 'b');
    }
    return text;
}

void rotate(Bench& bench, std::uint32_t slot = 0) {
    bench.turn({RotationRequested{{PoolIndex{0}, SlotIndex{slot}}}});
}

/// Lets time pass while every look at a worker's queue is answered so.
void pass_with(Bench& bench, Duration duration, std::uint32_t waiting, std::uint32_t busy) {
    const Time end = bench.now + duration;
    while (true) {
        const auto due = bench.supervisor.next_deadline();
        if (!due || *due > end) break;
        bench.now = std::max(bench.now, *due);
        bench.turn({Tick{}});
        for (const LookAtQueue& look : all_of<LookAtQueue>(bench.last.actions)) {
            bench.turn({QueueSeen{look.incarnation, waiting, busy, 1}});
        }
    }
    bench.now = end;
}

TEST_CASE("a planned successor sits on the free side, a crash replacement on that of the dead") {
    Bench bench(own_queues());
    bench.bring_up();
    CHECK(only<Spawn>(bench.actions)->side == Side::a);
    bench.exit(bench.incarnation());
    CHECK(only<Spawn>(bench.last.actions)->side == Side::a);
    bench.pass(seconds{20});
    bench.bring_up();
    bench.pass(seconds{20});
    rotate(bench);
    CHECK(only<Spawn>(bench.last.actions)->side == Side::b);
    const Incarnation old = bench.incarnation();
    bench.boot_successor();
    bench.pass(milliseconds{100});
    bench.exit(old, ExitedWith{0});
    CHECK(bench.current().side() == Side::b);
    bench.pass(seconds{20});
    bench.exit(bench.incarnation());
    CHECK(only<Spawn>(bench.last.actions)->side == Side::b);
}

TEST_CASE("new connections go to whoever is ready, and move to a successor at its Ready") {
    Bench bench(own_queues(2));
    bench.turn();
    CHECK(steered(bench) == "0a 1a");
    std::vector<Event> events;
    Bench::add_boot(bench.current(0), events);
    bench.turn(events);
    CHECK(steered(bench) == "0a");
    events.clear();
    Bench::add_boot(bench.current(1), events);
    bench.turn(events);
    CHECK(steered(bench) == "0a 1a");
    rotate(bench, 1);
    CHECK(steered(bench) == "0a 1a");
    bench.boot_successor(1);
    CHECK(steered(bench) == "0a 1b");
    // It dies before the other was told to go.
    bench.exit(bench.slot(1).successor->incarnation());
    CHECK(steered(bench) == "0a 1a");
    bench.exit(bench.incarnation(0));
    CHECK(steered(bench) == "1a");
    bench.exit(bench.incarnation(1));
    CHECK(count<Steer>(bench.last.actions) == 1);
    CHECK(steered(bench) == "0a 1b");
}

TEST_CASE("a worker is told to leave when its queue has settled and its connections ran out") {
    Bench bench(own_queues());
    bench.bring_up();
    const Incarnation old = bench.incarnation();
    rotate(bench);
    bench.boot_successor();
    pass_with(bench, milliseconds{100}, 0, 0);
    CHECK(steered(bench) == "0b");
    CHECK(signals_sent(bench.actions, 15) == 0);
    pass_with(bench, seconds{1}, 1, 0);
    CHECK(signals_sent(bench.actions, 15) == 0);
    pass_with(bench, seconds{1}, 0, 1);
    CHECK(signals_sent(bench.actions, 15) == 0);
    pass_with(bench, milliseconds{100}, 0, 0);
    CHECK(signals_sent(bench.actions, 15) == 1);
    CHECK(only<Signal>(bench.actions)->incarnation == old);
    bench.pass(seconds{30});
    CHECK(signals_sent(bench.actions, 9) == 1);
}

TEST_CASE("connections that never end do not keep a worker for longer than half its grace") {
    Bench bench(own_queues());
    bench.bring_up();
    rotate(bench);
    bench.boot_successor();
    pass_with(bench, milliseconds{100}, 0, 1);
    pass_with(bench, milliseconds{14'999}, 0, 1);
    CHECK(signals_sent(bench.actions, 15) == 0);
    pass_with(bench, milliseconds{1}, 0, 1);
    CHECK(signals_sent(bench.actions, 15) == 1);
    pass_with(bench, milliseconds{14'999}, 0, 1);
    CHECK(signals_sent(bench.actions, 9) == 0);
    pass_with(bench, milliseconds{1}, 0, 1);
    CHECK(signals_sent(bench.actions, 9) == 1);
}

TEST_CASE("who drains by itself is told once its queue is empty, whatever it has in hand") {
    Bench bench(own_queues());
    bench.bring_up();
    const Incarnation old = bench.incarnation();
    bench.turn({Greeted{old, true}});
    rotate(bench);
    bench.boot_successor();
    pass_with(bench, milliseconds{100}, 0, 1);
    CHECK(count<Drain>(bench.actions) == 0);
    pass_with(bench, milliseconds{200}, 0, 1);
    CHECK(only<Drain>(bench.actions)->within < seconds{30});
}

TEST_CASE("a fast stop does not wait for queues") {
    Bench bench(own_queues());
    bench.bring_up();
    rotate(bench);
    bench.boot_successor();
    pass_with(bench, milliseconds{100}, 1, 1);
    bench.turn({StopRequested{StopMode::fast}});
    CHECK(signals_sent(bench.last.actions, 15) == 2);
}

TEST_CASE("a successor waits until nobody drains on its side") {
    Bench bench(own_queues());
    bench.bring_up();
    const Incarnation old = bench.incarnation();
    rotate(bench);
    bench.boot_successor();
    pass_with(bench, milliseconds{300}, 0, 0);
    CHECK(bench.slot().leaving.size() == 1);
    rotate(bench);
    CHECK_FALSE(bench.slot().successor);
    bench.exit(old, ExitedWith{0});
    REQUIRE(bench.slot().successor);
    CHECK(bench.slot().successor->side() == Side::a);
}

TEST_CASE("connections that a worker left behind are taken by a successor on that side") {
    Bench bench(own_queues());
    bench.bring_up();
    bench.pass(seconds{10});
    const Incarnation old = bench.incarnation();
    rotate(bench);
    bench.boot_successor();
    pass_with(bench, milliseconds{300}, 0, 0);
    bench.exit(old, ExitedWith{0});
    CHECK(count<LookAtSides>(bench.last.actions) == 0);
    bench.pass(side_looks[0]);
    const auto look = only<LookAtSides>(bench.last.actions);
    REQUIRE(look);
    bench.turn({SidesSeen{look->seat, {0, 5}}});  // b is served
    CHECK_FALSE(bench.slot().successor);
    bench.turn({SidesSeen{look->seat, {2, 0}}});
    REQUIRE(bench.slot().successor);
    CHECK(bench.slot().successor->side() == Side::a);
    CHECK(bench.slot().roll_reason == Reason::left_queue);
}

TEST_CASE(
    "a queue that nobody takes any more is looked at until it is, but an empty one not long") {
    Bench bench(own_queues());
    bench.bring_up();
    bench.pass(seconds{10});
    const Incarnation old = bench.incarnation();
    rotate(bench);
    bench.boot_successor();
    pass_with(bench, milliseconds{300}, 0, 0);
    bench.exit(old, ExitedWith{0});
    const auto looks = [&] { return count<LookAtSides>(bench.actions); };
    const auto before = looks();
    bench.pass(seconds{60});
    CHECK(looks() == before + side_looks.size());
    CHECK_FALSE(bench.supervisor.next_deadline());
}

TEST_CASE("connections that wait at a seat which is not wanted any more are said") {
    Bench bench(own_queues(2));
    bench.bring_up();
    bench.pass(seconds{10});
    const Incarnation gone = bench.incarnation(1);
    bench.turn({Commanded{CommandId{1}, ScaleCommand{"pool1", 1, false}}});
    CHECK(steered(bench) == "0a");
    bench.exit(gone);
    bench.pass(side_looks[0]);
    const auto look = only<LookAtSides>(bench.last.actions);
    REQUIRE(look);
    bench.turn({SidesSeen{look->seat, {3, 0}}});
    CHECK(only<QueueLeft>(bench.last.records)->waiting == 3);
    bench.turn({SidesSeen{look->seat, {3, 0}}});
    CHECK(count<QueueLeft>(bench.last.records) == 0);
}

TEST_CASE("with no room beside it, what comes while a worker leaves waits for the next one") {
    PoolPolicy policy = own_queues();
    policy.max_surge = 0;
    policy.max_unavailable = 1;
    Bench bench(policy);
    bench.bring_up();
    const Incarnation old = bench.incarnation();
    rotate(bench);
    CHECK(bench.state() == State::draining);
    CHECK(steered(bench) == "0b");
    bench.exit(old, ExitedWith{0});
    CHECK(only<Spawn>(bench.last.actions)->side == Side::b);
}

PoolPolicy by_queue() {
    PoolPolicy policy = own_queues();
    policy.liveness = Liveness::queue;
    policy.timeout = seconds{3};
    return policy;
}

/// Answers every look for so long with what is seen.
void look_for(Bench& bench, Duration duration, std::uint32_t waiting, bool runs) {
    static std::uint64_t ran = 1;
    const Time end = bench.now + duration;
    while (true) {
        const auto due = bench.supervisor.next_deadline();
        if (!due || *due > end) break;
        bench.now = std::max(bench.now, *due);
        bench.turn({Tick{}});
        for (const LookAtQueue& look : all_of<LookAtQueue>(bench.last.actions)) {
            if (runs) ++ran;
            bench.turn({QueueSeen{look.incarnation, waiting, 0, ran}});
        }
    }
    bench.now = end;
}

TEST_CASE("who lets connections wait and does not run is hung, to the moment") {
    Bench bench(by_queue());
    bench.bring_up();
    look_for(bench, seconds{1}, 0, false);
    CHECK(count<Hang>(bench.records) == 0);
    // First seen at the next look, three tenths of a second on at most.
    const Time from = bench.now;
    look_for(bench, milliseconds{300}, 2, false);
    look_for(bench, milliseconds{2'699}, 2, false);
    CHECK(count<Hang>(bench.records) == 0);
    look_for(bench, milliseconds{301}, 2, false);
    const auto hang = only<Hang>(bench.records);
    REQUIRE(hang);
    CHECK(hang->silence == seconds{3});
    CHECK(hang->waiting == 2);
    CHECK(bench.now - from == milliseconds{3'300});
    CHECK(signals_sent(bench.actions, 6) == 1);
}

TEST_CASE("neither an idle worker nor a busy one is ever hung by its queue, in an hour") {
    Bench bench(by_queue());
    bench.bring_up();
    look_for(bench, std::chrono::minutes{60}, 0, false);
    look_for(bench, std::chrono::minutes{60}, 1, true);
    for (int i = 0; i < 100; ++i) {
        look_for(bench, milliseconds{2'500}, 1, false);
        look_for(bench, milliseconds{700}, 1, true);
    }
    CHECK(count<Hang>(bench.records) == 0);
    CHECK(bench.state() == State::serving);
}

TEST_CASE("what cannot be seen to stand still is not hung") {
    Bench bench(by_queue());
    bench.bring_up();
    for (int i = 0; i < 100; ++i) {
        bench.pass(milliseconds{300});
        for (const LookAtQueue& look : all_of<LookAtQueue>(bench.last.actions)) {
            bench.turn({QueueSeen{look.incarnation, 1, 0, {}}});
        }
    }
    CHECK(count<Hang>(bench.records) == 0);
}

}  // namespace
}  // namespace reeve::core::test
