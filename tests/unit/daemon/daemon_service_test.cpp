// What the service manager is told, and when; and which sockets come out of its store.
#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "daemon/service.hpp"
#include "daemon/socket_store.hpp"
#include "daemon/start_error.hpp"
#include "os/clock.hpp"
#include "unit/core/bench.hpp"

using reeve::core::Config;
using reeve::core::Listen;
using reeve::core::test::Bench;
using reeve::core::test::calm_policy;
using reeve::core::test::config_of;
using reeve::daemon::Log;
using reeve::daemon::Loop;
using reeve::daemon::Service;
using reeve::daemon::SocketStore;
using reeve::daemon::StartError;

namespace {

/// A manager that keeps what it is told, one datagram after the other.
class Manager {
public:
    Manager() {
        sockaddr_un at{};
        at.sun_family = AF_UNIX;
        const std::string name = "reeve-service-test-" + std::to_string(::getpid());
        std::memcpy(at.sun_path + 1, name.data(), name.size());
        socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
        REQUIRE(::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&at), size) == 0);
        ::setenv("NOTIFY_SOCKET", ("@" + name).c_str(), 1);
    }
    Manager(const Manager&) = delete;
    Manager& operator=(const Manager&) = delete;
    ~Manager() {
        ::unsetenv("NOTIFY_SOCKET");
        ::unsetenv("WATCHDOG_USEC");
    }

    /// The next one; "" where there is none.
    std::string next() {
        std::array<char, 4096> text{};
        const ssize_t size = ::recv(socket_.get(), text.data(), text.size(), 0);
        return size < 0 ? "" : std::string(text.data(), static_cast<std::size_t>(size));
    }

private:
    reeve::os::Fd socket_;
};

/// A service whose one pool has not started yet.
struct Scene {
    explicit Scene(std::uint32_t workers = 1)
        : bench(calm_policy(workers)), service(loop, reeve::os::Notifier::from_environment()) {
        bench.now = reeve::os::now();
    }

    void turn(std::vector<reeve::core::Event> events = {}) {
        const auto& out = bench.turn(std::move(events));
        service.look(bench.supervisor, !out.records.empty(), bench.now);
    }

    Loop loop;
    Bench bench;
    Service service;
};

Listen tcp(std::uint16_t port) {
    Listen listen;
    listen.name = "web";
    listen.host = "127.0.0.1";
    listen.port = port;
    return listen;
}

Config listening(const std::vector<Listen>& sockets) {
    Config config = config_of({calm_policy()});
    config.pools[0].name = "web";
    config.pools[0].listen = sockets;
    return config;
}

std::string before_colon(const std::string& text) { return text.substr(0, text.find(':')); }

}  // namespace

TEST_CASE("units that wait for reeve would start too early, or never") {
    Manager manager;
    Scene scene;
    scene.turn();
    CHECK(manager.next() == "STATUS=pool1 0/1 ready");
    const auto worker = reeve::core::Incarnation{1};
    scene.turn({reeve::core::Spawned{worker}});
    CHECK_FALSE(scene.service.has_been_ready());
    CHECK(manager.next().empty());
    scene.turn({reeve::core::SaidReady{worker}});
    CHECK(scene.service.has_been_ready());
    CHECK(manager.next() ==
          "READY=1\nSTATUS=pool1 1/1 ready\nMAINPID=" + std::to_string(::getpid()));
    // Once, and not at each turn.
    scene.turn();
    CHECK(manager.next().empty());
}

TEST_CASE("a stop would be taken for a hang and cut short") {
    Manager manager;
    Scene scene;
    scene.turn();
    scene.turn({reeve::core::Spawned{reeve::core::Incarnation{1}}});
    scene.turn({reeve::core::SaidReady{reeve::core::Incarnation{1}}});
    while (!manager.next().empty()) {
    }
    scene.turn({reeve::core::StopRequested{}});
    CHECK(manager.next() == "STOPPING=1\nEXTEND_TIMEOUT_USEC=15000000");
    scene.turn({reeve::core::StopRequested{}});
    CHECK(manager.next().find("STOPPING") == std::string::npos);
}

TEST_CASE("a reload that is refused at once would leave the unit reloading for ever") {
    Manager manager;
    Scene scene;
    scene.turn();
    // Before it is ready there is nothing to reload.
    scene.service.reload_asked(scene.bench.now);
    scene.turn({reeve::core::Spawned{reeve::core::Incarnation{1}}});
    scene.turn({reeve::core::SaidReady{reeve::core::Incarnation{1}}});
    while (!manager.next().empty()) {
    }
    scene.service.reload_asked(scene.bench.now);
    const std::string told = manager.next();
    CHECK(told.starts_with("RELOADING=1\nMONOTONIC_USEC="));
    scene.turn();
    CHECK(manager.next() == "READY=1");
}

