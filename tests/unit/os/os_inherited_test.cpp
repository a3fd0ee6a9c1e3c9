// Sockets of the service manager: found by name, out of the way, not leaked.
#include <cstdlib>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/inherited.hpp"
#include "support.hpp"

using reeve::os::Fd;
using reeve::os::InheritedFd;
using reeve::os::take_passed_fds;

namespace {

/// Puts copies of a file at 3.. while it lives, and says so in the environment.
class Passed {
public:
    Passed(int count, const char* names, const std::string& pid) {
        for (int at = 3; at < 3 + count; ++at) {
            saved_.emplace_back(::fcntl(at, F_DUPFD_CLOEXEC, 100));
            REQUIRE(::dup2(source_.get(), at) == at);
        }
        ::setenv("LISTEN_FDS", std::to_string(count).c_str(), 1);
        ::setenv("LISTEN_PID", pid.c_str(), 1);
        if (names != nullptr) ::setenv("LISTEN_FDNAMES", names, 1);
    }
    Passed(const Passed&) = delete;
    Passed& operator=(const Passed&) = delete;
    ~Passed() {
        int at = 3;
        for (const Fd& saved : saved_) {
            if (saved) {
                ::dup2(saved.get(), at);
            } else {
                ::close(at);
            }
            ++at;
        }
        for (const char* name : {"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"}) ::unsetenv(name);
    }

private:
    static Fd open_high() {
        const Fd low{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
        return reeve::os::duplicate(low.get(), 100).value();
    }

    Fd source_ = open_high();
    std::vector<Fd> saved_;
};

std::string names_of(const std::vector<InheritedFd>& fds) {
    std::string names;
    for (const InheritedFd& one : fds) names += (names.empty() ? "" : " ") + one.name;
    return names;
}

}  // namespace

TEST_CASE("a socket unit's sockets would be lost, mixed up, or inherited by every worker") {
    const Passed passed{4, "web:admin::web", std::to_string(::getpid())};
    const auto found = take_passed_fds();
    CHECK(names_of(found) == "web admin unknown web");
    for (int at = 3; at < 7; ++at) CHECK(::fcntl(at, F_GETFD) == -1);
    for (const auto& one : found) {
        CHECK((::fcntl(one.fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
        CHECK(one.fd.get() >= 10);
    }
}

TEST_CASE("sockets without names, or fewer than announced, would end the start") {
    const Passed passed{2, nullptr, std::to_string(::getpid())};
    ::close(4);
    CHECK(names_of(take_passed_fds()) == "unknown");
}

TEST_CASE("sockets that were meant for a parent would be taken and closed") {
    const Passed passed{1, "web", std::to_string(::getppid())};
    CHECK(take_passed_fds().empty());
    CHECK(::fcntl(3, F_GETFD) != -1);
}
