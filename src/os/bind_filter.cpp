// Puts the seccomp program into a child and passes on where its questions arrive.
#include "os/bind_filter.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/bind_program.hpp"

namespace reeve::os {
namespace {

#if defined(__x86_64__)
constexpr Abi native = x86_64;
#elif defined(__aarch64__)
constexpr Abi native = aarch64;
#else
#error "add the Abi of this architecture to os/bind_program.hpp"
#endif
static_assert(native.bind == SYS_bind && native.listen == SYS_listen);

constexpr BindProgram program = bind_program(native);

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
