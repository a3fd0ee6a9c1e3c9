// Listening sockets: clear errors, nothing taken from others, nothing left behind.
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/listener.hpp"
#include "support.hpp"

using reeve::os::Fd;
using reeve::os::Listener;
using reeve::os::TcpAddress;
using reeve::os::UnixAbstractAddress;
using reeve::os::UnixPathAddress;
using reeve::os::testing::TempDirectory;

namespace {

int option_of(int fd, int level, int option) {
    int value = -1;
    socklen_t size = sizeof value;
    ::getsockopt(fd, level, option, &value, &size);
    return value;
}

Fd connect_tcp(std::uint16_t port) {
    Fd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to);
    return fd;
}

/// 0 or an errno.
int connect_unix(const std::string& name, Fd& fd) {
    fd.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, name.data(), name.size());
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ? 0 : errno;
}

}  // namespace

TEST_CASE("workers would get a socket that is not what the configuration says") {
    auto listener = Listener::open(TcpAddress{"127.0.0.1", 0}, 7).value();
    const int fd = listener.fd();
    CHECK(listener.port() != 0);
    CHECK(listener.address() == "tcp://127.0.0.1:" + std::to_string(listener.port()));
    CHECK(option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) == 1);
    CHECK(option_of(fd, SOL_SOCKET, SO_REUSEADDR) == 1);
    CHECK(option_of(fd, IPPROTO_TCP, TCP_NODELAY) == 1);
    // Blocking: a worker that just accepts would die of EAGAIN.
    CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(listener.inode() == reeve::os::socket_inode(fd).value());
    CHECK(listener.queue_length()->limit == 7);
    CHECK(listener.queue_length()->waiting == 0);
    const Fd one = connect_tcp(listener.port());
    const Fd two = connect_tcp(listener.port());
    CHECK(listener.queue_length()->waiting == 2);

    TcpAddress slow{"localhost", 0};
    slow.nodelay = false;
    const auto named = Listener::open(slow, 1).value();
    CHECK(option_of(named.fd(), IPPROTO_TCP, TCP_NODELAY) == 0);
    CHECK(named.address().starts_with("tcp://localhost:"));
    CHECK(Listener::open(TcpAddress{"", 0}, 1)->address().starts_with("tcp://0.0.0.0:"));
}

TEST_CASE("an IPv6 address would also take IPv4 connections unasked, or not when asked") {
    for (const bool only : {false, true}) {
        TcpAddress address{"::", 0};
        address.v6only = only;
        const auto listener = Listener::open(address, 1);
        if (!listener) {
            MESSAGE("no IPv6 here: " << listener.error().text());
            return;
        }
        CHECK(option_of(listener->fd(), IPPROTO_IPV6, IPV6_V6ONLY) == (only ? 1 : 0));
        CHECK(listener->address() == "tcp://[::]:" + std::to_string(listener->port()));
    }
}

TEST_CASE("the operator would not learn which address cannot be had, or why") {
    const auto listener = Listener::open(TcpAddress{"127.0.0.1", 0}, 1).value();
    const std::string port = std::to_string(listener.port());
    CHECK(Listener::open(TcpAddress{"127.0.0.1", listener.port()}, 1).error().text() ==
          "listen tcp 127.0.0.1:" + port + ": Address already in use (is another server running?)");
    CHECK(Listener::open(TcpAddress{"192.0.2.1", 80}, 1).error().text() ==
          "listen tcp 192.0.2.1:80: Cannot assign requested address (no interface of this machine "
          "has that address)");
    CHECK(Listener::open(TcpAddress{"no.such.host.invalid", 80}, 1)
              .error()
              .text()
              .starts_with("listen tcp no.such.host.invalid:80: "));
    CHECK(Listener::open(UnixPathAddress{std::string(200, 'x')}, 1).error().error == ENAMETOOLONG);
    CHECK(Listener::open(UnixPathAddress{"/no/such/directory/x.sock"}, 1).error().text() ==
          "listen unix /no/such/directory/x.sock: directory /no/such/directory/: No such file or "
          "directory");
}

TEST_CASE("a stopping server would take connections that nobody will answer") {
    auto listener = Listener::open(TcpAddress{"127.0.0.1", 0}, 4).value();
    const Fd queued = connect_tcp(listener.port());
    const auto refused = listener.refuse_new_connections();
    if (!refused && refused.error().value() == EPERM) {
        MESSAGE("this system lets only the privileged attach a filter");
        return;
    }
    CHECK(refused.has_value());
    const Fd late = connect_tcp(listener.port());
    CHECK(listener.queue_length()->waiting == 1);
    // The queued one is still served.
    const Fd accepted{::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC)};
    CHECK(accepted);
    CHECK(listener.queue_length()->waiting == 0);
}

