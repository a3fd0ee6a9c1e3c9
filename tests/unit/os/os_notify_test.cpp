// The service manager's notifications: what is sent, to whom, and never waiting for it.
#include <array>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/notify.hpp"
#include "support.hpp"

using reeve::os::Fd;
using reeve::os::make_pipe;
using reeve::os::Notifier;
using reeve::os::testing::TempDirectory;

namespace {

/// A variable of our own environment, taken away at the end.
class Variable {
public:
    Variable(const char* name, const std::string& value) : name_{name} {
        ::setenv(name, value.c_str(), 1);
    }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;
    ~Variable() { ::unsetenv(name_); }

private:
    const char* name_;
};

/// A manager that receives; an abstract name begins with '@'.
Fd manager(const std::string& name) {
    Fd fd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, name.data(), name.size());
    if (name.starts_with('@')) at.sun_path[0] = '\0';
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), size) == 0);
    return fd;
}

struct Received {
    std::string text;
    std::vector<Fd> fds;
};

Received receive(int fd) {
    Received received;
    std::array<char, 4096> text{};
    iovec part{text.data(), text.size()};
    alignas(cmsghdr) std::array<char, 256> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    REQUIRE(size >= 0);
    received.text.assign(text.data(), static_cast<std::size_t>(size));
    for (cmsghdr* at = CMSG_FIRSTHDR(&message); at != nullptr; at = CMSG_NXTHDR(&message, at)) {
        const std::size_t count = (at->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int one = -1;
            std::memcpy(&one, CMSG_DATA(at) + i * sizeof one, sizeof one);
            received.fds.emplace_back(one);
        }
    }
    return received;
}

}  // namespace

TEST_CASE("the service manager would wait for a READY=1 that goes nowhere") {
    TempDirectory directory;
    const std::string abstract = "@reeve-notify-test-" + std::to_string(::getpid());
    for (const std::string& name : {(directory.path / "notify").string(), abstract}) {
        const Fd socket = manager(name);
        const Variable variable{"NOTIFY_SOCKET", name};
        const auto notifier = Notifier::from_environment();
        REQUIRE(notifier);
        CHECK(notifier.send("READY=1\nSTATUS=all well").has_value());
        CHECK(receive(socket.get()).text == "READY=1\nSTATUS=all well");
        CHECK(notifier.directory() == (name == abstract ? "" : directory.path.string()));
    }
}

TEST_CASE("a listening socket would not be in the store after a restart") {
    TempDirectory directory;
    const std::string name = directory.path / "notify";
    const Fd socket = manager(name);
    const Variable variable{"NOTIFY_SOCKET", name};
    const auto notifier = Notifier::from_environment();
    const auto pipe = make_pipe().value();
    const std::array fds{pipe.reader.get(), pipe.writer.get()};
    REQUIRE(notifier.send("FDSTORE=1\nFDNAME=x", fds).has_value());
    const auto received = receive(socket.get());
    CHECK(received.text == "FDSTORE=1\nFDNAME=x");
    REQUIRE(received.fds.size() == 2);
    CHECK(::write(received.fds[1].get(), "!", 1) == 1);
    CHECK(reeve::os::testing::readable(pipe.reader.get()));
    const std::vector<int> many(17, pipe.reader.get());
    CHECK(notifier.send("FDSTORE=1", many).error().value() == EINVAL);
}

TEST_CASE("a service manager that does not read would stop the supervision") {
    TempDirectory directory;
    const std::string name = directory.path / "notify";
    const Fd socket = manager(name);
    const Variable variable{"NOTIFY_SOCKET", name};
    const auto notifier = Notifier::from_environment();
    constexpr int more_than_fit = 100'000;
    int sent = 0;
    while (sent < more_than_fit && notifier.send("WATCHDOG=1")) ++sent;
    CHECK(sent < more_than_fit);
    CHECK(notifier.send("WATCHDOG=1").error().value() == EAGAIN);
}

TEST_CASE("reeve outside a service manager would fail, or talk to a stranger") {
    ::unsetenv("NOTIFY_SOCKET");
    CHECK_FALSE(Notifier::from_environment());
    CHECK(Notifier::from_environment().send("READY=1").has_value());
    for (const std::string& bad : {std::string{}, std::string{"@"}, std::string{"relative"},
                                   std::string{"vsock:2:1234"}, "/" + std::string(200, 'x')}) {
        const Variable variable{"NOTIFY_SOCKET", bad};
        CHECK_FALSE(Notifier::from_environment());
    }
    const Variable variable{"NOTIFY_SOCKET", "/no/such/socket"};
    CHECK(Notifier::from_environment().send("READY=1").error().value() == ENOENT);
}

TEST_CASE("the watchdog would kill reeve, or reeve would feed another process's watchdog") {
    const Variable socket{"NOTIFY_SOCKET", "/run/notify"};
    const Variable usec{"WATCHDOG_USEC", "2500000"};
    CHECK(Notifier::from_environment().watchdog() == std::chrono::milliseconds{2500});
    {
        const Variable pid{"WATCHDOG_PID", std::to_string(::getpid())};
        CHECK(Notifier::from_environment().watchdog().has_value());
    }
    for (const std::string& other : {std::to_string(::getppid()), std::string{"x"}}) {
        const Variable pid{"WATCHDOG_PID", other};
        CHECK_FALSE(Notifier::from_environment().watchdog().has_value());
    }
    for (const char* bad : {"", "0", "-1", "1s", "99999999999999999999"}) {
        const Variable variable{"WATCHDOG_USEC", bad};
        CHECK_FALSE(Notifier::from_environment().watchdog().has_value());
    }
}
