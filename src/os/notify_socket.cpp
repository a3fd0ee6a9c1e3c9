// Datagrams with the credentials of who sent them, and no room for anything else.
#include "os/notify_socket.hpp"

#include <array>
#include <cstring>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "os/spawn.hpp"

namespace reeve::os {

NotifySocket& NotifySocket::operator=(NotifySocket&& other) noexcept {
    if (this != &other) {
        close();
        fd_ = std::move(other.fd_);
        path_ = std::exchange(other.path_, {});
    }
    return *this;
}

Outcome<NotifySocket> NotifySocket::make(std::string path,
                                         const std::optional<SocketOwner>& owner) {
    const auto failure = [&](const char* what) {
        return Failure{std::string{what} + " " + path, errno};
    };
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return Failure{"bind " + path, ENAMETOOLONG};
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    NotifySocket made;
    made.fd_.reset(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!made.fd_) {
        return failure("socket for");
    }
    made.fd_ = keep_high(std::move(made.fd_));
    const int on = 1;
    if (::setsockopt(made.fd(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) {
        return failure("setsockopt for");
    }
    if (::bind(made.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return failure("bind");
    }
    made.path_ = std::move(path);
    path = made.path_;
    constexpr mode_t for_its_owner = 0600;
    constexpr mode_t for_everybody = 0666;
    if (::chmod(path.c_str(), owner ? for_its_owner : for_everybody) != 0) {
        return failure("chmod");
    }
    const bool foreign = owner && owner->uid != ::geteuid();
    if (foreign && ::chown(path.c_str(), owner->uid, owner->gid) != 0) {
        return failure("chown");
    }
    return made;
}

Result<NotifyDatagram> NotifySocket::receive() noexcept {
    std::array<char, notify_message_max> buffer{};
    // The credentials come first and fill this: what would follow has no room.
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(ucred))> control{};
    iovec part{buffer.data(), buffer.size()};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    ssize_t size = -1;
    do {
        size = ::recvmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    } while (size < 0 && errno == EINTR);
    if (size < 0) return last_error();
    NotifyDatagram datagram;
    const cmsghdr* const first = CMSG_FIRSTHDR(&header);
    if (first != nullptr && first->cmsg_level == SOL_SOCKET &&
        first->cmsg_type == SCM_CREDENTIALS && first->cmsg_len == CMSG_LEN(sizeof(ucred))) {
        ucred credentials{};
        std::memcpy(&credentials, CMSG_DATA(first), sizeof credentials);
        datagram.sender = {credentials.pid, credentials.uid};
    }
    if ((header.msg_flags & MSG_TRUNC) == 0) {
        datagram.message = parse_notify({buffer.data(), static_cast<std::size_t>(size)});
    }
    return datagram;
}

void NotifySocket::close() noexcept {
    fd_.reset();
    if (!path_.empty()) (void)::unlink(path_.c_str());
    path_.clear();
}

}  // namespace reeve::os