TEST_CASE("a second reeve would take the first one's Unix socket away") {
    TempDirectory directory;
    const std::string path = directory.path / "web.sock";
    UnixPathAddress address{path};
    address.mode = 0640;
    auto first = Listener::open(address, 3).value();
    CHECK(first.address() == "unix:" + path);
    struct stat made {};
    REQUIRE(::lstat(path.c_str(), &made) == 0);
    CHECK((made.st_mode & 07777) == 0640);

    CHECK(Listener::open(address, 3).error().text() ==
          "listen unix " + path + ": Address already in use (is another server running?)");
    struct stat still {};
    REQUIRE(::lstat(path.c_str(), &still) == 0);
    CHECK(still.st_ino == made.st_ino);
    CHECK((still.st_mode & 07777) == 0640);
    // The look at it was a connection that hung up; it waits to be accepted, as any would.
    Fd client;
    CHECK(connect_unix(path, client) == 0);
    CHECK(first.queue_length()->waiting == 2);
    CHECK(first.queue_length()->limit == 3);

    first.close();
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a crash would leave a stale path that blocks the next start") {
    TempDirectory directory;
    const std::string path = directory.path / "web.sock";
    Listener::open(UnixPathAddress{path}, 3)->leave();
    REQUIRE(std::filesystem::exists(path));
    Fd client;
    CHECK(connect_unix(path, client) == ECONNREFUSED);
    const auto next = Listener::open(UnixPathAddress{path}, 3).value();
    CHECK(connect_unix(path, client) == 0);
}

TEST_CASE("closing would delete a file that is somebody else's by now") {
    TempDirectory directory;
    const std::string path = directory.path / "web.sock";
    auto first = Listener::open(UnixPathAddress{path}, 3).value();
    std::filesystem::remove(path);  // a worker unlinks "its" path
    auto second = Listener::open(UnixPathAddress{path}, 3).value();
    first.close();
    Fd client;
    CHECK(connect_unix(path, client) == 0);
    CHECK(second.refuse_new_connections().has_value());
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a path that somebody removed would be taken for one that clients can reach") {
    TempDirectory directory;
    const std::string path = directory.path / "web.sock";
    auto first = Listener::open(UnixPathAddress{path}, 3).value();
    CHECK(first.is_reachable());
    std::filesystem::remove(path);
    CHECK_FALSE(first.is_reachable());
    auto second = Listener::open(UnixPathAddress{path}, 3).value();
    CHECK(second.is_reachable());
    CHECK_FALSE(first.is_reachable());
    CHECK(second.refuse_new_connections().has_value());
    CHECK_FALSE(second.is_reachable());
    CHECK(Listener::open(TcpAddress{"127.0.0.1", 0}, 3)->is_reachable());
}

TEST_CASE("a socket that is wanted again would refuse all connections") {
    auto listener = Listener::open(TcpAddress{"127.0.0.1", 0}, 4).value();
    CHECK(listener.accept_new_connections().has_value());
    if (!listener.refuse_new_connections()) {
        MESSAGE("this system lets only the privileged attach a filter");
        return;
    }
    CHECK(listener.accept_new_connections().has_value());
    const Fd client = connect_tcp(listener.port());
    CHECK(listener.queue_length()->waiting == 1);
}

TEST_CASE("a file of the user would be replaced by a socket") {
    TempDirectory directory;
    const std::string path = directory.path / "precious";
    std::ofstream{path} << "data";
    CHECK(Listener::open(UnixPathAddress{path}, 3).error().text() ==
          "listen unix " + path + ": File exists (what is there is no socket: not replaced)");
    CHECK(std::filesystem::file_size(path) == 4);
}

TEST_CASE("two reeves that start at once would both think that they have the path") {
    TempDirectory directory;
    const Fd lock{::open(directory.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    REQUIRE(::flock(lock.get(), LOCK_EX) == 0);
    const auto refused = Listener::open(UnixPathAddress{directory.path / "web.sock"}, 3);
    CHECK(refused.error().error == EADDRINUSE);
    CHECK(refused.error().hint.starts_with("another process holds a lock on "));
}

TEST_CASE("the owner of a Unix socket would not be set" * doctest::skip(::geteuid() != 0)) {
    TempDirectory directory;
    UnixPathAddress address{directory.path / "web.sock"};
    address.owner = 65534;
    address.group = 4242;
    const auto listener = Listener::open(address, 3).value();
    struct stat made {};
    REQUIRE(::lstat(address.path.c_str(), &made) == 0);
    CHECK(made.st_uid == 65534);
    CHECK(made.st_gid == 4242);
    CHECK((made.st_mode & 07777) == 0660);
}

TEST_CASE("abstract names would collide silently or be unreachable") {
    const std::string name = "reeve-os-test-" + std::to_string(::getpid());
    auto listener = Listener::open(UnixAbstractAddress{name}, 5).value();
    CHECK(listener.address() == "unix:@" + name);
    CHECK(listener.queue_length()->limit == 5);
    CHECK(listener.refuse_new_connections().error().value() == EOPNOTSUPP);
    CHECK(Listener::open(UnixAbstractAddress{name}, 5).error().text() ==
          "listen unix @" + name + ": Address already in use (is another server running?)");
    Listener moved = std::move(listener);
    moved.close();
    CHECK(Listener::open(UnixAbstractAddress{name}, 5).has_value());
}
