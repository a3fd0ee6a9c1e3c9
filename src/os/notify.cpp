// Datagrams to the service manager.
#include "os/notify.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace reeve::os {
namespace {

constexpr std::size_t fds_max = 16;

std::optional<std::uint64_t> number_from_environment(const char* name) {
    const char* const text = std::getenv(name);
    if (text == nullptr) {
        return std::nullopt;
    }
    const char* const end = text + std::strlen(text);
    std::uint64_t value = 0;
    const auto [at, error] = std::from_chars(text, end, value);
    return error == std::errc{} && at == end ? std::optional{value} : std::nullopt;
}

std::optional<core::Duration> watchdog_from_environment() {
    // The variables are inherited: another process's watchdog is none of our business.
    if (std::getenv("WATCHDOG_PID") != nullptr &&
        number_from_environment("WATCHDOG_PID") != static_cast<std::uint64_t>(::getpid())) {
        return std::nullopt;
    }
    constexpr std::uint64_t microseconds_max =
        static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) / 1000;
    const auto usec = number_from_environment("WATCHDOG_USEC");
    if (!usec || *usec == 0 || *usec > microseconds_max) {
        return std::nullopt;
    }
    return std::chrono::microseconds{static_cast<std::int64_t>(*usec)};
}

}  // namespace

Notifier Notifier::from_environment() {
    Notifier notifier;
    const char* const where = std::getenv("NOTIFY_SOCKET");
    if (where == nullptr) {
        return notifier;
    }
    std::string address = where;
    if (address.size() < 2 || address.size() >= sizeof(sockaddr_un::sun_path) ||
        (address[0] != '/' && address[0] != '@')) {
        return notifier;
    }
    if (address[0] == '@') {
        address[0] = '\0';
    }
    notifier.socket_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (notifier.socket_) {
        notifier.address_ = std::move(address);
        notifier.watchdog_ = watchdog_from_environment();
    }
    return notifier;
}

std::string Notifier::directory() const {
    return address_.starts_with('/') ? address_.substr(0, address_.rfind('/')) : std::string{};
}

Result<void> Notifier::send(std::string_view text, std::span<const int> fds) const noexcept {
    if (!socket_) {
        return {};
    }
    if (fds.size() > fds_max) {
        return make_error(EINVAL);
    }
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path, address_.data(), address_.size());
    // The manager may come back under the same name (a re-exec), so each datagram looks it up.
    iovec part{const_cast<char*>(text.data()), text.size()};
    msghdr message{};
    message.msg_name = &to;
    message.msg_namelen = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(fds_max * sizeof(int))> control{};
    if (!fds.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* const header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size_bytes());
        std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    }
    for (;;) {
        if (::sendmsg(socket_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
            return {};
        }
        if (errno != EINTR) {
            return last_error();
        }
    }
}

}  // namespace reeve::os
