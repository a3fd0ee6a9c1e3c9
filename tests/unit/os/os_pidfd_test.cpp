// Children: their ends are seen, explained and reaped without touching anybody else.
#include <csignal>
#include <sys/prctl.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/pidfd.hpp"
#include "os/process.hpp"
#include "support.hpp"

using reeve::core::ExitedWith;
using reeve::core::ExitStatus;
using reeve::core::KilledBy;
using reeve::os::SpawnRequest;
using reeve::os::testing::read_line;
using reeve::os::testing::readable;
using reeve::os::testing::TestChild;

TEST_CASE("a death would be explained wrongly if the status lost its kind") {
    TestChild with_code{{}, {"exit", "42"}};
    REQUIRE(readable(with_code.child.pidfd()));
    CHECK(with_code.child.peek().value() == ExitStatus{ExitedWith{42}});
    CHECK(with_code.child.peek().value().has_value());  // looking takes nothing away
    CHECK(with_code.finish().status == ExitStatus{ExitedWith{42}});

    SpawnRequest without_core;
    without_core.limits = {{RLIMIT_CORE, 0, 0}};
    TestChild aborted{without_core, {"abort"}};
    CHECK(aborted.finish().status == ExitStatus{KilledBy{SIGABRT, false}});

    TestChild killed{{}, {"wait", "pause", "0"}};
    CHECK(read_line(killed.output.get()) == "waiting");
    CHECK_FALSE(killed.child.peek().value().has_value());
    CHECK(killed.child.reap().error().value() == EAGAIN);
    CHECK(killed.child.signal(SIGKILL).has_value());
    const auto departure = killed.finish();
    CHECK(departure.status == ExitStatus{KilledBy{SIGKILL, false}});
    CHECK(departure.usage.resident_bytes_max > 100'000);
}

TEST_CASE("a signal would hit a stranger if a reaped pid were still used") {
    TestChild child{{}, {"exit", "0"}};
    REQUIRE(readable(child.child.pidfd()));
    CHECK(child.child.signal_group(0).has_value());  // the zombie holds the group's id
    CHECK(child.child.reap().has_value());
    CHECK(child.child.signal_group(SIGTERM).error().value() == ESRCH);
    CHECK(child.child.signal(SIGTERM).error().value() == ESRCH);
    // The second reaping says that there is nothing left, and is no error.
    CHECK(child.child.reap()->status == ExitStatus{reeve::core::Lost{ECHILD}});
}

TEST_CASE("what a worker forked would survive it, holding its sockets") {
    TestChild parent{{}, {"parent", "pause", "0"}};
    CHECK(read_line(parent.output.get()) == "waiting");
    const auto tree = reeve::os::tree_of(parent.child.pid());
    REQUIRE(tree.size() == 2);
    const auto stamp = reeve::os::process_stamp(tree[1]).value();
    CHECK(reeve::os::signal_process(tree[1], stamp.start_ticks + 1, SIGKILL).error().value() ==
          ESRCH);
    CHECK(reeve::os::signal_process(tree[1], stamp.start_ticks, 0).has_value());
    CHECK(reeve::os::signal_tree(parent.child, SIGKILL).has_value());
    parent.finish();
    // The output's end of file: nobody holds the writing end any more.
    CHECK(reeve::os::testing::read_all(parent.output.get()).empty());
}

TEST_CASE("orphans would stay as zombies below a PID 1") {
    CHECK(reeve::os::become_subreaper().has_value());
    CHECK_FALSE(reeve::os::peek_orphan().value().has_value());
    pid_t orphan = -1;
    {
        TestChild parent{{}, {"parent", "pause", "0"}};
        CHECK(read_line(parent.output.get()) == "waiting");
        orphan = reeve::os::tree_of(parent.child.pid()).at(1);
        CHECK(parent.child.signal(SIGKILL).has_value());
        parent.finish();
        // Now it is ours, and known by nothing but its pid.
        const auto stamp = reeve::os::process_stamp(orphan).value();
        CHECK_FALSE(reeve::os::peek_orphan().value().has_value());
        CHECK(reeve::os::reap_orphan(orphan).error().value() == EAGAIN);
        CHECK(reeve::os::signal_process(orphan, stamp.start_ticks, SIGKILL).has_value());
        CHECK(reeve::os::testing::read_all(parent.output.get()).empty());
    }
    // Its descriptors are closed a moment before it is a zombie.
    for (int turn = 0; turn < 1000 && !reeve::os::peek_orphan().value(); ++turn) {
        ::poll(nullptr, 0, 1);
    }
    CHECK(reeve::os::peek_orphan().value() == orphan);
    CHECK(reeve::os::peek_orphan().value() == orphan);
    CHECK(reeve::os::reap_orphan(orphan)->status == ExitStatus{KilledBy{SIGKILL, false}});
    CHECK_FALSE(reeve::os::peek_orphan().value().has_value());
    ::prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0);
}
