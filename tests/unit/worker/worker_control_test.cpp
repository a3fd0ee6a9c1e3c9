// The control channel: Hello and Ready, sockets by Welcome, Drain, and the end of reeve.
#include <cstring>
#include <dirent.h>
#include <string>
#include <sys/socket.h>

#include <doctest/doctest.h>

#include "support.hpp"
#include <reeve/worker.h>

namespace {

using unit::Descriptor;
using unit::Supervisor;

Descriptor make_socket() { return Descriptor{socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)}; }

/// How many descriptors this process has open.
int open_descriptors() {
    DIR* directory = opendir("/proc/self/fd");
    int count = 0;
    while (readdir(directory) != nullptr) {
        count++;
    }
    closedir(directory);
    return count;
}

}  // namespace

TEST_CASE("a worker that greets wrongly would be started and never be told to drain") {
    for (const unsigned flags : {REEVE_WORKER_DRAINS, 0u}) {
        Supervisor supervisor;
        auto* worker = supervisor.open(flags);
        CHECK(supervisor.message().empty());
        CHECK(reeve_worker_receive(worker, 0) == REEVE_WORKER_TIMEOUT);
        const auto hello = supervisor.message_as<reeve_hello>();
        CHECK(hello.header.magic == REEVE_CONTROL_MAGIC);
        CHECK(hello.header.version == 1);
        CHECK(hello.header.type == REEVE_HELLO);
        CHECK(hello.header.size == sizeof hello);
        CHECK(hello.process == static_cast<std::uint32_t>(getpid()));
        CHECK(hello.flags == (flags != 0 ? REEVE_HELLO_DRAINS : 0u));
        reeve_worker_ready(worker);
        const auto ready = supervisor.message_as<reeve_header>();
        CHECK(ready.type == REEVE_READY);
        CHECK(ready.size == sizeof ready);
        CHECK(supervisor.message().empty());
    }
}

TEST_CASE("a program that only says ready has greeted as well") {
    Supervisor supervisor;
    reeve_worker_ready(supervisor.open());
    CHECK(supervisor.message_as<reeve_hello>().header.type == REEVE_HELLO);
    CHECK(supervisor.message_as<reeve_header>().type == REEVE_READY);
}

TEST_CASE("sockets come by name, close-on-exec, and stay when the worker is closed") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    auto first = make_socket();
    auto second = make_socket();
    supervisor.send_welcome({first.get(), second.get()}, std::string{"web\0admin\0", 10}, 2);
    CHECK(reeve_worker_receive(worker, 0) == REEVE_WORKER_OK);
    REQUIRE(reeve_worker_socket_count(worker) == 2);
    const Descriptor web{reeve_worker_socket(worker, "web", 0)};
    const Descriptor admin{reeve_worker_socket(worker, "admin", 0)};
    CHECK(web.get() == reeve_worker_socket(worker, nullptr, 0));
    CHECK(admin.get() == reeve_worker_socket(worker, nullptr, 1));
    CHECK(reeve_worker_socket(worker, "web", 1) == -1);
    CHECK(reeve_worker_socket(worker, "other", 0) == -1);
    CHECK(std::string{reeve_worker_socket_name(worker, 0)} == "web");
    CHECK(std::string{reeve_worker_socket_name(worker, 1)} == "admin");
    CHECK(unit::is_cloexec(web.get()));
    CHECK(unit::is_cloexec(admin.get()));
    CHECK(unit::is_cloexec(reeve_worker_control_fd(worker)));
}

TEST_CASE("an answer that is late is found by asking again, or by the loop") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    CHECK(reeve_worker_receive(worker, 5) == REEVE_WORKER_TIMEOUT);
    const auto socket = make_socket();
    supervisor.send_welcome({socket.get()}, std::string{"web\0", 4}, 1);
    CHECK(reeve_worker_control(worker, nullptr) == REEVE_WORKER_NOTHING);
    CHECK(reeve_worker_receive(worker, 0) == REEVE_WORKER_OK);
    const Descriptor web{reeve_worker_socket(worker, "web", 0)};
    CHECK(web.get() >= 0);
}

TEST_CASE("a Welcome that contradicts itself is no Welcome, and leaks nothing") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    const auto socket = make_socket();
    const int before = open_descriptors();
    supervisor.send_welcome({socket.get()}, std::string{"web\0", 4}, 2);
    supervisor.send_welcome({}, "", 1);
    CHECK(reeve_worker_receive(worker, 0) == REEVE_WORKER_TIMEOUT);
    CHECK(reeve_worker_socket_count(worker) == 0);
    CHECK(open_descriptors() == before);
    supervisor.send_welcome({socket.get()}, "no end", 1);
    CHECK(reeve_worker_receive(worker, 0) == REEVE_WORKER_OK);
    const Descriptor unnamed{reeve_worker_socket(worker, "", 0)};
    CHECK(unnamed.get() >= 0);
}

TEST_CASE("a second Welcome replaces no socket that is in use") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    const auto socket = make_socket();
    supervisor.send_welcome({socket.get()}, std::string{"web\0", 4}, 1);
    CHECK(reeve_worker_receive(worker, 0) == REEVE_WORKER_OK);
    const Descriptor web{reeve_worker_socket(worker, "web", 0)};
    const int before = open_descriptors();
    supervisor.send_welcome({socket.get()}, std::string{"new\0", 4}, 1);
    CHECK(reeve_worker_control(worker, nullptr) == REEVE_WORKER_NOTHING);
    CHECK(reeve_worker_socket(worker, "web", 0) == web.get());
    CHECK(open_descriptors() == before);
}

