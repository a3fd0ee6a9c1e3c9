// Readiness as the kernel shows it, for programs that know nothing of reeve.
#include <csignal>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/listener.hpp"
#include "os/ready_probe.hpp"
#include "support.hpp"

using reeve::os::Fd;
using reeve::os::Listener;
using reeve::os::ProbeResult;
using reeve::os::Readiness;
using reeve::os::ReadyProbe;
using reeve::os::TcpAddress;
using reeve::os::UnixPathAddress;
using reeve::os::testing::read_line;
using reeve::os::testing::TestChild;

namespace {

reeve::os::SpawnRequest with_socket(const Listener& listener) {
    reeve::os::SpawnRequest request;
    request.fds = {{listener.fd(), 3}};
    return request;
}

Fd connect_to(const Listener& listener) {
    sockaddr_storage to{};
    socklen_t size = sizeof to;
    auto* const address = reinterpret_cast<sockaddr*>(&to);
    REQUIRE(::getsockname(listener.fd(), address, &size) == 0);
    Fd fd{::socket(to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    REQUIRE(::connect(fd.get(), address, size) == 0);
    return fd;
}

/// Looks until it is so, with a bound: the child says that it will wait before it does.
Readiness look_until(ReadyProbe& probe, Readiness wanted) {
    Readiness seen = Readiness::busy;
    for (int turn = 0; turn < 5000; ++turn) {
        seen = probe.look()->readiness;
        if (seen == wanted) {
            break;
        }
        ::poll(nullptr, 0, 1);
    }
    return seen;
}

}  // namespace

TEST_CASE("a worker that waits for connections would never be seen as ready") {
    const auto listener = Listener::open(TcpAddress{"127.0.0.1", 0}, 1).value();
    for (const char* mode : {"wait", "thread", "parent"}) {
        for (const char* way : {"accept", "poll", "select", "epoll"}) {
            CAPTURE(mode);
            CAPTURE(way);
            TestChild child{with_socket(listener), {mode, way, "3"}};
            CHECK(read_line(child.output.get()) == "waiting");
            ReadyProbe probe{child.child.pid(), {listener.inode()}};
            CHECK(look_until(probe, Readiness::accepting) == Readiness::accepting);
        }
    }
}

TEST_CASE("a worker that is busy serving would not be seen as ready while the load lasts") {
    const reeve::os::testing::TempDirectory folder;
    std::vector<Listener> listeners;
    listeners.push_back(Listener::open(TcpAddress{"0.0.0.0", 0}, 1).value());
    listeners.push_back(Listener::open(TcpAddress{"::1", 0}, 1).value());
    listeners.push_back(Listener::open(UnixPathAddress{.path = folder.path / "s"}, 1).value());
    for (const auto& listener : listeners) {
        TestChild child{with_socket(listener), {"wait", "serve", "3"}};
        CHECK(read_line(child.output.get()) == "waiting");
        const Fd client = connect_to(listener);
        const char byte = 1;
        REQUIRE(::write(client.get(), &byte, 1) == 1);
        CHECK(read_line(child.output.get()) == "done");
        ReadyProbe probe{child.child.pid(), {listener.inode()}};
        CHECK(probe.look()->readiness == Readiness::accepting);
        const auto other = Listener::open(TcpAddress{"127.0.0.1", 0}, 1).value();
        ReadyProbe of_other{child.child.pid(), {other.inode()}};
        CHECK(of_other.look()->readiness != Readiness::accepting);
    }
}

TEST_CASE("a worker that waits for something else would be taken for ready") {
    const auto ours = Listener::open(TcpAddress{"127.0.0.1", 0}, 1).value();
    const auto other = Listener::open(TcpAddress{"127.0.0.1", 0}, 1).value();
    for (const char* way : {"accept", "poll", "select", "epoll", "pause"}) {
        CAPTURE(way);
        auto request = with_socket(ours);
        request.fds.push_back({other.fd(), 4});
        TestChild child{request, {"wait", way, "4"}};
        CHECK(read_line(child.output.get()) == "waiting");
        ReadyProbe probe{child.child.pid(), {ours.inode()}};
        CHECK(look_until(probe, Readiness::quiet) == Readiness::quiet);
        ReadyProbe without_sockets{child.child.pid(), {}};
        CHECK(look_until(without_sockets, Readiness::quiet) == Readiness::quiet);
    }
}

TEST_CASE("a worker that still boots would be taken for quiet") {
    const auto listener = Listener::open(TcpAddress{"127.0.0.1", 0}, 1).value();
    TestChild child{with_socket(listener), {"wait", "spin", "3"}};
    CHECK(read_line(child.output.get()) == "waiting");
    ReadyProbe probe{child.child.pid(), {listener.inode()}};
    for (int turn = 0; turn < 20; ++turn) {
        const ProbeResult result = probe.look().value();
        CHECK(result.readiness == Readiness::busy);
        CHECK(result.permitted);
    }
    CHECK(child.child.signal(SIGKILL).has_value());
    child.finish();
    CHECK(probe.look().has_error());
}
