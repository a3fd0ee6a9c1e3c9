// The worker's messages are hostile until checked; ours are built here byte by byte.
#include "os/control_channel.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <poll.h>
#include <span>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>

#include <reeve/protocol.h>

namespace reeve::os {
namespace {

using Bytes = std::array<std::byte, REEVE_CONTROL_SIZE_MAX>;

/// An empty packet reads like the end: only the end also hangs up.
ControlMessage judge_empty(int fd) noexcept {
    pollfd asked{fd, POLLIN | POLLRDHUP, 0};
    if (::poll(&asked, 1, 0) == 1 && (asked.revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0) {
        return ClosedChannel{};
    }
    return GarbageMessage{"empty"};
}

/// "METHOD TARGET", or nothing where the worker does not know.
ControlMessage judge_slow(std::span<const std::byte> message) {
    reeve_slow slow{};
    if (message.size() < sizeof slow) {
        return GarbageMessage{"slow request of wrong size"};
    }
    std::memcpy(&slow, message.data(), sizeof slow);
    message = message.subspan(sizeof slow);
    if (slow.text_size != message.size() || slow.text_size > REEVE_SLOW_TEXT_MAX) {
        return GarbageMessage{"slow request of wrong size"};
    }
    const std::string_view text{reinterpret_cast<const char*>(message.data()), message.size()};
    if (text.empty()) {
        return SlowMessage{slow.duration_ns, {}, {}};
    }
    const auto space = text.find(' ');
    if (space == 0 || space == std::string_view::npos || text.find('\0') != text.npos) {
        return GarbageMessage{"slow request without a target"};
    }
    return SlowMessage{slow.duration_ns, std::string{text.substr(0, space)},
                       std::string{text.substr(space + 1)}};
}

ControlMessage judge(std::span<const std::byte> message) {
    reeve_header header{};
    if (message.size() < sizeof header) {
        return GarbageMessage{"too short"};
    }
    std::memcpy(&header, message.data(), sizeof header);
    if (header.magic != REEVE_CONTROL_MAGIC) {
        return GarbageMessage{"wrong magic"};
    }
    if (header.version != REEVE_PROTOCOL_VERSION) {
        return GarbageMessage{"unknown version"};
    }
    if (header.size != message.size()) {
        return GarbageMessage{"wrong size"};
    }
    if (header.type == REEVE_READY) {
        return message.size() == sizeof header ? ControlMessage{ReadyMessage{}}
                                               : GarbageMessage{"ready with a body"};
    }
    if (header.type == REEVE_SLOW) {
        return judge_slow(message);
    }
    if (header.type != REEVE_HELLO) {
        return GarbageMessage{"unexpected type"};
    }
    reeve_hello hello{};
    if (message.size() != sizeof hello) {
        return GarbageMessage{"hello of wrong size"};
    }
    std::memcpy(&hello, message.data(), sizeof hello);
    return HelloMessage{.process = static_cast<pid_t>(hello.process),
                        .drains = (hello.flags & REEVE_HELLO_DRAINS) != 0,
                        .preloaded = (hello.flags & REEVE_HELLO_PRELOAD) != 0,
                        .tells_slow = (hello.flags & REEVE_HELLO_SLOW) != 0};
}

std::uint32_t to_milliseconds(core::Duration duration) noexcept {
    const auto count = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(count, 0, std::numeric_limits<std::uint32_t>::max()));
}

/// One packet, with descriptors. Never a signal, never a wait.
Result<void> send_packet(int fd, std::span<const std::byte> bytes,
                         std::span<const int> passed) noexcept {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * REEVE_SOCKETS_MAX)> control{};
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!passed.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(passed.size_bytes());
        cmsghdr* rights = CMSG_FIRSTHDR(&message);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(passed.size_bytes());
        std::memcpy(CMSG_DATA(rights), passed.data(), passed.size_bytes());
    }
    while (::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        if (errno == ECONNRESET) {
            return make_error(EPIPE);  // gone, with something of ours unread
        }
        if (errno != EINTR) {
            return last_error();
        }
    }
    return {};
}

}  // namespace

Result<ControlChannel> make_control_channel() noexcept {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return last_error();
    }
    ControlChannel channel{Fd{ends[0]}, Fd{ends[1]}};
    if (const auto done = set_nonblocking(channel.ours.get()); !done) {
        return done.error();
    }
    return channel;
}

Result<ControlMessage> receive_message(int fd) {
    Bytes bytes;
    iovec part{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    // No room for control data: the kernel drops descriptors that come along instead of installing
    // them.
    ssize_t size = -1;
    do {
        size = ::recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        if (would_block(last_error())) {
            return ControlMessage{NoMessage{}};
        }
        if (errno == ECONNRESET) {
            return ControlMessage{ClosedChannel{}};
        }
        return last_error();
    }
    if (size == 0) {
        return judge_empty(fd);
    }
    if ((message.msg_flags & MSG_TRUNC) != 0) {
        return ControlMessage{GarbageMessage{"too long"}};
    }
    return judge(std::span{bytes}.first(static_cast<std::size_t>(size)));
}

Result<void> send_welcome(int fd, const Welcome& welcome) {
    std::string names;
    for (const std::string& name : welcome.names) {
        names.append(name.c_str(), std::strlen(name.c_str()) + 1);
    }
    reeve_welcome head{};
    const std::size_t size = sizeof head + names.size();
    if (size > REEVE_CONTROL_SIZE_MAX || welcome.sockets.size() > REEVE_SOCKETS_MAX ||
        welcome.names.size() != welcome.sockets.size()) {
        return make_error(EMSGSIZE);
    }
    head.header = {REEVE_CONTROL_MAGIC, REEVE_PROTOCOL_VERSION, REEVE_WELCOME,
                   static_cast<std::uint32_t>(size)};
    head.flags = welcome.orphans_keep ? REEVE_WELCOME_ORPHANS_KEEP : 0;
    head.beat_interval_ms = to_milliseconds(welcome.beat_interval);
    head.slot = welcome.slot;
    head.sockets = static_cast<std::uint32_t>(welcome.sockets.size());
    head.names_size = static_cast<std::uint32_t>(names.size());
    head.quota = welcome.quota;
    head.generation = welcome.generation;
    Bytes bytes;
    std::memcpy(bytes.data(), &head, sizeof head);
    std::memcpy(bytes.data() + sizeof head, names.data(), names.size());
    return send_packet(fd, std::span{bytes}.first(size), welcome.sockets);
}

Result<void> send_drain(int fd, core::Duration deadline) noexcept {
    const reeve_drain drain{
        {REEVE_CONTROL_MAGIC, REEVE_PROTOCOL_VERSION, REEVE_DRAIN, sizeof(reeve_drain)},
        to_milliseconds(deadline)};
    return send_packet(fd, std::as_bytes(std::span{&drain, 1}), {});
}

Result<void> send_reopen(int fd) noexcept {
    const reeve_header reopen{REEVE_CONTROL_MAGIC, REEVE_PROTOCOL_VERSION, REEVE_REOPEN,
                              sizeof(reeve_header)};
    return send_packet(fd, std::as_bytes(std::span{&reopen, 1}), {});
}

}  // namespace reeve::os
