// One question and one answer over netlink.
#include "os/unix_diag.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include "os/fd.hpp"

namespace reeve::os {
namespace {

struct Request {
    nlmsghdr header;
    unix_diag_req body;
};

Result<void> find_attribute(std::span<const char> reply, std::uint16_t wanted,
                            std::span<std::byte> value) noexcept {
    nlmsghdr header{};
    if (reply.size() < sizeof header) {
        return make_error(EPROTO);
    }
    std::memcpy(&header, reply.data(), sizeof header);
    if (header.nlmsg_type == NLMSG_ERROR) {
        nlmsgerr error{};
        std::memcpy(&error, reply.data() + sizeof header,
                    std::min(sizeof error, reply.size() - sizeof header));
        return make_error(error.error < 0 ? -error.error : EPROTO);
    }
    std::size_t at = NLMSG_ALIGN(sizeof header) + NLMSG_ALIGN(sizeof(unix_diag_msg));
    const std::size_t end = std::min<std::size_t>(reply.size(), header.nlmsg_len);
    while (at + sizeof(nlattr) <= end) {
        nlattr attribute{};
        std::memcpy(&attribute, reply.data() + at, sizeof attribute);
        if (attribute.nla_len < sizeof attribute || at + attribute.nla_len > end) {
            break;
        }
        if (attribute.nla_type == wanted && attribute.nla_len >= sizeof attribute + value.size()) {
            std::memcpy(value.data(), reply.data() + at + sizeof attribute, value.size());
            return {};
        }
        at += NLA_ALIGN(attribute.nla_len);
    }
    return make_error(ENODATA);
}

}  // namespace

Result<void> ask_unix_diag(ino_t inode, std::uint32_t show, std::uint16_t attribute,
                           std::span<std::byte> value) noexcept {
    const Fd netlink{
        ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG)};
    if (!netlink) {
        return last_error();
    }
    Request request{};
    request.header.nlmsg_len = sizeof request;
    request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.body.sdiag_family = AF_UNIX;
    request.body.udiag_states = ~0U;
    request.body.udiag_ino = static_cast<std::uint32_t>(inode);
    request.body.udiag_show = show;
    request.body.udiag_cookie[0] = ~0U;
    request.body.udiag_cookie[1] = ~0U;
    if (::send(netlink.get(), &request, sizeof request, 0) < 0) {
        return last_error();
    }
    alignas(nlmsghdr) std::array<char, 1024> reply{};
    const ssize_t size = ::recv(netlink.get(), reply.data(), reply.size(), 0);
    if (size < 0) {
        return last_error();
    }
    return find_attribute(std::span{reply}.first(static_cast<std::size_t>(size)), attribute, value);
}

}  // namespace reeve::os
