// The view of a real supervisor whose workers are made up.
#include <doctest/doctest.h>

#include "unit/core/bench.hpp"
#include "unit/daemon/support.hpp"

namespace reeve::daemon::test {
namespace {

using core::test::Bench;
using core::test::calm_policy;

/// A supervisor with one pool, and the history of its records.
struct Scene {
    explicit Scene(const core::PoolPolicy& policy) : bench(policy) {
        shell.pools = {"pool1"};
        shell.listening = {{"web", "tcp://127.0.0.1:80", 2, 2048}};
    }

    PoolView look() {
        for (; noted < bench.records.size(); ++noted) {
            history.note(bench.records[noted], shell, {});
        }
        return view_of(bench.pool(), bench.now, history, sampler, shell, shell);
    }

    Bench bench;
    Shell shell;
    History history;
    Sampler sampler;
    std::size_t noted = 0;
};

std::uint32_t in_state(const PoolView& view, core::State state) {
    return view.by_state.at(static_cast<std::size_t>(state));
}

TEST_CASE("a table by state would be read with the wrong names") {
    for (std::size_t i = 0; i < all_states.size(); ++i) {
        CHECK(static_cast<std::size_t>(all_states.at(i)) == i);
    }
    CHECK(core::name(static_cast<core::State>(all_states.size())) == "unknown");
}

TEST_CASE("requests would go backwards when a worker crashes") {
    Scene scene(calm_policy(2));
    scene.bench.bring_up();
    const auto first = scene.bench.incarnation(0);
    scene.bench.turn(
        {scene.bench.beat(first, 30), scene.bench.beat(scene.bench.incarnation(1), 5)});
    CHECK(scene.look().counters.requests == 35);
    scene.bench.exit(first);
    CHECK(scene.look().counters.requests == 35);
    scene.bench.bring_up();
    scene.bench.turn({scene.bench.beat(scene.bench.incarnation(0), 4)});
    const PoolView view = scene.look();
    CHECK(view.counters.requests == 39);
    CHECK(view.past.restarts == 1);
    CHECK(view.workers.at(0).requests == 4);
}

TEST_CASE("requests of a worker that waits for its next start would count twice") {
    Scene scene(calm_policy());
    scene.bench.bring_up();
    for (int i = 0; i < 2; ++i) {
        scene.bench.bring_up();
        scene.bench.turn({scene.bench.beat(scene.bench.incarnation(), 10)});
        scene.bench.exit(scene.bench.incarnation());
    }
    REQUIRE(scene.bench.state() == core::State::backoff);
    const PoolView view = scene.look();
    CHECK(view.counters.requests == 20);
    CHECK(view.workers.at(0).pid == 0);
    CHECK_FALSE(view.workers.at(0).age);
    CHECK(in_state(view, core::State::backoff) == 1);
}

TEST_CASE("a replacement under way would not be told from the worker that serves") {
    Scene scene(calm_policy());
    scene.bench.bring_up();
    scene.bench.turn({core::RotationRequested{core::Seat{}}});
    PoolView view = scene.look();
    REQUIRE(view.workers.size() == 2);
    CHECK(view.workers[0].role == Role::current);
    CHECK(view.workers[0].due == core::Reason::requested);
    CHECK(view.workers[1].role == Role::successor);
    CHECK(view.workers[1].state == core::State::starting);
    scene.bench.boot_successor();
    scene.bench.pass(milliseconds{200});
    view = scene.look();
    REQUIRE(view.workers.size() == 2);
    CHECK(view.workers[0].state == core::State::serving);
    CHECK(view.workers[1].role == Role::leaving);
    CHECK(view.draining == 1);
    CHECK(view.ready == 1);
    CHECK(in_state(view, core::State::draining) == 1);
}

TEST_CASE("a worker that falls silent would look as lively as the others") {
    Scene scene(calm_policy());
    scene.bench.bring_up();
    CHECK_FALSE(scene.look().workers.at(0).beat_age);
    const auto who = scene.bench.incarnation();
    scene.bench.turn({scene.bench.beat_of({1, 1}, who), scene.bench.beat_of({2, 1}, who)});
    scene.bench.pass(seconds{3});
    scene.bench.turn({scene.bench.beat_of({2, 1}, who)});
    CHECK(scene.look().workers.at(0).beat_age == seconds{3});
}

TEST_CASE("a limit that nobody can keep would look kept") {
    core::PoolPolicy policy = calm_policy();
    policy.max_requests = 100;
    policy.slow_request = seconds{1};
    Scene scene(policy);
    scene.bench.bring_up();
    REQUIRE(scene.look().settings.size() == 2);
    CHECK(scene.look().settings[0].name == "max_requests");
    CHECK(scene.look().settings[0].enforced);
    scene.bench.pass(seconds{4});
    CHECK_FALSE(scene.look().settings[0].enforced);
    CHECK_FALSE(scene.look().settings[1].enforced);
    scene.bench.turn({scene.bench.beat(scene.bench.incarnation())});
    CHECK(scene.look().settings[0].enforced);
}

TEST_CASE("busy workers could not be counted") {
    Scene scene(calm_policy(2));
    scene.bench.bring_up();
    core::Beat beat = scene.bench.beat(scene.bench.incarnation(1), 3);
    beat.frame.in_flight = 6;
    scene.bench.turn({beat});
    const PoolView view = scene.look();
    CHECK(view.busy == 1);
    CHECK(view.in_flight == 6);
    CHECK(view.workers.at(1).in_flight == 6);
    CHECK(view.workers.at(1).pid == 1000 + static_cast<pid_t>(view.workers.at(1).incarnation));
}

}  // namespace
}  // namespace reeve::daemon::test
