// Seccomp's user notifications, as far as bind and listen need them.
#include "os/bind_notice.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace reeve::os {
namespace {

/// A signal of ours breaks an ioctl off before it did anything.
int repeated_ioctl(int fd, unsigned long request, void* argument) noexcept {
    int done = -1;
    do {
        done = ::ioctl(fd, request, argument);
    } while (done < 0 && errno == EINTR);
    return done;
}

/// The kernel writes as much as it knows of, which may be more than our header does.
template <typename Struct>
union Roomy {
    Struct value;
    std::array<std::byte, 256> room;
};

Result<void> respond(int fd, std::uint64_t id, int error, std::uint32_t flags) noexcept {
    Roomy<seccomp_notif_resp> response{};
    response.value.id = id;
    response.value.error = -error;
    response.value.flags = flags;
    if (repeated_ioctl(fd, SECCOMP_IOCTL_NOTIF_SEND, &response) != 0) {
        return last_error();
    }
    return {};
}

}  // namespace

Result<std::optional<BindNotice>> BindNotices::next() const noexcept {
    // The receiving call itself waits, whatever the descriptor's flags say.
    pollfd asked{fd(), POLLIN, 0};
    if (::poll(&asked, 1, 0) < 0) {
        return errno == EINTR ? Result<std::optional<BindNotice>>{std::nullopt} : last_error();
    }
    if ((asked.revents & POLLIN) == 0) {
        if ((asked.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
            return make_error(EPIPE);
        }
        return std::optional<BindNotice>{};
    }
    Roomy<seccomp_notif> request{};
    if (::ioctl(fd(), SECCOMP_IOCTL_NOTIF_RECV, &request) != 0) {
        // Gone between the two calls: killed, or broken off by a signal before we received it.
        if (errno == ENOENT || errno == EINTR) {
            return std::optional<BindNotice>{};
        }
        return last_error();
    }
    const seccomp_notif& got = request.value;
    BindNotice notice;
    notice.id = got.id;
    notice.thread = static_cast<pid_t>(got.pid);
    notice.call = got.data.nr == SYS_bind ? BindNotice::Call::bind : BindNotice::Call::listen;
    notice.fd = static_cast<int>(got.data.args[0]);
    if (notice.call == BindNotice::Call::bind) {
        notice.address = got.data.args[1];
        notice.size = static_cast<std::uint32_t>(got.data.args[2]);
    }
    return std::optional{notice};
}

bool BindNotices::waits(const BindNotice& notice) const noexcept {
    std::uint64_t id = notice.id;
    return repeated_ioctl(fd(), SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

Result<void> BindNotices::let_through(const BindNotice& notice) const noexcept {
    return respond(fd(), notice.id, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE);
}

Result<void> BindNotices::answer(const BindNotice& notice, int error) const noexcept {
    return respond(fd(), notice.id, error, 0);
}

Result<void> BindNotices::replace(const BindNotice& notice, int fd,
                                  bool close_on_exec) const noexcept {
    seccomp_notif_addfd addfd{};
    addfd.id = notice.id;
    // Never with SECCOMP_ADDFD_FLAG_SEND, which would make bind return the number.
    addfd.flags = SECCOMP_ADDFD_FLAG_SETFD;
    addfd.srcfd = static_cast<std::uint32_t>(fd);
    addfd.newfd = static_cast<std::uint32_t>(notice.fd);
    addfd.newfd_flags = close_on_exec ? O_CLOEXEC : 0;
    if (repeated_ioctl(this->fd(), SECCOMP_IOCTL_NOTIF_ADDFD, &addfd) < 0) {
        return last_error();
    }
    return {};
}

Result<AddressBytes> read_address(const BindNotice& notice) noexcept {
    AddressBytes bytes;
    if (notice.size > sizeof bytes.storage) {
        return make_error(EINVAL);
    }
    iovec here{&bytes.storage, notice.size};
    iovec there{reinterpret_cast<void*>(notice.address), notice.size};
    const ssize_t size = ::process_vm_readv(notice.thread, &here, 1, &there, 1, 0);
    if (size < 0) {
        return last_error();
    }
    if (static_cast<std::size_t>(size) != notice.size) {
        return make_error(EFAULT);
    }
    bytes.size = notice.size;
    return bytes;
}

}  // namespace reeve::os
