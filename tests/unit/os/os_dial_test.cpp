// Connecting without waiting: who is asked whether it listens must not be able to hold reeve up.
#include <cerrno>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/dial.hpp"
#include "os/listener.hpp"
#include "support.hpp"

namespace {

using reeve::os::dial_result;
using reeve::os::Listener;
using reeve::os::start_dial;
using reeve::os::tcp_target;
using reeve::os::unix_target;
using reeve::os::testing::TempDirectory;

bool writable(int fd) {
    pollfd asked{fd, POLLOUT, 0};
    return ::poll(&asked, 1, reeve::os::testing::patience_ms) == 1;
}

TEST_CASE("a connection succeeds exactly where somebody listens") {
    auto listener = Listener::open(reeve::os::TcpAddress{.host = "127.0.0.1", .port = 0}, 8);
    REQUIRE(listener.has_value());
    const auto target = tcp_target("127.0.0.1", listener->port()).value();
    auto connection = start_dial(target);
    REQUIRE(connection.has_value());
    REQUIRE(writable(connection->get()));
    CHECK(dial_result(connection->get()).has_value());
    listener->close();
    auto refused = start_dial(target);
    if (refused) {
        REQUIRE(writable(refused->get()));
        CHECK(dial_result(refused->get()).error().value() == ECONNREFUSED);
    } else {
        CHECK(refused.error().value() == ECONNREFUSED);
    }
}

TEST_CASE("a Unix socket is reached by its path or its abstract name") {
    const TempDirectory dir;
    const std::string path = dir.path / "s";
    CHECK(start_dial(unix_target(path, false).value()).error().value() == ENOENT);
    auto listener = Listener::open(reeve::os::UnixPathAddress{.path = path}, 8);
    REQUIRE(listener.has_value());
    auto connection = start_dial(unix_target(path, false).value());
    REQUIRE(connection.has_value());
    CHECK(dial_result(connection->get()).has_value());
    const std::string name = path + "-abstract";
    auto abstract = Listener::open(reeve::os::UnixAbstractAddress{name}, 8);
    REQUIRE(abstract.has_value());
    CHECK(start_dial(unix_target(name, true).value()).has_value());
    CHECK(unix_target(std::string(200, 'x'), false).error().value() == ENAMETOOLONG);
    CHECK(tcp_target("localhost", 1).error().value() == EINVAL);
}

TEST_CASE("a socket that met itself must not pass for a worker that listens") {
    // Bound to a port of its own and connected to it: what the kernel may also do by chance.
    reeve::os::Fd alone{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(alone.get(), any, sizeof address) == 0);
    socklen_t size = sizeof address;
    REQUIRE(::getsockname(alone.get(), any, &size) == 0);
    REQUIRE(::connect(alone.get(), any, size) == 0);
    CHECK(dial_result(alone.get()).error().value() == ECONNREFUSED);
}

}  // namespace
