// Datagrams of whoever, read as the sd_notify protocol.
#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/notify_message.hpp"
#include "os/notify_socket.hpp"
#include "support.hpp"

namespace {

using reeve::os::NotifyMessage;
using reeve::os::NotifySocket;
using reeve::os::parse_notify;
using reeve::os::testing::readable;
using reeve::os::testing::TempDirectory;
using std::chrono::microseconds;

TEST_CASE("a program that speaks the protocol would not be understood") {
    const auto message = parse_notify(
        "READY=1\nSTATUS=Listening: 4 threads\nMAINPID=4711\nWATCHDOG=1\nERRNO=2\n"
        "BUSERROR=org.x.Failed\nEXTEND_TIMEOUT_USEC=5000\nX_OTHER=y");
    REQUIRE(message);
    CHECK(message->ready);
    CHECK(message->alive);
    CHECK_FALSE(message->trigger);
    CHECK_FALSE(message->stopping);
    CHECK_FALSE(message->reloading);
    CHECK(message->status == "Listening: 4 threads");
    CHECK(message->main_pid == 4711);
    CHECK(message->error == 2);
    CHECK(message->bus_error == "org.x.Failed");
    CHECK(message->extension == microseconds{5000});
    CHECK(parse_notify("STOPPING=1\n")->stopping);
    CHECK(parse_notify("RELOADING=1\nMONOTONIC_USEC=5")->reloading);
    CHECK(parse_notify("WATCHDOG=trigger")->trigger);
    CHECK(parse_notify("FDSTORE=1\nFDNAME=x"));
}

TEST_CASE("a hostile message would be believed, or bring reeve down") {
    for (const char* text :
         {"", "\n\n", "READY", "=1", "ready=1", "READY =1", "\xff\xfe=1", " A=1"}) {
        CAPTURE(text);
        CHECK_FALSE(parse_notify(text));
    }
    for (const char* text : {"READY=", "READY=0", "READY=11", "READY=1 ", "WATCHDOG=2",
                             "STOPPING=yes", "RELOADING="}) {
        CAPTURE(text);
        const auto message = parse_notify(text);
        REQUIRE(message);
        CHECK_FALSE(message->ready);
        CHECK_FALSE(message->alive);
        CHECK_FALSE(message->stopping);
        CHECK_FALSE(message->reloading);
    }
    for (const char* pid : {"0", "-1", "99999999999999", "1x", "", " 1"}) {
        CAPTURE(pid);
        CHECK_FALSE(parse_notify(std::string{"MAINPID="} + pid)->main_pid);
    }
    for (const char* count : {"-1", "x", "", "99999999999999999999999"}) {
        CAPTURE(count);
        CHECK(parse_notify(std::string{"EXTEND_TIMEOUT_USEC="} + count)->extension.count() == 0);
    }
    const auto most = parse_notify("EXTEND_TIMEOUT_USEC=18446744073709551615");
    CHECK(most->extension > std::chrono::hours{24 * 365});
    CHECK(parse_notify("STATUS=" + std::string(4000, 'x'))->status->size() ==
          reeve::os::notify_status_max);
}

TEST_CASE("random bytes must never be read beyond their end") {
    std::uint64_t state = 42;
    const auto next = [&] {
        return state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    };
    const std::string words = "READY=1\nSTATUS=\xc3\xa4MAINPID=12\nEXTEND_TIMEOUT_USEC=9\nERRNO=";
    for (int round = 0; round < 20'000; ++round) {
        std::string text;
        const std::size_t size = (next() >> 40U) % 80;
        for (std::size_t i = 0; i < size; ++i) {
            const auto byte = static_cast<unsigned>(next() >> 33U);
            text +=
                byte % 3 == 0 ? static_cast<char>(byte >> 8U) : words[(byte >> 8U) % words.size()];
        }
        const auto message = parse_notify(text);
        if (message && message->main_pid) CHECK(*message->main_pid > 0);
    }
}

/// Sends from a socket without a name, as programs do.
int send_to(const std::string& path, const std::string& text, int with = -1) {
    const int fd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    iovec part{const_cast<char*>(text.data()), text.size()};
    msghdr header{};
    header.msg_name = &address;
    header.msg_namelen = sizeof address;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    if (with >= 0) {
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        cmsghdr* const first = CMSG_FIRSTHDR(&header);
        first->cmsg_level = SOL_SOCKET;
        first->cmsg_type = SCM_RIGHTS;
        first->cmsg_len = CMSG_LEN(sizeof(int));
        __builtin_memcpy(CMSG_DATA(first), &with, sizeof with);
    }
    const ssize_t sent = ::sendmsg(fd, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    const int error = errno;
    ::close(fd);
    return sent < 0 ? error : 0;
}

TEST_CASE("who sent what must be known, and nothing else may be left of it") {
    const TempDirectory dir;
    const std::string path = dir.path / "s";
    auto made = NotifySocket::make(path, reeve::os::SocketOwner{::geteuid(), ::getegid()});
    REQUIRE(made.has_value());
    NotifySocket socket = std::move(*made);
    struct stat status {};
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600U);
    CHECK(socket.receive().error().value() == EAGAIN);

    CHECK(send_to(path, "READY=1") == 0);
    const auto datagram = socket.receive();
    REQUIRE(datagram.has_value());
    REQUIRE(datagram->message);
    CHECK(datagram->message->ready);
    CHECK(datagram->sender.pid == ::getpid());
    CHECK(datagram->sender.uid == ::geteuid());

    CHECK(send_to(path, std::string(5000, 'A')) == 0);
    CHECK_FALSE(socket.receive()->message);
    CHECK(send_to(path, "") == 0);
    CHECK_FALSE(socket.receive()->message);
    CHECK(socket.receive().error().value() == EAGAIN);

    // BARRIER=1: the sender waits until its descriptor is closed everywhere else.
    auto pipe = reeve::os::make_pipe().value();
    CHECK(send_to(path, "BARRIER=1", pipe.writer.get()) == 0);
    pipe.writer.reset();
    CHECK_FALSE(readable(pipe.reader.get(), 0));
    CHECK(socket.receive().has_value());
    CHECK(readable(pipe.reader.get()));

    socket.close();
    CHECK(::access(path.c_str(), F_OK) != 0);
    CHECK(send_to(path, "READY=1") == ENOENT);
}

TEST_CASE("a path that is too long, or taken, is an error that names it") {
    const TempDirectory dir;
    const auto too_long = NotifySocket::make(dir.path / std::string(200, 'x'), std::nullopt);
    REQUIRE_FALSE(too_long.has_value());
    CHECK(too_long.error().error == ENAMETOOLONG);
    const std::string path = dir.path / "s";
    const auto first = NotifySocket::make(path, std::nullopt);
    REQUIRE(first.has_value());
    const auto second = NotifySocket::make(path, std::nullopt);
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().error == EADDRINUSE);
    CHECK(second.error().text().find(path) != std::string::npos);
    // The failed one must not have removed the other's path.
    CHECK(send_to(path, "READY=1") == 0);
}

}  // namespace