TEST_CASE("a manager that is busy for a moment would never hear that reeve is ready") {
    Manager manager;
    Scene scene;
    constexpr int more_than_fit = 100'000;
    // One sender alone may not fill the manager's queue: its own buffer is full before.
    std::vector<reeve::os::Notifier> crowd(8);
    for (auto& one : crowd) {
        one = reeve::os::Notifier::from_environment();
        for (int sent = 0; sent < more_than_fit && one.send("X=1"); ++sent) {
        }
    }
    scene.service.post("READY=1");
    std::string last;
    for (std::string one = manager.next(); !one.empty(); one = manager.next()) last = one;
    CHECK(last == "X=1");
    std::string late;
    while ((late = manager.next()).empty()) scene.loop.wait();
    CHECK(late == "READY=1");
}

TEST_CASE("systemd would kill a reeve that turns") {
    Manager manager;
    ::setenv("WATCHDOG_USEC", "200000", 1);
    Scene scene;
    CHECK(manager.next() == "WATCHDOG=1");
    std::string again;
    while ((again = manager.next()).empty()) scene.loop.wait();
    CHECK(again == "WATCHDOG=1");
}

TEST_CASE("where nobody keeps the sockets a stop would leave its queues to nobody") {
    Manager manager;
    Scene scene;
    CHECK_FALSE(scene.service.comes_again());
}

TEST_CASE("without a service manager nothing would work") {
    ::unsetenv("NOTIFY_SOCKET");
    Scene scene;
    scene.turn();
    scene.service.post("READY=1");
    scene.service.sync();
    CHECK_FALSE(scene.service);
    CHECK_FALSE(scene.service.comes_again());
}

TEST_CASE("a socket would stay open in the store after it was closed, or not be in it") {
    Manager manager;
    Loop loop;
    Log log{loop, {}};
    Service service{loop, reeve::os::Notifier::from_environment()};
    SocketStore store{service, log, {}, listening({tcp(0)})};
    auto listener = store.open("web", tcp(0), "pools.web.listen.web");
    CHECK(listener->kept());
    store.leave_to_next(false);
    CHECK_FALSE(listener->kept());
    const std::string name = "reeve/web/web/tcp|//127.0.0.1|" + std::to_string(listener->port());
    CHECK(manager.next() == "FDSTORE=1\nFDNAME=" + name);
    listener.reset();
    CHECK(manager.next() == "FDSTOREREMOVE=1\nFDNAME=" + name);
}

TEST_CASE("a restart would open its sockets anew, and refuse clients in between") {
    Manager manager;
    Loop loop;
    Log log{loop, {}};
    Service service{loop, reeve::os::Notifier::from_environment()};
    auto before = reeve::os::Listener::open(reeve::os::TcpAddress{"127.0.0.1", 0}, 5).value();
    auto other = reeve::os::Listener::open(reeve::os::TcpAddress{"127.0.0.1", 0}, 5).value();
    std::vector<reeve::os::InheritedFd> passed;
    // Another pool had it; the address is what counts.
    passed.push_back({"reeve/old/web/x", reeve::os::duplicate(before.fd()).value()});
    passed.push_back({"reeve/web/gone/x", reeve::os::duplicate(other.fd()).value()});
    SocketStore store{service, log, std::move(passed), listening({tcp(before.port())})};
    CHECK(manager.next() == "FDSTOREREMOVE=1\nFDNAME=reeve/old/web/x");
    CHECK(manager.next() == "FDSTOREREMOVE=1\nFDNAME=reeve/web/gone/x");
    CHECK(manager.next() == "BARRIER=1");
    const auto listener = store.open("web", tcp(before.port()), "pools.web.listen.web");
    CHECK(listener->inode() == before.inode());
    CHECK(manager.next().starts_with("FDSTORE=1\nFDNAME=reeve/web/web/"));
    store.leave_to_next(false);
    store.leave_to_next(true);
    CHECK(listener->kept());
    store.empty();
    CHECK(manager.next().empty());
}

TEST_CASE("the operator would not learn which sockets systemd passed") {
    Loop loop;
    Log log{loop, {}};
    ::unsetenv("NOTIFY_SOCKET");
    Service service{loop, {}};
    auto theirs = reeve::os::Listener::open(reeve::os::TcpAddress{"127.0.0.1", 0}, 5).value();
    std::vector<reeve::os::InheritedFd> passed;
    for (const char* name : {"web", "twice", "twice"}) {
        passed.push_back({name, reeve::os::duplicate(theirs.fd()).value()});
    }
    SocketStore store{service, log, std::move(passed), listening({})};
    Listen listen;
    listen.kind = Listen::Kind::inherited;
    listen.path = "web";
    CHECK(store.open("web", listen, "here")->kept());
    // A reload may ask for it again.
    CHECK(store.open("web", listen, "here")->port() == theirs.port());
    const auto why_not = [&](const char* name) -> std::string {
        listen.path = name;
        try {
            (void)store.open("web", listen, "here");
        } catch (const StartError& error) {
            CHECK(error.exit_code == 69);
            return error.what();
        }
        return "";
    };
    CHECK(why_not("wbe") ==
          "here: listen systemd:wbe: no socket of this name (systemd passed these: web, twice, "
          "twice)");
    CHECK(before_colon(why_not("twice")) == "here");
    CHECK(why_not("twice").find("FileDescriptorName=") != std::string::npos);
}
