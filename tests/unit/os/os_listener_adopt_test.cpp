// Listening sockets that others opened: recognised, kept for them, taken back after a restart.
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/listener.hpp"
#include "support.hpp"

using reeve::os::duplicate;
using reeve::os::Fd;
using reeve::os::Listener;
using reeve::os::TcpAddress;
using reeve::os::UnixAbstractAddress;
using reeve::os::UnixPathAddress;
using reeve::os::testing::TempDirectory;

TEST_CASE("socket activation would hand workers a socket that they cannot use") {
    auto theirs = Listener::open(TcpAddress{"127.0.0.1", 0}, 7).value();
    REQUIRE(reeve::os::set_nonblocking(theirs.fd()).has_value());
    auto ours = Listener::adopt(duplicate(theirs.fd()).value(), "web", true).value();
    CHECK(ours.address() == theirs.address());
    CHECK(ours.host() == "127.0.0.1");
    CHECK(ours.port() == theirs.port());
    CHECK(ours.inode() == theirs.inode());
    CHECK(ours.kept());
    CHECK((::fcntl(ours.fd(), F_GETFL) & O_NONBLOCK) == 0);
    CHECK(ours.queue_length()->limit == 7);

    const Fd datagrams{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    CHECK(Listener::adopt(duplicate(datagrams.get()).value(), "x", true).error().text() ==
          "listen systemd:x: Invalid argument (this takes a listening stream socket)");
    const Fd plain{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
    CHECK(Listener::adopt(duplicate(plain.get()).value(), "x", true).error().error == ENOTSOCK);
}

TEST_CASE("a stop of reeve would break a socket that its socket unit keeps") {
    TempDirectory directory;
    const std::string path = directory.path / "web.sock";
    auto theirs = Listener::open(UnixPathAddress{path}, 3).value();
    auto ours = Listener::adopt(duplicate(theirs.fd()).value(), "web", true).value();
    CHECK(ours.address() == "unix:" + path);
    CHECK(ours.refuse_new_connections().has_value());
    ours.close();
    CHECK(std::filesystem::exists(path));
    CHECK(theirs.queue_length()->waiting == 0);
}

TEST_CASE("a restart would lose what waits in the queue of a Unix socket, or its path") {
    TempDirectory directory;
    const UnixPathAddress address{directory.path / "web.sock", 0600};
    auto before = Listener::open(address, 3).value();
    Fd store = duplicate(before.fd()).value();
    before.keep(true);
    before.close();
    REQUIRE(std::filesystem::exists(address.path));

    UnixPathAddress changed = address;
    changed.mode = 0640;
    auto after = Listener::take_back(std::move(store), changed, 9).value();
    CHECK_FALSE(after.kept());
    CHECK(after.queue_length()->limit == 9);
    struct stat made {};
    REQUIRE(::lstat(address.path.c_str(), &made) == 0);
    CHECK((made.st_mode & 07777) == 0640);
    after.close();
    CHECK_FALSE(std::filesystem::exists(address.path));
}

TEST_CASE("a stored socket would be used although its path is somebody else's by now") {
    TempDirectory directory;
    const UnixPathAddress address{directory.path / "web.sock"};
    auto before = Listener::open(address, 3).value();
    std::filesystem::remove(address.path);
    CHECK_FALSE(Listener::take_back(duplicate(before.fd()).value(), address, 3).has_value());
    const auto other = Listener::open(address, 3).value();
    CHECK(Listener::take_back(duplicate(before.fd()).value(), address, 3).error().error ==
          EADDRNOTAVAIL);
    CHECK(Listener::take_back(duplicate(other.fd()).value(), address, 3).has_value());
    // Its copy is another Listener's by now; the path went with it.
}

TEST_CASE("a stored socket would be used although the configuration names another address") {
    auto before = Listener::open(TcpAddress{"127.0.0.1", 0}, 3).value();
    const auto back = [&](const reeve::os::ListenAddress& address) {
        return Listener::take_back(duplicate(before.fd()).value(), address, 3).has_value();
    };
    CHECK(back(TcpAddress{"127.0.0.1", before.port()}));
    CHECK(back(TcpAddress{"localhost", before.port()}));
    CHECK(back(TcpAddress{"127.0.0.1", 0}));
    CHECK_FALSE(back(TcpAddress{"127.0.0.1", static_cast<std::uint16_t>(before.port() ^ 1U)}));
    CHECK_FALSE(back(TcpAddress{"127.0.0.2", before.port()}));
    CHECK_FALSE(back(TcpAddress{"0.0.0.0", before.port()}));
    CHECK_FALSE(back(UnixPathAddress{"/run/x.sock"}));
    CHECK_FALSE(back(UnixAbstractAddress{"x"}));

    const std::string name = "reeve-adopt-test-" + std::to_string(::getpid());
    auto abstract = Listener::open(UnixAbstractAddress{name}, 5).value();
    CHECK(Listener::take_back(duplicate(abstract.fd()).value(), UnixAbstractAddress{name}, 5)
              ->address() == "unix:@" + name);
    CHECK_FALSE(Listener::take_back(duplicate(abstract.fd()).value(), UnixAbstractAddress{"x"}, 5)
                    .has_value());
}
