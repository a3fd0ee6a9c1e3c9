// The seccomp program: two calls are asked about, everything else passes at its usual speed.
#include "os/bind_filter.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace reeve::os {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t native = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t native = AUDIT_ARCH_AARCH64;
#else
#error "which architecture does the kernel call this one (linux/audit.h)?"
#endif

/// Numbers from here on are x32's, whose calls look like ours. No other architecture comes near.
constexpr std::uint32_t foreign_from = 0x40000000;

constexpr std::uint32_t argument_low(int index) noexcept {
    constexpr std::uint32_t low = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 4;
    return static_cast<std::uint32_t>(offsetof(seccomp_data, args)) +
           static_cast<std::uint32_t>(index) * 8 + low;
}

/// Foreign calls (32-bit, x32) pass untouched: their numbers mean other things. So does the bind of
/// every getaddrinfo, which is of a netlink socket.
constexpr std::array<sock_filter, 10> program{{
    {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, arch)},
    {BPF_JMP | BPF_JEQ | BPF_K, 0, 6, native},  // else: allow
    {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
    {BPF_JMP | BPF_JGE | BPF_K, 4, 0, foreign_from},
    {BPF_JMP | BPF_JEQ | BPF_K, 4, 0, SYS_listen},
    {BPF_JMP | BPF_JEQ | BPF_K, 0, 2, SYS_bind},
    {BPF_LD | BPF_W | BPF_ABS, 0, 0, argument_low(2)},
    {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, sizeof(sockaddr_nl)},
    {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_USER_NOTIF},
}};

/// Returns the descriptor, or minus an errno.
int install() noexcept {
    const sock_fprog filter{program.size(), const_cast<sock_filter*>(program.data())};
    // Killable: else any signal to the worker would break off a call that we are answering.
    constexpr unsigned long flags =
        SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    long fd = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
    if (fd < 0 && errno == EACCES) {
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
            return -errno;
        }
        fd = ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &filter);
    }
    return fd < 0 ? -errno : static_cast<int>(fd);
}

}  // namespace

Result<NoticeChannel> make_notice_channel() noexcept {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        return last_error();
    }
    return NoticeChannel{Fd{ends[0]}, Fd{ends[1]}};
}

Result<std::optional<Fd>> receive_notices(int channel) noexcept {
    char byte = 0;
    iovec part{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t size = -1;
    do {
        size = ::recvmsg(channel, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size < 0) {
        if (would_block(last_error())) {
            return std::optional<Fd>{};
        }
        return last_error();
    }
    const cmsghdr* rights = CMSG_FIRSTHDR(&message);
    if (size == 0 || rights == nullptr || rights->cmsg_type != SCM_RIGHTS) {
        return make_error(EPIPE);
    }
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(rights), sizeof fd);
    return std::optional<Fd>{Fd{fd}};
}

int install_bind_filter(int channel) noexcept {
    const int notices = install();
    if (notices < 0) {
        return -notices;
    }
    char byte = 'n';
    iovec part{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof notices);
    std::memcpy(CMSG_DATA(rights), &notices, sizeof notices);
    ssize_t sent = -1;
    do {
        sent = ::sendmsg(channel, &message, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    const int error = sent < 0 ? errno : 0;
    ::close(notices);
    return error;
}

}  // namespace reeve::os
