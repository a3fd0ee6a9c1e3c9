// The control channel: sockets arrive, and nothing that a worker sends can do harm.
#include <array>
#include <cstring>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "os/control_channel.hpp"
#include "support.hpp"
#include <reeve/protocol.h>

using reeve::os::ControlChannel;
using reeve::os::ControlMessage;
using reeve::os::GarbageMessage;
using reeve::os::HelloMessage;
using reeve::os::SlowMessage;

namespace {

std::string reason(const ControlMessage& message) {
    const auto* garbage = std::get_if<GarbageMessage>(&message);
    return garbage != nullptr ? garbage->reason : "no garbage";
}

template <typename Message>
bool is(const ControlMessage& message) {
    return std::holds_alternative<Message>(message);
}

class Wire {
public:
    ControlMessage receive() { return reeve::os::receive_message(channel.ours.get()).value(); }
    ControlMessage after(const void* bytes, std::size_t size) {
        REQUIRE(::send(channel.theirs.get(), bytes, size, 0) == static_cast<ssize_t>(size));
        return receive();
    }
    ControlChannel channel = reeve::os::make_control_channel().value();
};

reeve_hello make_hello() {
    return {{REEVE_CONTROL_MAGIC, REEVE_PROTOCOL_VERSION, REEVE_HELLO, sizeof(reeve_hello)},
            4711,
            REEVE_HELLO_DRAINS};
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    for (int fd = 0; fd < 1024; ++fd) {
        count += ::fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    }
    return count;
}

}  // namespace

TEST_CASE("a worker's hello or ready would be misunderstood") {
    Wire wire;
    CHECK(is<reeve::os::NoMessage>(wire.receive()));
    auto hello = make_hello();
    auto message = wire.after(&hello, sizeof hello);
    REQUIRE(is<HelloMessage>(message));
    CHECK(std::get<HelloMessage>(message).process == 4711);
    CHECK(std::get<HelloMessage>(message).drains);
    CHECK_FALSE(std::get<HelloMessage>(message).tells_slow);
    hello.flags = REEVE_HELLO_SLOW;
    message = wire.after(&hello, sizeof hello);
    CHECK_FALSE(std::get<HelloMessage>(message).drains);
    CHECK(std::get<HelloMessage>(message).tells_slow);
    const reeve_header ready{REEVE_CONTROL_MAGIC, 1, REEVE_READY, sizeof(reeve_header)};
    CHECK(is<reeve::os::ReadyMessage>(wire.after(&ready, sizeof ready)));
    wire.channel.theirs.reset();
    CHECK(is<reeve::os::ClosedChannel>(wire.receive()));
}

TEST_CASE("garbage on the control channel would be obeyed, or end the channel") {
    Wire wire;
    const std::string noise(REEVE_CONTROL_SIZE_MAX + 1, 'x');
    CHECK(reason(wire.after(noise.data(), 1)) == "too short");
    CHECK(reason(wire.after(noise.data(), 100)) == "wrong magic");
    CHECK(reason(wire.after(noise.data(), noise.size())) == "too long");
    CHECK(reason(wire.after(noise.data(), 0)) == "empty");
    auto hello = make_hello();
    hello.header.version = 9;
    CHECK(reason(wire.after(&hello, sizeof hello)) == "unknown version");
    hello = make_hello();
    hello.header.size = 4000;
    CHECK(reason(wire.after(&hello, sizeof hello)) == "wrong size");
    hello = make_hello();
    hello.header.type = REEVE_WELCOME;
    CHECK(reason(wire.after(&hello, sizeof hello)) == "unexpected type");
    hello.header.type = REEVE_READY;
    CHECK(reason(wire.after(&hello, sizeof hello)) == "ready with a body");
    const reeve_header bare{REEVE_CONTROL_MAGIC, 1, REEVE_HELLO, sizeof(reeve_header)};
    CHECK(reason(wire.after(&bare, sizeof bare)) == "hello of wrong size");
    hello = make_hello();
    CHECK(is<HelloMessage>(wire.after(&hello, sizeof hello)));
}

TEST_CASE("what a worker says of a slow request would be cut, mixed up or believed unchecked") {
    Wire wire;
    const auto say = [&](const std::string& text, std::uint32_t claimed, std::uint64_t ns = 7) {
        reeve_slow slow{};
        slow.header = {REEVE_CONTROL_MAGIC, 1, REEVE_SLOW,
                       static_cast<std::uint32_t>(sizeof slow + text.size())};
        slow.duration_ns = ns;
        slow.text_size = claimed;
        std::string bytes(reinterpret_cast<const char*>(&slow), sizeof slow);
        bytes += text;
        return wire.after(bytes.data(), bytes.size());
    };
    auto message = say("GET /a b", 8, UINT64_MAX);
    REQUIRE(is<SlowMessage>(message));
    CHECK(std::get<SlowMessage>(message).duration_ns == UINT64_MAX);
    CHECK(std::get<SlowMessage>(message).method == "GET");
    CHECK(std::get<SlowMessage>(message).target == "/a b");
    message = say("", 0);
    REQUIRE(is<SlowMessage>(message));
    CHECK(std::get<SlowMessage>(message).target.empty());
    CHECK(is<SlowMessage>(say("G " + std::string(REEVE_SLOW_TEXT_MAX - 2, 'x'), 1024)));
    CHECK(reason(say("G " + std::string(REEVE_SLOW_TEXT_MAX - 1, 'x'), 1025)) ==
          "slow request of wrong size");
    CHECK(reason(say("GET /", 4)) == "slow request of wrong size");
    CHECK(reason(say("GET /", UINT32_MAX)) == "slow request of wrong size");
    CHECK(reason(say("GET", 3)) == "slow request without a target");
    CHECK(reason(say(" /", 2)) == "slow request without a target");
    CHECK(reason(say(std::string("GET /\0", 6), 6)) == "slow request without a target");
    const reeve_header bare{REEVE_CONTROL_MAGIC, 1, REEVE_SLOW, sizeof(reeve_header)};
    CHECK(reason(wire.after(&bare, sizeof bare)) == "slow request of wrong size");
}