TEST_CASE("a worker learns how long it may drain") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    std::uint32_t within_ms = 1;
    CHECK(reeve_worker_control(worker, &within_ms) == REEVE_WORKER_NOTHING);
    CHECK(within_ms == 1);
    supervisor.send_drain(2500);
    CHECK(reeve_worker_control(worker, &within_ms) == REEVE_WORKER_DRAIN);
    CHECK(within_ms == 2500);
    CHECK(reeve_worker_control(worker, &within_ms) == REEVE_WORKER_NOTHING);
}

TEST_CASE("a stop that comes right behind the sockets would be lost, and end in SIGKILL") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    supervisor.send_welcome({}, "", 0);
    supervisor.send_drain(2500);
    CHECK(reeve_worker_receive(worker, 1000) == REEVE_WORKER_OK);
    std::uint32_t within_ms = 0;
    CHECK(reeve_worker_control(worker, &within_ms) == REEVE_WORKER_DRAIN);
    CHECK(within_ms == 2500);
}

TEST_CASE("a stop while the worker boots is not lost in the wait for sockets") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    supervisor.send_drain(100);
    CHECK(reeve_worker_receive(worker, 1000) == REEVE_WORKER_TIMEOUT);
    CHECK(reeve_worker_control(worker, nullptr) == REEVE_WORKER_DRAIN);
}

TEST_CASE(
    "what a later version of reeve may say does not disturb, and its descriptors are closed") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    const auto socket = make_socket();
    const int before = open_descriptors();
    std::array<char, 600> bytes{};
    supervisor.send_bytes(bytes.data(), 1, {socket.get()});
    supervisor.send_bytes(bytes.data(), bytes.size());
    reeve_header header{REEVE_CONTROL_MAGIC, 1, REEVE_SOCKETS, sizeof header};
    supervisor.send_bytes(&header, sizeof header, {socket.get(), socket.get()});
    header.type = 4711;
    supervisor.send_bytes(&header, sizeof header);
    header = {REEVE_CONTROL_MAGIC, 1, REEVE_DRAIN, sizeof header};
    supervisor.send_bytes(&header, sizeof header);
    header.version = 2;
    supervisor.send_bytes(&header, sizeof header);
    supervisor.send_drain(7);
    CHECK(reeve_worker_control(worker, nullptr) == REEVE_WORKER_DRAIN);
    CHECK(open_descriptors() == before);
}

TEST_CASE("a worker notices once that reeve is gone, and does what Welcome told it to do then") {
    for (const bool keep : {false, true}) {
        Supervisor supervisor;
        auto* worker = supervisor.open();
        supervisor.send_welcome({}, "", 0, keep ? REEVE_WELCOME_ORPHANS_KEEP : 0);
        CHECK(reeve_worker_receive(worker, 0) == REEVE_WORKER_OK);
        supervisor.die();
        CHECK(reeve_worker_control(worker, nullptr) ==
              (keep ? REEVE_WORKER_ORPHANED_KEEP : REEVE_WORKER_ORPHANED));
        CHECK(reeve_worker_control(worker, nullptr) == REEVE_WORKER_NOTHING);
        CHECK(reeve_worker_control_fd(worker) == -1);
        reeve_worker_ready(worker);
    }
}

TEST_CASE("a worker that boots while reeve dies neither waits nor dies") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    supervisor.die();
    CHECK(reeve_worker_receive(worker, 10000) == REEVE_WORKER_ERROR);
    CHECK(errno == ECONNRESET);
    CHECK(reeve_worker_control(worker, nullptr) == REEVE_WORKER_ORPHANED);
}

TEST_CASE("a Welcome sets the interval and the quota that hold from then on") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    reeve_welcome welcome{};
    welcome.header = {REEVE_CONTROL_MAGIC, 1, REEVE_WELCOME, sizeof welcome};
    welcome.beat_interval_ms = 200;
    welcome.quota = 2;
    supervisor.send_bytes(&welcome, sizeof welcome);
    CHECK(reeve_worker_receive(worker, 0) == REEVE_WORKER_OK);
    reeve_worker_ready(worker);
    CHECK(supervisor.beats().size() == 1);
    CHECK(reeve_worker_wait_ms(worker, -1) <= 210);
    for (int i = 0; i < 2; i++) {
        reeve_worker_request_end(worker, reeve_worker_request_begin(worker), 0);
    }
    CHECK(supervisor.beat().requests == 2);
}

TEST_CASE("children of a worker see no variables of reeve's when it wants that") {
    Supervisor supervisor;
    Supervisor::set("LISTEN_FDS", "1");
    Supervisor::set("REEVE_SLOT", "3");
    supervisor.open(REEVE_WORKER_CLEAN_ENVIRONMENT);
    CHECK(getenv("LISTEN_FDS") == nullptr);
    CHECK(getenv("REEVE_SLOT") == nullptr);
    CHECK(getenv("REEVE_HEARTBEAT_FD") == nullptr);
    Supervisor untouched;
    Supervisor::set("REEVE_SLOT", "3");
    untouched.open(0);
    CHECK(std::string{getenv("REEVE_SLOT")} == "3");
}
