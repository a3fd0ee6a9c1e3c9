// Forked children: a process of its own for reeve, and inherited sockets that are for one pid only.
#include <functional>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>

#include <doctest/doctest.h>

#include "support.hpp"
#include <reeve/worker.h>

namespace {

using unit::Supervisor;

/// Runs `life` in a forked child; its exit code, 255 when it did not exit.
int in_child(const std::function<int()>& life) {
    const pid_t child = fork();
    if (child == 0) _exit(life());
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

/// In a child that has two sockets at the descriptors where LISTEN_FDS promises them.
int with_inherited(const std::string& names, pid_t listen_pid, const std::function<int()>& check) {
    return in_child([&] {
        const int one = socket(AF_UNIX, SOCK_STREAM, 0);
        const int copy = fcntl(one, F_DUPFD, 100);
        dup2(copy, 3);
        dup2(copy, 4);
        Supervisor::forget_environment();
        Supervisor::set("LISTEN_FDS", "2");
        Supervisor::set("LISTEN_PID", std::to_string(listen_pid != 0 ? listen_pid : getpid()));
        if (!names.empty()) Supervisor::set("LISTEN_FDNAMES", names);
        return check();
    });
}

}  // namespace

TEST_CASE("a forked child is a process of its own: nothing of its parent is counted twice") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    for (int i = 0; i < 10; i++) {
        reeve_worker_request_end(worker, reeve_worker_request_begin(worker), 1);
    }
    const auto in_flight = reeve_worker_request_begin(worker);
    reeve_worker_connection_opened(worker);
    reeve_worker_ready(worker);
    const auto parent = supervisor.beat();
    CHECK(parent.requests == 10);
    const int code = in_child([&] {
        reeve_worker_request_end(worker, in_flight, 0);
        reeve_worker_request_end(worker, reeve_worker_request_begin(worker), 0);
        reeve_worker_beat(worker);
        return reeve_worker_control_fd(worker) == -1 &&
                       reeve_worker_control(worker, nullptr) == REEVE_WORKER_NOTHING
                   ? 0
                   : 1;
    });
    CHECK(code == 0);
    const auto child = supervisor.beat();
    CHECK(child.process != parent.process);
    CHECK(child.image != parent.image);
    CHECK(child.sequence == 1);
    CHECK(child.state == REEVE_STATE_SERVING);
    CHECK(child.requests == 1);
    CHECK(child.errors == 0);
    CHECK(child.connections == 0);
    CHECK(child.in_flight == 0);
    reeve_worker_request_end(worker, in_flight, 0);
    reeve_worker_stopping(worker);
    const auto after = supervisor.beat();
    CHECK(after.image == parent.image);
    CHECK(after.requests == 11);
    CHECK(after.sequence == 2);
}

TEST_CASE("a child that never beats is not seen, so its end means nothing") {
    Supervisor supervisor;
    auto* worker = supervisor.open();
    reeve_worker_ready(worker);
    CHECK(supervisor.beat().sequence == 1);
    CHECK_FALSE(supervisor.message().empty());
    CHECK_FALSE(supervisor.message().empty());
    CHECK(in_child([&] {
              reeve_worker_request_end(worker, reeve_worker_request_begin(worker), 0);
              reeve_worker_close(worker);
              return 0;
          }) == 0);
    CHECK(supervisor.beats().empty());
    CHECK(supervisor.message().empty());
}

TEST_CASE("inherited sockets are there without a word, with their names") {
    const int code = with_inherited("web:admin", 0, [] {
        reeve_worker* worker = nullptr;
        if (reeve_worker_open(&worker, 0) != REEVE_WORKER_ALONE) return 1;
        if (reeve_worker_receive(worker, 0) != REEVE_WORKER_OK) return 2;
        if (reeve_worker_socket_count(worker) != 2) return 3;
        if (reeve_worker_socket(worker, "web", 0) != 3) return 4;
        if (reeve_worker_socket(worker, "admin", 0) != 4) return 5;
        if (!unit::is_cloexec(3) || !unit::is_cloexec(4)) return 6;
        reeve_worker_close(worker);
        return fcntl(3, F_GETFD) >= 0 ? 0 : 7;
    });
    CHECK(code == 0);
}

TEST_CASE("sockets without names are found by their index") {
    const int code = with_inherited("", 0, [] {
        reeve_worker* worker = nullptr;
        reeve_worker_open(&worker, 0);
        const bool right = reeve_worker_socket(worker, nullptr, 1) == 4 &&
                           reeve_worker_socket(worker, "unknown", 0) == 3;
        reeve_worker_close(worker);
        return right ? 0 : 1;
    });
    CHECK(code == 0);
}

TEST_CASE("sockets that were meant for a parent are left alone") {
    const int code = with_inherited("web:admin", 1, [] {
        reeve_worker* worker = nullptr;
        reeve_worker_open(&worker, 0);
        const bool left = reeve_worker_socket_count(worker) == 0 && !unit::is_cloexec(3);
        reeve_worker_close(worker);
        return left ? 0 : 1;
    });
    CHECK(code == 0);
}
