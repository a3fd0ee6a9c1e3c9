// Accepted connections by sock_diag and /proc/PID/fd; threads by their schedstat.
#include "os/connections.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <span>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "os/proc_file.hpp"
#include "os/process.hpp"

namespace reeve::os {
namespace {

constexpr std::size_t threads_max = 4096;
constexpr std::size_t descriptors_max = 65536;
constexpr std::size_t answer_bytes = std::size_t{32} * 1024;

/// Inodes of the sockets that the tree has, sorted.
Result<std::vector<std::uint32_t>> sockets_of(pid_t root) {
    std::vector<std::uint32_t> inodes;
    for (const pid_t pid : tree_of(root)) {
        const auto fds = list_numbers(ProcPath{pid, "fd"}.c_str(), descriptors_max);
        if (!fds && (fds.error().value() == EACCES || fds.error().value() == EPERM)) {
            return fds.error();
        }
        if (!fds) continue;
        for (const int fd : *fds) {
            std::array<char, 64> target;
            const auto name = "fd/" + std::to_string(fd);
            const ssize_t size =
                ::readlink(ProcPath{pid, name.c_str()}.c_str(), target.data(), target.size());
            if (size <= 0) continue;
            std::string_view link{target.data(), static_cast<std::size_t>(size)};
            if (!link.starts_with("socket:[")) continue;
            link.remove_prefix(8);
            inodes.push_back(static_cast<std::uint32_t>(to_number(link.substr(0, link.find(']')))));
        }
    }
    std::ranges::sort(inodes);
    return inodes;
}

struct Request {
    nlmsghdr header;
    inet_diag_req_v2 body;
};

/// The attribute of that type in what follows the fixed part of an answer.
template <typename Value>
bool find_attribute(std::span<const char> rest, std::uint16_t type, Value& value) noexcept {
    for (std::size_t at = 0; at + sizeof(nlattr) <= rest.size();) {
        nlattr attribute{};
        std::memcpy(&attribute, rest.data() + at, sizeof attribute);
        if (attribute.nla_len < sizeof attribute || at + attribute.nla_len > rest.size()) break;
        if (attribute.nla_type == type) {
            const auto size =
                std::min<std::size_t>(sizeof value, attribute.nla_len - sizeof attribute);
            std::memcpy(&value, rest.data() + at + sizeof attribute, size);
            return true;
        }
        at += NLA_ALIGN(attribute.nla_len);
    }
    return false;
}

bool is_busy(std::span<const char> rest, const inet_diag_msg& message) noexcept {
    if (message.idiag_rqueue != 0 || message.idiag_wqueue != 0) return true;
    tcp_info info{};
    if (!find_attribute(rest, INET_DIAG_INFO, info)) return true;
    // Both are ages.
    return info.tcpi_last_data_sent >= info.tcpi_last_data_recv;
}

/// Counts in one datagram of answers; false after the last.
Result<bool> count_busy(std::span<const char> bytes, std::span<const std::uint32_t> ours,
                        std::uint32_t& count) noexcept {
    for (std::size_t at = 0; at + sizeof(nlmsghdr) <= bytes.size();) {
        nlmsghdr header{};
        std::memcpy(&header, bytes.data() + at, sizeof header);
        if (header.nlmsg_len < sizeof header || at + header.nlmsg_len > bytes.size()) break;
        if (header.nlmsg_type == NLMSG_DONE) return false;
        if (header.nlmsg_type == NLMSG_ERROR) {
            return {boost::system::in_place_error, make_error(EPROTO)};
        }
        const auto payload = bytes.subspan(at + NLMSG_HDRLEN, header.nlmsg_len - NLMSG_HDRLEN);
        inet_diag_msg message{};
        if (payload.size() >= sizeof message) {
            std::memcpy(&message, payload.data(), sizeof message);
            const auto rest =
                payload.subspan(std::min(payload.size(), NLMSG_ALIGN(sizeof message)));
            if (std::ranges::binary_search(ours, message.idiag_inode) && is_busy(rest, message)) {
                ++count;
            }
        }
        at += NLMSG_ALIGN(header.nlmsg_len);
    }
    return true;
}

Result<void> add_busy(std::uint8_t family, std::uint16_t port, std::span<const std::uint32_t> ours,
                      std::uint32_t& count) {
    const Fd netlink{::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)};
    if (!netlink) {
        return last_error();
    }
    Request request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.body.sdiag_family = family;
    request.body.sdiag_protocol = IPPROTO_TCP;
    request.body.idiag_ext = 1U << (INET_DIAG_INFO - 1U);
    request.body.idiag_states = 1U << TCP_ESTABLISHED | 1U << TCP_CLOSE_WAIT;
    request.body.id.idiag_sport = htons(port);
    request.body.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
    request.body.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
    if (::send(netlink.get(), &request, sizeof request, 0) < 0) {
        return last_error();
    }
    std::vector<char> answer(answer_bytes);
    for (;;) {
        // A dump is written when it is read: this does not wait.
        const ssize_t size = ::recv(netlink.get(), answer.data(), answer.size(), 0);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0) {
            return last_error();
        }
        const auto more =
            count_busy(std::span{answer}.first(static_cast<std::size_t>(size)), ours, count);
        if (!more) {
            return more.error();
        }
        if (!*more) {
            return {};
        }
    }
}

}  // namespace

Result<std::uint32_t> busy_connections(pid_t root, std::uint16_t port) {
    const auto ours = sockets_of(root);
    if (!ours) {
        return ours.error();
    }
    std::uint32_t count = 0;
    for (const std::uint8_t family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
        if (const auto done = add_busy(family, port, *ours, count); !done) {
            return done.error();
        }
    }
    return count;
}

Result<std::uint64_t> run_count(pid_t root) {
    std::uint64_t sum = 0;
    std::size_t looked_at = 0;
    const auto tree = tree_of(root);
    for (const pid_t pid : tree) {
        const auto threads = list_numbers(ProcPath{pid, "task"}.c_str(), threads_max);
        if (!threads) continue;
        looked_at += threads->size();
        if (looked_at >= threads_max || tree.size() >= tree_size_max) {
            return make_error(ENODATA);
        }
        for (const pid_t tid : *threads) {
            std::array<char, 128> buffer;
            const auto text = read_file(ProcPath{pid, tid, "schedstat"}.c_str(), buffer);
            if (!text) continue;
            // Time on a CPU, time waiting for one, and how often it got one.
            std::string_view rest = *text;
            sum += to_number(next_word(rest));
            next_word(rest);
            sum += to_number(next_word(rest));
        }
        // One that comes or goes has run, even if the sums should be equal.
        sum = sum * 31 + threads->size();
    }
    if (sum == 0 || looked_at == 0) {
        return make_error(ENODATA);
    }
    return sum;
}

}  // namespace reeve::os
