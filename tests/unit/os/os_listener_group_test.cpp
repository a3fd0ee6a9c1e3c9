// Listening sockets that share a port: who gets a connection is who was named, whatever happens.
#include <algorithm>
#include <array>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/listener_group.hpp"
#include "support.hpp"

using reeve::os::Fd;
using reeve::os::Listener;
using reeve::os::ListenerGroup;
using reeve::os::TcpAddress;
using reeve::os::testing::readable;

namespace {

Fd connect_to(std::uint16_t port) {
    Fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int done = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
    return done == 0 ? std::move(fd) : Fd{};
}

ListenerGroup make_group(std::size_t members, int backlog = 128) {
    return ListenerGroup::open(TcpAddress{"127.0.0.1", 0}, backlog, members).value();
}

std::uint32_t waiting(const Listener& listener) { return listener.queue_length()->waiting; }

std::vector<std::uint32_t> queues(const ListenerGroup& group) {
    std::vector<std::uint32_t> all;
    for (std::size_t i = 0; i < group.size(); ++i) all.push_back(waiting(*group.member(i)));
    return all;
}

/// Connects so often, takes what was queued, and tells what each member got.
std::vector<std::uint32_t> spread(const ListenerGroup& group, int connections) {
    std::vector<Fd> clients;
    for (int i = 0; i < connections; ++i) {
        clients.push_back(connect_to(group.port()));
        REQUIRE(clients.back());
    }
    const auto counts = queues(group);
    for (std::size_t i = 0; i < group.size(); ++i) {
        for (std::uint32_t n = 0; n < counts[i]; ++n) {
            const Fd taken{::accept(group.member(i)->fd(), nullptr, nullptr)};
        }
    }
    return counts;
}

using Counts = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("a connection would reach a worker that may not have it") {
    auto group = make_group(6);
    for (std::size_t i = 0; i < group.size(); ++i) {
        CHECK(group.member(i)->port() == group.port());
        const std::array only{i};
        REQUIRE(group.steer(only));
        Counts expected(6, 0);
        expected[i] = 20;
        CHECK(spread(group, 20) == expected);
    }
    const std::array two{std::size_t{1}, std::size_t{4}};
    REQUIRE(group.steer(two));
    const auto counts = spread(group, 100);
    CHECK(counts[1] + counts[4] == 100);
    CHECK(counts[1] > 20);
    CHECK(counts[4] > 20);
}

TEST_CASE("the load would not be even over the workers") {
    auto group = make_group(8, 2048);
    const std::array targets{std::size_t{0}, std::size_t{3}, std::size_t{4}, std::size_t{7}};
    REQUIRE(group.steer(targets));
    Counts sum(8, 0);
    for (int round = 0; round < 20; ++round) {
        const auto counts = spread(group, 200);
        for (std::size_t i = 0; i < counts.size(); ++i) sum[i] += counts[i];
    }
    // 1000 each; six standard deviations are 164.
    for (const std::size_t target : targets) {
        CHECK(sum[target] > 836);
        CHECK(sum[target] < 1164);
    }
    CHECK(sum[1] + sum[2] + sum[5] + sum[6] == 0);
}

TEST_CASE("a worker that is added would shift the others, or get connections before it is ready") {
    auto group = make_group(1);
    CHECK(spread(group, 10) == Counts{10});
    REQUIRE(!group.grow(4));
    CHECK(spread(group, 10) == Counts{10, 0, 0, 0});
    const std::array third{std::size_t{2}};
    REQUIRE(group.steer(third));
    REQUIRE(!group.grow(6));
    CHECK(spread(group, 10) == Counts{0, 0, 10, 0, 0, 0});
    const std::array last{std::size_t{5}};
    REQUIRE(group.steer(last));
    CHECK(spread(group, 10) == Counts{0, 0, 0, 0, 0, 10});
}

TEST_CASE("what waits in a queue would be lost when connections are steered away from it") {
    auto group = make_group(2);
    const Fd client = connect_to(group.port());
    const std::array other{std::size_t{1}};
    REQUIRE(group.steer(other));
    CHECK(queues(group) == Counts{1, 0});
    CHECK(group.queue_length()->waiting == 1);
    CHECK(group.queue_length()->limit == 128);
    const Fd server{::accept(group.member(0)->fd(), nullptr, nullptr)};
    REQUIRE(server);
    REQUIRE(::send(server.get(), "x", 1, MSG_NOSIGNAL) == 1);
    CHECK(readable(client.get()));
}

TEST_CASE("five hundred workers would be more than the kernel's program can tell apart") {
    auto group = make_group(ListenerGroup::targets_max);
    std::vector<std::size_t> all(group.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    REQUIRE(group.steer(all));
    const auto counts = spread(group, 100);
    CHECK(std::count_if(counts.begin(), counts.end(), [](auto n) { return n != 0; }) > 50);
    all.resize(500);
    REQUIRE(group.steer(all));
    const std::array last{group.size() - 1};
    REQUIRE(group.steer(last));
    CHECK(spread(group, 5).back() == 5);
}

TEST_CASE("a group could be told what makes the kernel pick any member") {
    auto group = make_group(2);
    const std::array beyond{std::size_t{0}, std::size_t{2}};
    CHECK(group.steer({}).error().value() == EINVAL);
    CHECK(group.steer(beyond).error().value() == EINVAL);
    CHECK(spread(group, 10) == Counts{10, 0});
}

TEST_CASE("a worker that shuts its socket down would send connections to the wrong workers") {
    auto group = make_group(6);
    const std::array targets{std::size_t{5}};
    REQUIRE(group.steer(targets));
    for (const std::size_t victim : {1UL, 5UL, 0UL, 1UL}) {
        CAPTURE(victim);
        ::shutdown(group.member(victim)->fd(), SHUT_RDWR);
        const auto mended = group.mend().value();
        CHECK(mended.ended == 1);
        CHECK(!mended.made_anew);
        for (std::size_t i = 0; i < group.size(); ++i) {
            const std::array only{i};
            REQUIRE(group.steer(only));
            Counts expected(6, 0);
            expected[i] = 5;
            CHECK(spread(group, 5) == expected);
        }
    }
    CHECK(group.mend()->ended == 0);
}

TEST_CASE("workers that shut their sockets down at once would leave the order unknown") {
    auto group = make_group(6);
    const std::array second{std::size_t{1}};
    REQUIRE(group.steer(second));
    const Fd client = connect_to(group.port());
    for (const std::size_t victim : {4UL, 0UL}) {
        ::shutdown(group.member(victim)->fd(), SHUT_RDWR);
    }
    const auto mended = group.mend().value();
    CHECK(mended.ended == 2);
    CHECK(mended.made_anew);
    CHECK(mended.reset == 1);
    CHECK(spread(group, 5) == Counts{0, 5, 0, 0, 0, 0});
    for (std::size_t i = 0; i < group.size(); ++i) {
        const std::array only{i};
        REQUIRE(group.steer(only));
        Counts expected(6, 0);
        expected[i] = 5;
        CHECK(spread(group, 5) == expected);
    }
}

TEST_CASE("two daemons at one port would share it without a word") {
    auto group = make_group(2);
    const TcpAddress same{"127.0.0.1", group.port()};
    const auto second = ListenerGroup::open(same, 10, 2);
    REQUIRE(!second);
    CHECK(second.error().error == EADDRINUSE);
    CHECK(second.error().hint == "is another server running?");
    CHECK(Listener::open(same, 10).error().error == EADDRINUSE);
    const auto plain = Listener::open(TcpAddress{"127.0.0.1", 0}, 10).value();
    CHECK(ListenerGroup::open({"127.0.0.1", plain.port()}, 10, 2).error().error == EADDRINUSE);
    const std::uint16_t port = group.port();
    group.close();
    CHECK(ListenerGroup::open({"127.0.0.1", port}, 10, 2).has_value());
}

TEST_CASE("a stop would leave members that still take connections") {
    auto group = make_group(2);
    const Fd served = connect_to(group.port());
    REQUIRE(group.refuse_new_connections());
    REQUIRE(!group.grow(4));
    for (std::size_t i = 0; i < group.size(); ++i) {
        const std::array only{i};
        REQUIRE(group.steer(only));
        Fd late{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(group.port());
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        ::connect(late.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }
    CHECK(group.queue_length()->waiting == 1);
    REQUIRE(group.accept_new_connections());
    CHECK(connect_to(group.port()));
}
