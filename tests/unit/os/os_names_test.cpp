// Users, groups and signals by name.
#include <algorithm>
#include <csignal>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/signals.hpp"
#include "os/user.hpp"

using reeve::os::find_group;
using reeve::os::find_user;
using reeve::os::parse_signal;
using reeve::os::signal_name;

TEST_CASE("a worker would run as the wrong user, or the error would not name it") {
    const auto root = find_user("root").value();
    CHECK(root.uid == 0);
    CHECK(root.gid == 0);
    CHECK(root.home == "/root");
    CHECK(std::ranges::count(root.groups, 0U) == 1);
    CHECK(find_user("0")->name == "root");
    const auto unknown = find_user("54321").value();
    CHECK(unknown.uid == 54321);
    CHECK(unknown.gid == 54321);
    CHECK(unknown.name.empty());
    CHECK(find_user("nosuchuser").error().text() == "no user named nosuchuser");
    CHECK(find_user("-1").error().text() == "no user named -1");
    CHECK(find_user("4294967295").has_error());
    CHECK(find_user("").has_error());
    CHECK(find_group("root").value() == 0);
    CHECK(find_group("54321").value() == 54321);
    CHECK(find_group("nosuchgroup").error().text() == "no group named nosuchgroup");
}

TEST_CASE("a death by signal would be logged under a wrong name") {
    CHECK(signal_name(SIGTERM) == "SIGTERM");
    CHECK(signal_name(SIGKILL) == "SIGKILL");
    CHECK(signal_name(SIGRTMIN) == "SIGRTMIN");
    CHECK(signal_name(SIGRTMIN + 3) == "SIGRTMIN+3");
    CHECK(signal_name(99) == "signal 99");
    int number = 0;
    for (const auto& row : reeve::os::standard_signals()) {
        CHECK(row.number == ++number);
        CHECK(parse_signal(row.name) == row.number);
    }
    CHECK(parse_signal("TERM") == SIGTERM);
    CHECK(parse_signal("sigterm") == SIGTERM);
    CHECK(parse_signal("15") == SIGTERM);
    CHECK(parse_signal("RTMIN+3") == SIGRTMIN + 3);
    CHECK(parse_signal("SIGRTMIN") == SIGRTMIN);
    for (const char* wrong :
         {"", "SIG", "TERMINATE", "0", "-9", "65", "RTMIN+99", "RTMIN-1", "9x"}) {
        CHECK_FALSE(parse_signal(wrong).has_value());
    }
}
