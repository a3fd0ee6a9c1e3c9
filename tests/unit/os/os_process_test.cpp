// What /proc shows: memory, identity and activity of real children.
#include <csignal>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/process.hpp"
#include "support.hpp"

using reeve::os::activity;
using reeve::os::process_stamp;
using reeve::os::testing::read_line;
using reeve::os::testing::TestChild;

namespace {

/// Waits until all its threads sleep.
void settle(pid_t pid) {
    for (int turn = 0; turn < 5000 && !activity(pid)->asleep; ++turn) {
        ::poll(nullptr, 0, 1);
    }
    REQUIRE(activity(pid)->asleep);
}

}  // namespace

TEST_CASE("a reused pid or a new program would be taken for the old one") {
    const auto own = process_stamp(::getpid()).value();
    CHECK(own == process_stamp(::getpid()).value());
    CHECK(own.image != 0);
    TestChild one{{}, {"wait", "pause", "0"}};
    TestChild two{{}, {"wait", "pause", "0"}};
    read_line(one.output.get());
    read_line(two.output.get());
    const auto stamp = process_stamp(one.child.pid()).value();
    CHECK(stamp != process_stamp(two.child.pid()).value());
    CHECK(stamp.image != own.image);
    CHECK(stamp.start_ticks >= own.start_ticks);
    const pid_t gone = one.child.pid();
    CHECK(one.child.signal(SIGKILL).has_value());
    one.finish();
    CHECK(process_stamp(gone).has_error());
    CHECK(activity(gone).has_error());
    CHECK(reeve::os::resident_bytes(gone).has_error());
    CHECK(reeve::os::core_dumping(gone).has_error());
    CHECK(reeve::os::describe_process(gone).text() == "no threads");
}

TEST_CASE("a worker's memory would be counted without that of its children") {
    TestChild parent{{}, {"parent", "pause", "0"}};
    read_line(parent.output.get());
    const pid_t pid = parent.child.pid();
    CHECK(reeve::os::children_of(pid).size() == 1);
    const auto own = reeve::os::resident_bytes(pid).value();
    CHECK(own > 100'000);
    CHECK(reeve::os::tree_resident_bytes(pid).value() > own);
    CHECK_FALSE(reeve::os::core_dumping(pid).value());
}

TEST_CASE("a busy worker would be taken for an idle one") {
    TestChild idle{{}, {"wait", "pause", "0"}};
    TestChild busy{{}, {"wait", "spin", "0"}};
    read_line(idle.output.get());
    read_line(busy.output.get());
    settle(idle.child.pid());
    CHECK(activity(idle.child.pid()).value() == activity(idle.child.pid()).value());
    CHECK_FALSE(activity(busy.child.pid())->asleep);
}

TEST_CASE("the record of a hang would not say what the threads were doing") {
    TestChild child{{}, {"thread", "pause", "0"}};
    read_line(child.output.get());
    settle(child.child.pid());
    const auto described =
        reeve::os::describe_process(child.child.pid(), 8, std::chrono::seconds{10});
    CHECK(described.threads_total == 2);
    REQUIRE(described.threads.size() == 2);
    CHECK(described.threads[0].tid == child.child.pid());
    CHECK(described.threads[0].name == "os-test-child");
    CHECK(described.threads[0].state == 'S');
    CHECK(described.threads[0].syscall == "pause");
    MESSAGE(described.text());
    const auto cut = reeve::os::describe_process(child.child.pid(), 0);
    CHECK(cut.threads.size() == 1);
    CHECK(reeve::os::describe_process(child.child.pid(), 8, {}).threads.size() == 1);
    CHECK(cut.text().ends_with("; and 1 more"));
}
