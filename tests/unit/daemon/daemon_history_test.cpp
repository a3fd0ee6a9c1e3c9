// Records folded: sums that never go back, and the events that a status shows.
#include <csignal>
#include <limits>

#include <doctest/doctest.h>

#include "unit/daemon/support.hpp"

namespace reeve::daemon::test {
namespace {

const WallTime noon{std::chrono::hours{12}};

TEST_CASE("the first start of a worker, or more workers, would look like a crash loop") {
    Shell shell;
    History history;
    for (const core::Reason reason :
         {core::Reason::start, core::Reason::scale, core::Reason::stopped}) {
        history.note(starting(reason), shell, noon);
    }
    CHECK(history.of("web").restarts == 0);
    for (const core::Reason reason :
         {core::Reason::crash, core::Reason::boot_failure, core::Reason::requests}) {
        history.note(starting(reason), shell, noon);
    }
    CHECK(history.of("web").restarts == 3);
    CHECK(history.of("queue").restarts == 0);
}

TEST_CASE("what a dead worker did would vanish from the counters") {
    Shell shell;
    History history;
    history.note(died(1, 40), shell, noon);
    history.note(died(2, 2), shell, noon, seconds{5});
    CHECK(history.of("web").counters.requests == 42);
    CHECK(history.of("web").deaths == 2);
    // The second was last seen with more than the kernel reports of it alone.
    CHECK(history.of("web").cpu_time.at(0) == seconds{7});
}

TEST_CASE("a worker that lies about its counters would make a sum start anew") {
    core::Counters sum;
    sum.requests = 10;
    core::Counters more;
    more.requests = std::numeric_limits<std::uint64_t>::max();
    more.latency_counts[3] = 7;
    add(sum, more);
    add(sum, more);
    CHECK(sum.requests == std::numeric_limits<std::uint64_t>::max());
    CHECK(sum.latency_counts[3] == 14);
}

TEST_CASE("a planned replacement would hide the crash that an operator looks for") {
    Shell shell;
    shell.outputs[1] = "Traceback\nboom\n";
    History history;
    history.note(died(1, 0, core::ExitedWith{3}), shell, noon);
    history.note(died(2, 0, core::ExitedWith{0}, core::Reason::requests), shell, noon);
    history.note(died(3, 0, core::KilledBy{SIGTERM}, core::Reason::reload), shell, noon);
    REQUIRE(history.of("web").last_death);
    const Death& death = *history.of("web").last_death;
    CHECK(death.pid == 1001);
    CHECK(death.cause == "exit_code");
    CHECK(death.last_output == "Traceback\nboom\n");
    SUBCASE("but one that would not leave is no plan") {
        history.note(died(4, 0, core::KilledBy{SIGKILL}, core::Reason::reload), shell, noon);
        CHECK(history.of("web").last_death->pid == 1004);
    }
    SUBCASE("nor is one that hung") {
        history.note(died(5, 0, core::KilledBy{SIGABRT}, core::Reason::hang), shell, noon);
        CHECK(history.of("web").last_death->reason == core::Reason::hang);
    }
}

TEST_CASE("nobody would see that the files and what runs differ") {
    Shell shell;
    History history;
    CHECK_FALSE(history.diverged());
    core::ReloadFailure failure;
    failure.about = about(7);
    failure.reason = core::Reason::boot_failure;
    failure.status = core::ExitedWith{3};
    history.note(core::ReloadStart{1}, shell, noon);
    history.note(failure, shell, noon);
    history.note(core::PoolReload{core::PoolIndex{0}, core::Generation{1}, false, seconds{4}},
                 shell, noon);
    history.note(core::Reload{false, 1, seconds{4}}, shell, noon);
    CHECK(history.diverged());
    CHECK(history.of("web").diverged);
    REQUIRE(history.of("web").last_reload);
    CHECK(history.of("web").last_reload->result == ReloadResult::rolled_back);
    CHECK(history.of("web").last_reload->took == seconds{4});
    CHECK(history.of("web").last_reload->why.find("exited with code 3") != std::string::npos);

    SUBCASE("a reload that works ends it") {
        history.note(core::ReloadStart{1}, shell, noon);
        history.note(core::PoolReload{core::PoolIndex{0}, core::Generation{3}, true, seconds{1}},
                     shell, noon);
        history.note(core::Reload{true, 1, seconds{1}}, shell, noon);
        CHECK_FALSE(history.diverged());
        CHECK_FALSE(history.of("web").diverged);
        CHECK(history.of("web").last_reload->why.empty());
    }
    SUBCASE("so do files that are as they were") {
        history.note_unchanged(noon);
        CHECK_FALSE(history.diverged());
        CHECK(history.last_reload()->result == ReloadResult::success);
        CHECK_FALSE(history.of("web").diverged);
    }
}

TEST_CASE("a file that cannot be read would leave no trace but a line of the log") {
    History history;
    history.note_invalid_reload({"web"}, "reeve.yaml:3:1: unknown key", noon);
    CHECK(history.diverged());
    CHECK(history.last_reload()->result == ReloadResult::invalid);
    CHECK(history.of("web").last_reload->why == "reeve.yaml:3:1: unknown key");
    CHECK_FALSE(history.of("queue").last_reload);
}

TEST_CASE("pools that come and go would fill the memory") {
    Shell shell;
    History history;
    history.note(died(1, 40), shell, noon);
    history.keep_only({"queue"});
    CHECK(history.of("web").counters.requests == 0);
}

}  // namespace
}  // namespace reeve::daemon::test
