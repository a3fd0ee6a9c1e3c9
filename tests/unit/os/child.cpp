// A child for the os tests: tells what it was given, or waits in a way that a test asks for.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <poll.h>
#include <sched.h>
#include <set>
#include <string>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace {

constexpr unsigned life_seconds_max = 30;  // no test may leave a child behind

void print_descriptors() {
    std::set<int> open;
    for (int fd = 0; fd < 4096; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0) {
            open.insert(fd);
        }
    }
    std::cout << "fds=";
    for (const int fd : open) {
        std::cout << fd << ' ';
    }
    std::cout << '\n';
    for (const int fd : open) {
        struct stat status {};
        ::fstat(fd, &status);
        std::cout << "fd" << fd << '=' << status.st_dev << ':' << status.st_ino << ' '
                  << std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)).string()
                  << '\n';
    }
}

void print_status() {
    std::ifstream status{"/proc/self/status"};
    for (std::string line; std::getline(status, line);) {
        for (const char* key : {"SigBlk:", "SigIgn:", "SigCgt:", "SigPnd:", "Groups:", "Uid:",
                                "Gid:", "Umask:", "Cpus_allowed_list:"}) {
            if (line.starts_with(key)) {
                const auto tab = line.find('\t');
                std::cout << line.substr(0, tab - 1) << '=' << line.substr(tab + 1) << '\n';
            }
        }
    }
}

int print_state(char** argv) {
    print_descriptors();
    print_status();
    int death = 0;
    ::prctl(PR_GET_PDEATHSIG, &death);
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    const char* listen_pid = std::getenv("LISTEN_PID");
    std::cout << "pid=" << ::getpid() << "\npgid=" << ::getpgid(0) << "\npdeathsig=" << death
              << "\nnofile=" << files.rlim_cur << ' ' << files.rlim_max
              << "\nnice=" << ::getpriority(PRIO_PROCESS, 0)
              << "\ncwd=" << std::filesystem::current_path().string()
              << "\nlisten_pid=" << (listen_pid != nullptr ? listen_pid : "none")
              << "\nargv0=" << argv[0] << "\nenv=";
    for (char** entry = ::environ; *entry != nullptr; ++entry) {
        std::cout << *entry << ' ';
    }
    std::cout << std::endl;
    return 0;
}

void wait_in_select(int fd) {
    fd_set reading;
    FD_ZERO(&reading);
    FD_SET(fd, &reading);
    ::select(fd + 1, &reading, nullptr, nullptr, nullptr);
}

void wait_in_epoll(int fd) {
    const int set = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{};
    event.events = EPOLLIN;
    ::epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
    ::epoll_wait(set, &event, 1, -1);
}

/// Says that it is about to wait, then waits for a connection on `fd` in the way that is named.
int wait_in(const std::string& way, int fd) {
    const auto wait = [&way, fd] {
        if (way == "accept") {
            ::accept(fd, nullptr, nullptr);
        } else if (way == "poll") {
            pollfd asked[2]{{0, 0, 0}, {fd, POLLIN, 0}};
            ::poll(asked, 2, -1);
        } else if (way == "select") {
            wait_in_select(fd);
        } else if (way == "epoll") {
            wait_in_epoll(fd);
        } else if (way == "pause") {
            ::pause();
        } else if (way == "serve") {
            char byte = 0;
            const int connection = ::accept(fd, nullptr, nullptr);
            if (::read(connection, &byte, 1) == 1) std::cout << "done" << std::endl;
            ::pause();
        } else if (way == "spin") {
            for (volatile bool turning = true; turning;) {
            }
        }
    };
    std::cout << "waiting" << std::endl;
    if (::fcntl(fd, F_GETFL) >= 0) {
        ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    }
    wait();
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    ::alarm(life_seconds_max);
    const std::string mode = argc > 1 ? argv[1] : "";
    if (mode == "state") {
        return print_state(argv);
    }
    if (mode == "exit" && argc > 2) {
        return std::atoi(argv[2]);
    }
    if (mode == "abort") {
        std::abort();
    }
    if (mode == "wait" && argc > 3) {
        return wait_in(argv[2], std::atoi(argv[3]));
    }
    if (mode == "thread" && argc > 3) {
        std::thread{[&] { wait_in(argv[2], std::atoi(argv[3])); }}.detach();
        ::pause();
    }
    if (mode == "parent" && argc > 3) {
        if (::fork() == 0) {
            ::alarm(life_seconds_max);
            return wait_in(argv[2], std::atoi(argv[3]));
        }
        ::pause();
    }
    return 2;
}
