// A program is run to its end, and what it says is kept: bounded in time and size.
#include <doctest/doctest.h>

#include "os/capture.hpp"

namespace reeve::os {

namespace {

using End = Captured::End;

Captured run_shell(const std::string& script, core::Duration within = std::chrono::minutes{1}) {
    CaptureRequest request;
    request.argv = {"sh", "-c", script};
    request.env = {"PATH=/usr/bin:/bin"};
    request.within = within;
    request.output_max = 1000;
    request.errors_max = 10;
    auto captured = capture(request);
    REQUIRE(captured.has_value());
    return *std::move(captured);
}

}  // namespace

TEST_CASE("both streams and the exit code are kept, and no environment but the given one") {
    const auto captured = run_shell("echo out; echo err >&2; echo $HOME; exit 7");
    CHECK(captured.end == End::exited);
    CHECK(captured.output == "out\n\n");
    CHECK(captured.errors == "err\n");
    CHECK(captured.status == core::ExitStatus{core::ExitedWith{7}});
}

TEST_CASE("more complaints than there is room for are cut, and harm nobody") {
    const auto captured = run_shell(
        "i=0; while [ $i -lt 9999 ]; do echo 1234567 >&2; "
        "i=$((i + 1)); done; echo done");
    CHECK(captured.end == End::exited);
    CHECK(captured.output == "done\n");
    CHECK(captured.errors == "1234567\n12");
}

TEST_CASE("one that says too much or takes too long is ended") {
    CHECK(run_shell("while :; do echo 1234567; done").end == End::too_much);
    CHECK(run_shell("sleep 1000", std::chrono::milliseconds{50}).end == End::too_late);
}

TEST_CASE("what it leaves behind is not waited for") {
    const auto captured = run_shell("sleep 1000 & echo gone");
    CHECK(captured.end == End::exited);
    CHECK(captured.output == "gone\n");
}

TEST_CASE("a program that is not there is a failure that names it") {
    CaptureRequest request;
    request.argv = {"no-such-program"};
    request.env = {"PATH=/usr/bin:/bin"};
    request.within = std::chrono::minutes{1};
    const auto captured = capture(request);
    REQUIRE(captured.has_error());
    CHECK(captured.error().text().find("no-such-program") != std::string::npos);
}

}  // namespace reeve::os
