// What a worker has said counts before what is seen of it from outside.
#include "daemon/worker_process.hpp"

#include <csignal>
#include <poll.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/control_channel.hpp"
#include <reeve/protocol.h>

namespace {

namespace core = reeve::core;
namespace daemon = reeve::daemon;
namespace os = reeve::os;

void end(os::Child& child) {
    static_cast<void>(child.signal_group(SIGKILL));
    pollfd asked{child.pidfd(), POLLIN, 0};
    CHECK(::poll(&asked, 1, 20'000) == 1);
    static_cast<void>(child.reap());
}

}  // namespace

TEST_CASE("a worker whose Hello waits unread would be taken for one that says nothing") {
    daemon::Loop loop;
    daemon::Inbox inbox;
    auto channel = os::make_control_channel().value();
    os::SpawnRequest request;
    request.argv = {"/bin/sleep", "600"};
    auto sleeper = os::spawn(std::move(request)).value();
    int welcomed = 0;
    daemon::WorkerProcess worker{inbox,
                                 {.incarnation = core::Incarnation{1},
                                  .seat = {},
                                  .generation = {},
                                  .spawned = std::move(sleeper),
                                  .heartbeat = {},
                                  .control = std::move(channel.ours),
                                  .output = {},
                                  .adoption = {},
                                  .sockets = {},
                                  .dialects = {}}};
    worker.start(
        loop, [&] { ++welcomed; }, [] {});

    reeve_hello hello{};
    hello.header = {REEVE_CONTROL_MAGIC, 1, REEVE_HELLO, sizeof hello};
    hello.process = static_cast<std::uint32_t>(worker.pid());
    CHECK(::write(channel.theirs.get(), &hello, sizeof hello) == sizeof hello);
    worker.probe();

    end(worker.child());

    const auto events = inbox.take();
    REQUIRE(events.size() == 2);
    CHECK(std::holds_alternative<core::Greeted>(events[0]));
    CHECK(std::holds_alternative<core::Probed>(events[1]));
    CHECK(welcomed == 1);
}
