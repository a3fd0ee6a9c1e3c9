// Listening sockets that others opened: recognised by what the kernel says of them.
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstddef>
#include <cstring>
#include <fcntl.h>
#include <linux/unix_diag.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "os/listener.hpp"
#include "os/unix_diag.hpp"

namespace reeve::os {
namespace {

Result<int> option_of(int fd, int option) noexcept {
    int value = 0;
    socklen_t size = sizeof value;
    if (::getsockopt(fd, SOL_SOCKET, option, &value, &size) != 0) {
        return last_error();
    }
    return value;
}

struct Name {
    sockaddr_storage address{};
    socklen_t size = 0;
};

Result<Name> name_of(int fd) noexcept {
    Name name;
    name.size = sizeof name.address;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&name.address), &name.size) != 0) {
        return last_error();
    }
    return name;
}

/// The host and port as text; "" where the family is another one.
std::pair<std::string, std::uint16_t> host_and_port(const sockaddr_storage& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.ss_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, &address, sizeof v4);
        ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
        return {text.data(), ntohs(v4.sin_port)};
    }
    if (address.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &address, sizeof v6);
        ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
        return {"[" + std::string{text.data()} + "]", ntohs(v6.sin6_port)};
    }
    return {};
}

/// "/path", "@name", or "" for a socket without a name.
std::string unix_name(const Name& name) {
    sockaddr_un at{};
    std::memcpy(&at, &name.address, sizeof at);
    const std::size_t length =
        name.size - std::min<std::size_t>(name.size, offsetof(sockaddr_un, sun_path));
    if (length == 0) {
        return {};
    }
    if (at.sun_path[0] == '\0') {
        return "@" + std::string(at.sun_path + 1, length - 1);
    }
    return {at.sun_path, ::strnlen(at.sun_path, length)};
}

/// Whether a socket of this name is what `wanted` would open; port 0 wants any port.
bool is_at(const TcpAddress& wanted, const sockaddr_storage& address) {
    const bool any = wanted.host.empty() || wanted.host == "*";
    addrinfo hints{};
    hints.ai_family = any ? AF_INET : AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (::getaddrinfo(any ? nullptr : wanted.host.c_str(), std::to_string(wanted.port).c_str(),
                      &hints, &found) != 0) {
        return false;
    }
    bool same = false;
    const auto [host, port] = host_and_port(address);
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
        sockaddr_storage one{};
        std::memcpy(&one, at->ai_addr, at->ai_addrlen);
        same =
            same || (host_and_port(one).first == host && (wanted.port == 0 || wanted.port == port));
    }
    ::freeaddrinfo(found);
    return same;
}

}  // namespace

Outcome<Listener> Listener::recognise(Fd fd, const std::string& what) {
    const auto listening = option_of(fd.get(), SO_ACCEPTCONN);
    const auto type = option_of(fd.get(), SO_TYPE);
    if (!listening || !type) {
        return Failure{what, ENOTSOCK};
    }
    if (*listening == 0 || *type != SOCK_STREAM) {
        return Failure{what, EINVAL, "this takes a listening stream socket"};
    }
    const auto name = name_of(fd.get());
    const auto inode = socket_inode(fd.get());
    if (!name || !inode) {
        return Failure{what, EBADF};
    }
    Listener listener;
    if (name->address.ss_family == AF_UNIX) {
        const std::string at = unix_name(*name);
        listener.kind_ = at.starts_with('@') ? Kind::unix_abstract : Kind::unix_path;
        listener.address_ = "unix:" + at;
        if (listener.kind_ == Kind::unix_path) {
            listener.path_ = at;
        }
    } else {
        const auto [host, port] = host_and_port(name->address);
        if (host.empty()) {
            return Failure{what, EAFNOSUPPORT, "only TCP and Unix sockets"};
        }
        listener.address_ = "tcp://" + host + ":" + std::to_string(port);
        listener.port_ = port;
    }
    if (const auto blocking = set_nonblocking(fd.get(), false); !blocking) {
        return Failure{what, blocking.error().value()};
    }
    listener.inode_ = *inode;
    listener.fd_ = std::move(fd);
    return listener;
}

std::string Listener::host() const {
    if (kind_ != Kind::tcp) {
        return address_.substr(std::string_view{"unix:"}.size());
    }
    const auto begin = std::string_view{"tcp://"}.size();
    const std::string host = address_.substr(begin, address_.rfind(':') - begin);
    return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

Outcome<Listener> Listener::adopt(Fd fd, const std::string& name, bool nodelay) {
    auto listener = recognise(std::move(fd), "listen systemd:" + name);
    if (listener) {
        listener->kept_ = true;
        listener->set_nodelay(nodelay);
    }
    return listener;
}

void Listener::set_nodelay(bool on) noexcept {
    const int value = on ? 1 : 0;
    if (kind_ == Kind::tcp) {
        static_cast<void>(::setsockopt(fd(), IPPROTO_TCP, TCP_NODELAY, &value, sizeof value));
    }
}

/// The file that the path leads to, if it is the one that this socket was bound to.
Result<void> Listener::find_own_path() noexcept {
    const auto bound = unix_diag<unix_diag_vfs>(inode_, UDIAG_SHOW_VFS, UNIX_DIAG_VFS);
    if (!bound) {
        return bound.error();
    }
    file_.reset(::open(path_.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat there {};
    if (!file_ || ::fstat(file_.get(), &there) != 0) {
        return last_error();
    }
    // Not the device: file systems with subvolumes or layers give the two calls different ones.
    if (static_cast<std::uint32_t>(there.st_ino) != bound->udiag_vfs_ino) {
        file_.reset();
        return make_error(EADDRNOTAVAIL);
    }
    return {};
}

Outcome<Listener> Listener::take_back(Fd fd, const ListenAddress& address, int backlog) {
    const std::string what = "take back a listening socket";
    const auto name = name_of(fd.get());
    auto listener = recognise(std::move(fd), what);
    if (!listener || !name) {
        return listener;
    }
    const Failure other{what + " at " + listener->address_, EADDRNOTAVAIL};
    if (const auto* tcp = std::get_if<TcpAddress>(&address)) {
        if (listener->kind_ != Kind::tcp || !is_at(*tcp, name->address)) {
            return other;
        }
        listener->set_nodelay(tcp->nodelay);
        // A stop that was cut off may have left its filter; without one this fails, as it may.
        const int ignored = 0;
        static_cast<void>(
            ::setsockopt(listener->fd(), SOL_SOCKET, SO_DETACH_FILTER, &ignored, sizeof ignored));
    } else if (const auto* path = std::get_if<UnixPathAddress>(&address)) {
        if (listener->kind_ != Kind::unix_path || listener->path_ != path->path ||
            !listener->find_own_path()) {
            return other;
        }
        if (const auto done = dress(listener->file_.get(), *path); !done) {
            return Failure{what + " at " + listener->address_, done.error().value()};
        }
    } else if (const auto* abstract = std::get_if<UnixAbstractAddress>(&address)) {
        if (listener->address_ != "unix:@" + abstract->name) {
            return other;
        }
    }
    // Listening again changes nothing but the limit of the queue.
    if (::listen(listener->fd(), backlog) != 0) {
        return Failure{what + " at " + listener->address_, errno};
    }
    return listener;
}

}  // namespace reeve::os
