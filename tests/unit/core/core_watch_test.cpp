// What is watched while a worker serves: silence, absences of reeve, requests, floods, core dumps.
#include <doctest/doctest.h>

#include "core/limits.hpp"
#include "unit/core/bench.hpp"

namespace reeve::core::test {
namespace {

PoolPolicy watched() {
    PoolPolicy policy = calm_policy();
    policy.timeout = seconds{30};
    policy.beat_interval = seconds{10};
    policy.max_surge = 0;
    policy.max_unavailable = 1;
    return policy;
}

/// Answers the newest examination.
void answer(Bench& bench, Examined::Finding finding) {
    const auto asked = all_of<Examine>(bench.actions);
    REQUIRE_FALSE(asked.empty());
    bench.turn({Examined{asked.back().incarnation, asked.back().process, finding}});
}

TEST_CASE("a hung worker is found when its time is over, not at the next poll") {
    Bench bench(watched());
    bench.bring_up();
    bench.turn({bench.beat(bench.incarnation(), 7)});
    bench.pass(seconds{30} - milliseconds{1});
    CHECK(count<Hang>(bench.records) == 0);
    bench.pass(milliseconds{1});
    answer(bench, Examined::Finding::alive);
    const auto hang = only<Hang>(bench.records);
    REQUIRE(hang);
    CHECK(hang->silence == seconds{30});
    CHECK(hang->requests == 7);
    CHECK(bench.state() == State::aborting);
    CHECK(signals_sent(bench.actions, 6) == 1);
    CHECK(count<Describe>(bench.actions) == 1);
}

TEST_CASE("an idle worker that beats as irregularly as a loop does is never taken for hung") {
    PoolPolicy policy = watched();
    policy.liveness = Liveness::preload;
    policy.timeout = seconds{2};
    policy.beat_interval = milliseconds{500};
    Bench bench(policy);
    bench.bring_up();
    bench.turn({Greeted{.incarnation = bench.incarnation(), .drains = true, .preloaded = true}});
    bench.turn({bench.beat(bench.incarnation())});
    const Time end = bench.now + std::chrono::hours{1};
    std::uint32_t noise = 1;
    while (bench.now < end) {
        // From at once to just within the timeout: a wait is cut into parts, the machine is busy.
        noise = noise * 1664525U + 1013904223U;
        bench.pass(milliseconds{noise % 2000});
        bench.turn({bench.beat(bench.incarnation())});
    }
    CHECK(count<Hang>(bench.records) == 0);
    CHECK(count<Signal>(bench.actions) == 0);
    CHECK(bench.state() == State::serving);
    bench.pass(seconds{2});
    answer(bench, Examined::Finding::alive);
    CHECK(count<Hang>(bench.records) == 1);
}

TEST_CASE("a hang is found also when /proc gives no answer") {
    Bench bench(watched());
    bench.bring_up();
    bench.turn({bench.beat(bench.incarnation())});
    bench.pass(seconds{30} + examine_timeout);
    CHECK(count<Hang>(bench.records) == 1);
}

TEST_CASE("a worker that never beat is not killed for silence, unless beats are required") {
    PoolPolicy policy = watched();
    SUBCASE("automatic") {}
    SUBCASE("required") { policy.liveness = Liveness::required; }
    Bench bench(policy);
    bench.bring_up();
    bench.pass(seconds{31});
    CHECK(count<Hang>(bench.records) == (policy.liveness == Liveness::required ? 1 : 0));
}

TEST_CASE("a worker that has to beat cannot escape by closing its pipe") {
    PoolPolicy policy = watched();
    policy.liveness = Liveness::required;
    Bench bench(policy);
    bench.bring_up();
    bench.turn({bench.beat(bench.incarnation())});
    bench.turn({BeatsEnded{bench.incarnation()}});
    bench.pass(seconds{29});
    CHECK(count<Hang>(bench.records) == 0);
    bench.pass(seconds{2});
    CHECK(count<Hang>(bench.records) == 1);
}

TEST_CASE("a boot that takes longer than `timeout` is no hang") {
    Bench bench(watched());
    bench.turn();
    bench.turn({bench.beat(bench.incarnation(), 0, Phase::starting)});
    bench.pass(seconds{45});
    bench.turn({SaidReady{bench.incarnation()}});
    bench.pass(seconds{29});
    CHECK(bench.state() == State::serving);
    CHECK(count<Hang>(bench.records) == 0);
}

TEST_CASE("one hung process is found although the others of the worker beat") {
    Bench bench(watched());
    bench.bring_up();
    const Incarnation who = bench.incarnation();
    bench.turn({bench.beat_of({1, 1}, who), bench.beat_of({2, 1}, who)});
    for (int i = 0; i < 3; ++i) {
        bench.pass(seconds{10});
        bench.turn({bench.beat_of({1, 1}, who)});
    }
    answer(bench, Examined::Finding::alive);
    CHECK(only<Hang>(bench.records)->process == 2);
}

TEST_CASE("a process that is gone or became another program is not waited for") {
    Bench bench(watched());
    bench.bring_up();
    bench.turn({bench.beat(bench.incarnation())});
    bench.pass(seconds{30});
    answer(bench, Examined::Finding::other_image);
    bench.pass(seconds{60});
    CHECK(bench.state() == State::serving);
}

TEST_CASE("the absence of reeve kills nobody: what waited in the pipe counts first") {
    Bench bench(watched());
    bench.bring_up();
    const Incarnation who = bench.incarnation();
    bench.turn({bench.beat(who)});
    bench.be_away(seconds{100});
    Beat waited = bench.beat(who);
    waited.frame.sent = bench.now - seconds{90};
    bench.turn({Tick{}, waited});
    CHECK(only<Lateness>(bench.records)->late == seconds{75});
    bench.pass(seconds{29});
    CHECK(bench.state() == State::serving);
    CHECK(count<Hang>(bench.records) == 0);
}

TEST_CASE("an absence is forgiven once for each beat, so that a dead worker is found in the end") {
    Bench bench(watched());
    bench.bring_up();
    bench.turn({bench.beat(bench.incarnation())});
    bench.be_away(seconds{100});
    bench.turn({Tick{}});
    CHECK(count<Hang>(bench.records) == 0);
    CHECK(bench.state() == State::serving);
    bench.be_away(seconds{100});
    bench.turn({Tick{}});
    bench.pass(examine_timeout);
    CHECK(count<Hang>(bench.records) == 1);
}

TEST_CASE("a beat that came with the end of an absence is good for the next absence, too") {
    Bench bench(watched());
    bench.bring_up();
    const Incarnation who = bench.incarnation();
    bench.turn({bench.beat(who)});
    bench.be_away(seconds{100});
    bench.turn({bench.beat(who), Tick{}});
    bench.be_away(seconds{100});
    bench.turn({Tick{}});
    bench.pass(seconds{1});
    CHECK(count<Hang>(bench.records) == 0);
}

TEST_CASE("a worker that was frozen together with reeve gets the time to boot and to drain") {
    PoolPolicy policy = watched();
    policy.start_timeout = seconds{10};
    policy.graceful_timeout = seconds{10};
    Bench bench(policy);
    bench.turn();
    bench.be_away(seconds{60});
    bench.turn({Tick{}});
    CHECK(bench.state() == State::starting);
    bench.turn({SaidReady{bench.incarnation()}});
    bench.turn({StopRequested{}});
    bench.be_away(seconds{60});
    bench.turn({Tick{}});
    CHECK(bench.state() == State::draining);
    CHECK(count<Kill>(bench.records) == 0);
}

TEST_CASE("a stop that waited out an absence has its own time, not that of the absence") {
    PoolPolicy policy = watched();
    policy.graceful_timeout = seconds{10};
    Bench bench(policy);
    bench.bring_up();
    bench.turn({bench.beat(bench.incarnation())});
    bench.be_away(seconds{3600});
    bench.turn({StopRequested{}, Tick{}});
    bench.pass(seconds{10});
    CHECK(count<Kill>(bench.records) == 1);
}

TEST_CASE("a slow request is one record, a request over its limit is no hang but ends the worker") {
    PoolPolicy policy = watched();
    policy.slow_request = seconds{2};
    policy.request_timeout = seconds{5};
    Bench bench(policy);
    bench.bring_up();
    const Time began = bench.now;
    const auto stuck = [&](std::uint32_t process, Time since) {
        Beat beat = bench.beat_of({process, 1}, bench.incarnation());
        beat.frame.oldest = since;
        beat.frame.in_flight = 1;
        bench.turn({beat});
    };
    for (int i = 0; i < 4; ++i) {
        bench.pass(seconds{1});
        stuck(1, began);
        stuck(2, began + milliseconds{500});
    }
    CHECK(count<SlowRequest>(bench.records) == 2);
    CHECK(count<RequestTimeout>(bench.records) == 0);
    bench.pass(seconds{1});
    stuck(1, began);
    CHECK(only<RequestTimeout>(bench.records)->age == seconds{5});
    CHECK(count<Hang>(bench.records) == 0);
    CHECK(bench.state() == State::aborting);
}

TEST_CASE("a slow request that the worker names is recorded once, with its name") {
    PoolPolicy policy = watched();
    policy.slow_request = seconds{2};
    Bench bench(policy);
    bench.bring_up();
    const Incarnation who = bench.incarnation();
    SUBCASE("it said that it reports") {
        bench.turn({Greeted{who, false, false, true}});
        const Time began = bench.now;
        bench.pass(seconds{3});
        Beat beat = bench.beat(who);
        beat.frame.oldest = began;
        bench.turn({beat, SaidSlow{who, seconds{3}, "GET", "/report"}});
        const auto slow = only<SlowRequest>(bench.records);
        REQUIRE(slow);
        CHECK(slow->method == "GET");
        CHECK(slow->target == "/report");
        CHECK(slow->age == seconds{3});
        CHECK(slow->limit == seconds{2});
    }
    SUBCASE("it said nothing, and its beat was first") {
        const Time began = bench.now;
        bench.pass(seconds{3});
        Beat beat = bench.beat(who);
        beat.frame.oldest = began;
        bench.turn({beat});
        bench.pass(seconds{1});
        bench.turn({SaidSlow{who, seconds{4}, "GET", "/report"}});
        CHECK(count<SlowRequest>(bench.records) == 1);
        // From then on it is known to report.
        bench.turn({SaidSlow{who, seconds{3}, "GET", "/other"}});
        CHECK(count<SlowRequest>(bench.records) == 2);
        beat = bench.beat(who);
        beat.frame.oldest = bench.now - seconds{3};
        bench.turn({beat});
        CHECK(count<SlowRequest>(bench.records) == 2);
    }
    SUBCASE("it is within the limit, or lies about time") {
        bench.turn({SaidSlow{who, seconds{1}, "GET", "/"}});
        CHECK(count<SlowRequest>(bench.records) == 0);
        bench.turn({SaidSlow{who, Duration::max(), "GET", "/"}});
        CHECK(count<SlowRequest>(bench.records) == 1);
    }
}

TEST_CASE("a worker whose requests are all slow would fill the log") {
    PoolPolicy policy = watched();
    policy.slow_request = milliseconds{1};
    Bench bench(policy);
    bench.bring_up();
    const Incarnation who = bench.incarnation();
    std::vector<Event> many(1000, SaidSlow{who, seconds{1}, "GET", "/"});
    bench.turn(many);
    CHECK(count<SlowRequest>(bench.records) == slow_requests_per_second_max);
    bench.pass(seconds{1});
    bench.turn({SaidSlow{who, seconds{1}, "GET", "/"}});
    const auto all = all_of<SlowRequest>(bench.records);
    REQUIRE(all.size() == slow_requests_per_second_max + 1);
    CHECK(all.back().left_out == 1000 - slow_requests_per_second_max);
    CHECK(bench.state() == State::serving);
}

TEST_CASE("a flooder is recorded, not read any more, and replaced") {
    Bench bench(watched());
    bench.bring_up();
    const Incarnation who = bench.incarnation();
    std::vector<Event> packets;
    for (std::uint32_t i = 0; i <= beat_packets_per_second_max; ++i) {
        packets.emplace_back(bench.beat(who, i));
    }
    bench.turn(std::move(packets));
    CHECK(count<Flood>(bench.records) == 1);
    CHECK(count<IgnoreBeats>(bench.actions) == 1);
    CHECK(only<RotationDue>(bench.records)->reason == Reason::flood);
    bench.turn({bench.beat(who), Garbage{who, Garbage::Channel::heartbeat, 1000}});
    CHECK(count<Flood>(bench.records) == 1);
}

TEST_CASE("garbage is said once per worker and costs a well-behaved one nothing") {
    Bench bench(watched());
    bench.bring_up();
    for (int i = 0; i < 10; ++i) {
        bench.turn({Garbage{bench.incarnation(), Garbage::Channel::control, 1'000'000}});
    }
    CHECK(count<GarbageReceived>(bench.records) == 1);
    CHECK(count<Flood>(bench.records) == 0);
    CHECK(bench.state() == State::serving);
}

TEST_CASE("a worker that dumps core is replaced at once and not killed before core_timeout") {
    PoolPolicy policy = watched();
    policy.max_surge = 1;
    policy.max_unavailable = 0;
    policy.core_timeout = seconds{60};
    Bench bench(policy);
    bench.bring_up();
    const Incarnation dumping = bench.incarnation();
    bench.turn({bench.beat(dumping)});
    bench.pass(seconds{25});
    answer(bench, Examined::Finding::dumping_core);
    CHECK(count<CoreDump>(bench.records) == 1);
    CHECK(bench.incarnation() != dumping);
    CHECK(bench.state() == State::starting);
    bench.bring_up();
    bench.pass(seconds{59});
    CHECK(count<Kill>(bench.records) == 0);
    bench.pass(seconds{2});
    CHECK(only<Kill>(bench.records)->about.incarnation == dumping);
}

TEST_CASE("the dump that reeve asked for is waited for before SIGKILL") {
    PoolPolicy policy = watched();
    policy.core_timeout = seconds{20};
    Bench bench(policy);
    bench.bring_up();
    bench.turn({bench.beat(bench.incarnation())});
    bench.pass(seconds{30});
    answer(bench, Examined::Finding::alive);
    bench.pass(policy.abort_timeout);
    answer(bench, Examined::Finding::dumping_core);
    bench.turn({Examined{bench.incarnation(), ProcessKey{}, Examined::Finding::alive}});
    bench.pass(seconds{19});
    CHECK(count<Kill>(bench.records) == 0);
    bench.pass(seconds{1});
    CHECK(count<Kill>(bench.records) == 1);
}

TEST_CASE("the hook runs before SIGABRT, for as long as it may") {
    PoolPolicy policy = watched();
    policy.has_on_hang = true;
    policy.hook_timeout = seconds{4};
    Bench bench(policy);
    bench.bring_up();
    bench.turn({bench.beat(bench.incarnation())});
    bench.pass(seconds{30} + examine_timeout);
    CHECK(bench.state() == State::hung);
    CHECK(count<RunHangHook>(bench.actions) == 1);
    CHECK(signals_sent(bench.actions, 6) == 0);
    SUBCASE("it ends") { bench.turn({HookEnded{bench.incarnation()}}); }
    SUBCASE("it does not end") { bench.pass(seconds{4}); }
    CHECK(signals_sent(bench.actions, 6) == 1);
}

TEST_CASE("a limit that nobody can enforce is said once") {
    PoolPolicy policy = watched();
    policy.max_requests = 100;
    policy.timeout_written = true;
    Bench bench(policy);
    bench.bring_up();
    bench.pass(seconds{120});
    CHECK(count<NotEnforced>(bench.records) == 2);
}

}  // namespace
}  // namespace reeve::core::test
