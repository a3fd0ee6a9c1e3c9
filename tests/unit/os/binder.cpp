// A program that binds as it is told: each argument is one step, each step says what came of it.
#include <arpa/inet.h>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <functional>
#include <iostream>
#include <map>
#include <netinet/in.h>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

constexpr unsigned life_seconds_max = 60;  // no test may leave a process behind

struct State {
    int fd = -1;
    int family = AF_INET;
};

void say(const char* step, int failed) {
    // One write each: a thread or a child says something too.
    const std::string line = std::string{step} + "=" +
                             (failed == 0 ? "0" : std::string{::strerrorname_np(errno)}) + "\n";
    static_cast<void>(::write(1, line.data(), line.size()));
}

/// A call that a signal broke off before it was looked at may be made again, as any other.
int again(const std::function<int()>& call) {
    int done = -1;
    do {
        done = call();
    } while (done < 0 && errno == EINTR);
    return done;
}

void open_socket(State& state, int family, int type) {
    state.family = family;
    state.fd = ::socket(family, type, 0);
}

/// "HOST:PORT" with a port behind the last colon, or "/path", "@name".
int bind_to(const State& state, const std::string& where) {
    sockaddr_storage storage{};
    socklen_t size = 0;
    if (state.family == AF_UNIX) {
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        std::memcpy(to.sun_path, where.data(), where.size());
        size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + where.size() + 1);
        if (where[0] == '@') {
            to.sun_path[0] = '\0';
            --size;
        }
        std::memcpy(&storage, &to, sizeof to);
        return ::bind(state.fd, reinterpret_cast<const sockaddr*>(&storage), size);
    }
    const auto colon = where.rfind(':');
    const std::string host = where.substr(0, colon);
    const auto port = htons(static_cast<std::uint16_t>(std::stoi(where.substr(colon + 1))));
    if (state.family == AF_INET6) {
        sockaddr_in6 to{};
        to.sin6_family = AF_INET6;
        to.sin6_port = port;
        ::inet_pton(AF_INET6, host.c_str(), &to.sin6_addr);
        std::memcpy(&storage, &to, size = sizeof to);
    } else {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = port;
        ::inet_pton(AF_INET, host.c_str(), &to.sin_addr);
        std::memcpy(&storage, &to, size = sizeof to);
    }
    return ::bind(state.fd, reinterpret_cast<const sockaddr*>(&storage), size);
}

void set(const State& state, int level, int option, int value) {
    ::setsockopt(state.fd, level, option, &value, sizeof value);
}

void add_to_epoll(const State& state) {
    const int set = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    say("epoll", ::epoll_ctl(set, EPOLL_CTL_ADD, state.fd, &event));
}

/// A signal every 200 microseconds, whose handler restarts nothing.
void send_signals() {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGUSR1, &action, nullptr);
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGUSR1;
    timer_t timer{};
    ::timer_create(CLOCK_MONOTONIC, &event, &timer);
    const itimerspec often{{0, 200'000}, {0, 200'000}};
    ::timer_settime(timer, 0, &often, nullptr);
}

void tell_flags(const State& state) {
    const std::string line =
        std::string{"flags="} +
        ((::fcntl(state.fd, F_GETFL) & O_NONBLOCK) != 0 ? "nonblocking " : "blocking ") +
        ((::fcntl(state.fd, F_GETFD) & FD_CLOEXEC) != 0 ? "cloexec" : "inherited") + "\n";
    static_cast<void>(::write(1, line.data(), line.size()));
}

void wait_for_input() {
    char byte = 0;
    static_cast<void>(::read(3, &byte, 1));
}

using Steps = std::map<std::string, std::function<void(State&)>>;

const Steps& steps() {
    static const Steps all{
        {"tcp4", [](State& s) { open_socket(s, AF_INET, SOCK_STREAM); }},
        {"tcp4-async",
         [](State& s) { open_socket(s, AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC); }},
        {"tcp6", [](State& s) { open_socket(s, AF_INET6, SOCK_STREAM); }},
        {"udp4", [](State& s) { open_socket(s, AF_INET, SOCK_DGRAM); }},
        {"unix", [](State& s) { open_socket(s, AF_UNIX, SOCK_STREAM); }},
        {"no-fd", [](State& s) { s.fd = 999; }},
        {"v6only", [](State& s) { set(s, IPPROTO_IPV6, IPV6_V6ONLY, 1); }},
        {"keepalive", [](State& s) { set(s, SOL_SOCKET, SO_KEEPALIVE, 1); }},
        {"rcvbuf", [](State& s) { set(s, SOL_SOCKET, SO_RCVBUF, 50'000); }},
        {"reuseport", [](State& s) { set(s, SOL_SOCKET, SO_REUSEPORT, 1); }},
        {"listen", [](State& s) { say("listen", again([&] { return ::listen(s.fd, 5); })); }},
        {"epoll", [](State& s) { add_to_epoll(s); }},
        {"flags", [](State& s) { tell_flags(s); }},
        {"signals", [](State&) { send_signals(); }},
        {"flood",
         [](State&) {
             for (;;) ::listen(999, 1);
         }},
        {"wait", [](State&) { wait_for_input(); }},
        {"bad-address",
         [](State& s) { say("bind", ::bind(s.fd, reinterpret_cast<const sockaddr*>(0x10), 16)); }},
    };
    return all;
}

void run(State state, char** step) {
    for (; *step != nullptr; ++step) {
        const std::string word = *step;
        if (word.starts_with("bind:")) {
            say("bind", again([&] { return bind_to(state, word.substr(5)); }));
        } else if (word == "as-v4") {
            state.family = AF_INET;
        } else if (word.starts_with("unlink:")) {
            say("unlink", ::unlink(word.c_str() + 7));
        } else if (word.starts_with("chdir:")) {
            say("chdir", ::chdir(word.c_str() + 6));
        } else if (word == "thread") {
            std::thread{[=] { run(state, step + 1); }}.join();
            return;
        } else if (word == "fork") {
            if (::fork() == 0) {
                run(state, step + 1);
                ::_exit(0);
            }
            ::wait(nullptr);
            return;
        } else if (const auto found = steps().find(word); found != steps().end()) {
            found->second(state);
        } else {
            std::cerr << "binder: no step " << word << '\n';
            ::_exit(2);
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    static_cast<void>(argc);
    ::alarm(life_seconds_max);
    run({}, argv + 1);
    return 0;
}
