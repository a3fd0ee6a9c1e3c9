// What is seen of a worker that says nothing: whether it has work, and whether it runs at all.
#include <csignal>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/connections.hpp"
#include "os/listener.hpp"
#include "support.hpp"

using reeve::os::busy_connections;
using reeve::os::Fd;
using reeve::os::Listener;
using reeve::os::run_count;
using reeve::os::TcpAddress;
using reeve::os::testing::read_line;
using reeve::os::testing::readable;
using reeve::os::testing::TestChild;

namespace {

/// A client and the server's end of its connection.
struct Connection {
    explicit Connection(const Listener& listener) {
        client.reset(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(listener.port());
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    }
    void accept(const Listener& listener) {
        server.reset(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC));
        REQUIRE(server);
    }
    Fd client;
    Fd server;
};

void send_to(const Fd& fd) { REQUIRE(::send(fd.get(), "x", 1, MSG_NOSIGNAL) == 1); }

void take(const Fd& fd) {
    char byte = 0;
    REQUIRE(::recv(fd.get(), &byte, 1, 0) == 1);
}

/// Until the kernel's clock tells what comes now from what was received before.
void outlast_clock(const Fd& fd) {
    for (tcp_info info{}; info.tcpi_last_data_recv < 20; ::poll(nullptr, 0, 1)) {
        socklen_t size = sizeof info;
        REQUIRE(::getsockopt(fd.get(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
    }
}

std::uint32_t busy(const Listener& listener) {
    return busy_connections(::getpid(), listener.port()).value();
}

}  // namespace

TEST_CASE(
    "a worker would be told to leave in the middle of a request, or for an idle client never") {
    const auto listener = Listener::open(TcpAddress{"127.0.0.1", 0}, 10).value();
    CHECK(busy(listener) == 0);
    Connection one(listener);
    CHECK(busy(listener) == 0);  // nobody has accepted it
    one.accept(listener);
    CHECK(busy(listener) == 1);
    send_to(one.client);
    CHECK(busy(listener) == 1);
    take(one.server);
    outlast_clock(one.server);
    CHECK(busy(listener) == 1);
    send_to(one.server);
    CHECK(busy(listener) == 0);  // answered
    take(one.client);
    CHECK(busy(listener) == 0);
    outlast_clock(one.server);
    send_to(one.client);
    REQUIRE(readable(one.server.get()));
    CHECK(busy(listener) == 1);

    Connection two(listener);
    two.accept(listener);
    CHECK(busy(listener) == 2);
    two.server.reset();
    one.server.reset();
    CHECK(busy(listener) == 0);
}

TEST_CASE("connections of another worker at the same port would count") {
    const auto listener = Listener::open(TcpAddress{"127.0.0.1", 0}, 10).value();
    Connection one(listener);
    one.accept(listener);
    reeve::os::SpawnRequest request;
    request.fds = {{listener.fd(), 3}};
    TestChild child{request, {"wait", "pause", "3"}};
    CHECK(read_line(child.output.get()) == "waiting");
    CHECK(busy_connections(child.child.pid(), listener.port()).value() == 0);
    CHECK(busy_connections(::getpid(), listener.port()).value() == 1);
}

TEST_CASE("IPv6 connections would be overlooked") {
    const auto listener = Listener::open(TcpAddress{"::", 0}, 10).value();
    Connection mapped(listener);
    mapped.accept(listener);
    CHECK(busy(listener) == 1);
}

TEST_CASE("more connections than fit into one answer would be overlooked") {
    const auto listener = Listener::open(TcpAddress{"127.0.0.1", 0}, 300).value();
    std::vector<Connection> all;
    for (int i = 0; i < 300; ++i) {
        all.emplace_back(listener).accept(listener);
    }
    CHECK(busy(listener) == 300);
}

TEST_CASE("a worker that works would be taken for one that stands still") {
    TestChild still{{}, {"parent", "pause", "0"}};
    CHECK(read_line(still.output.get()) == "waiting");
    auto last = run_count(still.child.pid()).value();
    // It has said that it is about to wait, and then it does.
    for (int same = 0; same < 20; ::poll(nullptr, 0, 1)) {
        const auto now = run_count(still.child.pid()).value();
        same = now == last ? same + 1 : 0;
        last = now;
    }
    CHECK(run_count(still.child.pid()).value() == last);
    TestChild spins{{}, {"thread", "spin", "0"}};
    CHECK(read_line(spins.output.get()) == "waiting");
    last = run_count(spins.child.pid()).value();
    bool moved = false;
    for (int turn = 0; turn < 5000 && !moved; ++turn) {
        ::poll(nullptr, 0, 1);
        moved = run_count(spins.child.pid()).value() != last;
    }
    CHECK(moved);
    CHECK(run_count(still.child.pid()).value() != 0);
}

TEST_CASE("a worker that is stopped would be taken for one that runs") {
    TestChild child{{}, {"wait", "spin", "0"}};
    CHECK(read_line(child.output.get()) == "waiting");
    REQUIRE(child.child.signal(SIGSTOP));
    auto last = run_count(child.child.pid()).value();
    int same = 0;
    for (int turn = 0; turn < 5000 && same < 20; ++turn) {
        ::poll(nullptr, 0, 1);
        const auto now = run_count(child.child.pid()).value();
        same = now == last ? same + 1 : 0;
        last = now;
    }
    CHECK(same == 20);
}