TEST_CASE("a worker would not be asked to open its logs anew") {
    Wire wire;
    REQUIRE(reeve::os::send_reopen(wire.channel.ours.get()).has_value());
    reeve_header reopen{};
    REQUIRE(::recv(wire.channel.theirs.get(), &reopen, sizeof reopen, 0) == sizeof reopen);
    CHECK(reopen.type == REEVE_REOPEN);
    CHECK(reopen.size == sizeof reopen);
}

TEST_CASE("a worker could fill the supervisor's descriptor table") {
    Wire wire;
    const auto hello = make_hello();
    iovec part{const_cast<reeve_hello*>(&hello), sizeof hello};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(8 * sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(8 * sizeof(int));
    const std::array<int, 8> fds{};
    std::memcpy(CMSG_DATA(rights), fds.data(), sizeof fds);
    const auto before = open_descriptors();
    REQUIRE(::sendmsg(wire.channel.theirs.get(), &message, 0) == sizeof hello);
    CHECK(is<HelloMessage>(wire.receive()));
    CHECK(open_descriptors() == before);
}

TEST_CASE("a worker would not get its sockets, their names or its numbers") {
    Wire wire;
    const auto pipe = reeve::os::make_pipe().value();
    reeve::os::Welcome welcome;
    welcome.orphans_keep = true;
    welcome.beat_interval = std::chrono::milliseconds{333};
    welcome.slot = 3;
    welcome.quota = 1000;
    welcome.generation = 2;
    welcome.names = {"web", "admin"};
    welcome.sockets = {pipe.reader.get(), pipe.writer.get()};
    REQUIRE(reeve::os::send_welcome(wire.channel.ours.get(), welcome).has_value());

    std::array<char, REEVE_CONTROL_SIZE_MAX> bytes{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(64 * sizeof(int))> control{};
    iovec part{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const ssize_t size = ::recvmsg(wire.channel.theirs.get(), &message, MSG_CMSG_CLOEXEC);
    reeve_welcome head{};
    std::memcpy(&head, bytes.data(), sizeof head);
    CHECK(head.header.type == REEVE_WELCOME);
    CHECK(head.header.size == size);
    CHECK(head.flags == REEVE_WELCOME_ORPHANS_KEEP);
    CHECK(head.beat_interval_ms == 333);
    CHECK(head.slot == 3);
    CHECK(head.sockets == 2);
    CHECK(head.quota == 1000);
    CHECK(head.generation == 2);
    CHECK(std::string(bytes.data() + sizeof head, head.names_size) ==
          std::string("web\0admin\0", 10));
    const cmsghdr* rights = CMSG_FIRSTHDR(&message);
    REQUIRE(rights != nullptr);
    REQUIRE(rights->cmsg_len == CMSG_LEN(2 * sizeof(int)));
    std::array<int, 2> fds{};
    std::memcpy(fds.data(), CMSG_DATA(rights), sizeof fds);
    struct stat ours {};
    struct stat theirs {};
    ::fstat(pipe.reader.get(), &ours);
    ::fstat(fds[0], &theirs);
    CHECK(ours.st_ino == theirs.st_ino);
    for (const int fd : fds) {
        ::close(fd);
    }

    REQUIRE(reeve::os::send_drain(wire.channel.ours.get(), std::chrono::seconds{30}).has_value());
    reeve_drain drain{};
    REQUIRE(::recv(wire.channel.theirs.get(), &drain, sizeof drain, 0) == sizeof drain);
    CHECK(drain.header.type == REEVE_DRAIN);
    CHECK(drain.deadline_ms == 30'000);

    welcome.names.assign(60, std::string(200, 'n'));
    welcome.sockets.assign(60, 0);
    CHECK(reeve::os::send_welcome(wire.channel.ours.get(), welcome).error().value() == EMSGSIZE);
}

TEST_CASE("a worker that does not read, or is gone, would block or end the supervisor") {
    Wire wire;
    int sent = 0;
    auto done = reeve::os::send_drain(wire.channel.ours.get(), {});
    for (; done && sent < 100'000; ++sent) {
        done = reeve::os::send_drain(wire.channel.ours.get(), {});
    }
    CHECK(done.error().value() == EAGAIN);
    wire.channel.theirs.reset();
    CHECK(reeve::os::send_drain(wire.channel.ours.get(), {}).error().value() == EPIPE);
}
