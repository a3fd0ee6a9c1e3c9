// A Unix socket with a hidden second name: its path comes back, and nobody else's is taken.
#include <cstring>
#include <filesystem>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/listener.hpp"
#include "os/path_watch.hpp"
#include "support.hpp"

namespace os = reeve::os;
using os::testing::readable;
using os::testing::TempDirectory;

namespace {

sockaddr_un address_of(const std::string& path) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, path.data(), path.size());
    return to;
}

bool answers(const std::string& path) {
    const os::Fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto to = address_of(path);
    return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
}

os::Fd bind_there(const std::string& path) {
    os::Fd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto to = address_of(path);
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
    return fd;
}

struct Place {
    TempDirectory directory;
    std::string path = directory.path / "web.sock";
    os::Listener listener = os::Listener::open(os::UnixPathAddress{path}, 8).value();

    Place() { REQUIRE(listener.keep_second_name().has_value()); }
};

}  // namespace

TEST_CASE("a path that a worker unlinked would lead nowhere") {
    Place place;
    CHECK_FALSE(place.listener.restore_path().value());
    ::unlink(place.path.c_str());
    CHECK_FALSE(answers(place.path));
    CHECK(place.listener.restore_path().value());
    CHECK(answers(place.path));
    CHECK(place.listener.is_reachable());
}

TEST_CASE("a server that took the path meanwhile would lose it") {
    Place place;
    ::unlink(place.path.c_str());
    os::Fd other = bind_there(place.path);
    REQUIRE(::listen(other.get(), 1) == 0);
    CHECK(place.listener.restore_path().error() == os::make_error(EADDRINUSE));
    CHECK(answers(place.path));
    CHECK_FALSE(place.listener.is_reachable());
    // Once it is dead its socket is in nobody's way.
    other.reset();
    CHECK(place.listener.restore_path().value());
    CHECK(place.listener.is_reachable());
}

TEST_CASE("a second name would be left behind, or keep the next reeve from starting") {
    TempDirectory directory;
    const std::string path = directory.path / "web.sock";
    {
        auto killed = os::Listener::open(os::UnixPathAddress{path}, 8).value();
        REQUIRE(killed.keep_second_name().has_value());
        killed.leave();
    }
    CHECK(std::filesystem::exists(directory.path / ".web.sock.reeve"));
    {
        auto next = os::Listener::open(os::UnixPathAddress{path}, 8).value();
        REQUIRE(next.keep_second_name().has_value());
        ::unlink(path.c_str());
        CHECK(next.restore_path().value());
        CHECK(answers(path));
    }
    CHECK(std::filesystem::is_empty(directory.path));
}

TEST_CASE("a second name that somebody serves would be taken from him") {
    TempDirectory directory;
    const os::Fd other = bind_there(directory.path / ".web.sock.reeve");
    REQUIRE(::listen(other.get(), 1) == 0);
    auto listener = os::Listener::open(os::UnixPathAddress{directory.path / "web.sock"}, 8).value();
    const auto kept = listener.keep_second_name();
    REQUIRE(kept.has_error());
    CHECK(kept.error().error == EADDRINUSE);
    CHECK(answers(directory.path / ".web.sock.reeve"));
}

TEST_CASE("a path that reeve took away itself would come back") {
    Place place;
    REQUIRE(place.listener.refuse_new_connections().has_value());
    CHECK_FALSE(place.listener.restore_path().value());
    CHECK(std::filesystem::is_empty(place.directory.path));
}

TEST_CASE("nobody would tell that a path is gone") {
    Place place;
    auto watch = os::PathWatch::open().value();
    REQUIRE(watch.add(place.path).has_value());
    CHECK_FALSE(readable(watch.fd(), 0));
    ::unlink(place.path.c_str());
    CHECK(readable(watch.fd()));
    watch.drain();
    CHECK_FALSE(readable(watch.fd(), 0));
    REQUIRE(place.listener.restore_path().value());
    watch.drain();
    // The same file is watched on, under the name that it got back.
    ::rename(place.path.c_str(), (place.path + ".old").c_str());
    CHECK(readable(watch.fd()));
}
