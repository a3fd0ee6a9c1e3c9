// Listening sockets over TCP and abstract names; refusing and measuring for all kinds.
#include "os/listener.hpp"

#include <array>
#include <cstddef>
#include <cstring>
#include <linux/filter.h>
#include <linux/unix_diag.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "os/unix_diag.hpp"

namespace reeve::os {
namespace {

std::string bracketed(const std::string& host) {
    return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

Failure failure_of(std::string what, int error) {
    std::string hint;
    if (error == EADDRINUSE) {
        hint = "is another server running?";
    } else if (error == EADDRNOTAVAIL) {
        hint = "no interface of this machine has that address";
    }
    return {std::move(what), error, std::move(hint)};
}

using AddressList = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Outcome<AddressList> resolve(const TcpAddress& address, const std::string& what) {
    const bool any = address.host.empty() || address.host == "*";
    addrinfo hints{};
    hints.ai_family = any ? AF_INET : AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const int code = ::getaddrinfo(any ? nullptr : address.host.c_str(),
                                   std::to_string(address.port).c_str(), &hints, &found);
    if (code == EAI_SYSTEM) {
        return Failure{what, errno};
    }
    if (code != 0) {
        return Failure{what + ": " + ::gai_strerror(code), 0, "is the host name right?"};
    }
    return AddressList{found, &::freeaddrinfo};
}

const addrinfo* preferred(const addrinfo* list) noexcept {
    for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
        if (at->ai_family == AF_INET) {
            return at;
        }
    }
    return list;
}

Result<void> set_option(int fd, int level, int option, int value) noexcept {
    if (::setsockopt(fd, level, option, &value, sizeof value) != 0) {
        return last_error();
    }
    return {};
}

Result<void> prepare_tcp(int fd, int family, const TcpAddress& address) noexcept {
    if (auto done = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1); !done) {
        return done;
    }
    if (family == AF_INET6) {
        if (auto done = set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, address.v6only ? 1 : 0); !done) {
            return done;
        }
    }
    if (address.grouped) {
        if (auto done = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1); !done) {
            return done;
        }
    }
    return set_option(fd, IPPROTO_TCP, TCP_NODELAY, address.nodelay ? 1 : 0);
}

Result<std::uint16_t> bound_port(int fd) noexcept {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
        return last_error();
    }
    in_port_t port = 0;  // at the same place for both families
    static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
    std::memcpy(&port, reinterpret_cast<const char*>(&bound) + offsetof(sockaddr_in, sin_port),
                sizeof port);
    return ntohs(port);
}

std::string host_of(const TcpAddress& address) {
    return address.host.empty() || address.host == "*" ? "0.0.0.0" : address.host;
}

std::string name_of(const TcpAddress& address) {
    return "listen tcp " + bracketed(host_of(address)) + ":" + std::to_string(address.port);
}

/// A socket at that address that does not listen yet.
Outcome<Fd> bind_tcp(const TcpAddress& address) {
    const std::string what = name_of(address);
    auto list = resolve(address, what);
    if (!list) {
        return list.error();
    }
    const addrinfo& to = *preferred(list->get());
    Fd fd{::socket(to.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (!fd) {
        return Failure{what, errno};
    }
    if (const auto done = prepare_tcp(fd.get(), to.ai_family, address); !done) {
        return Failure{what, done.error().value()};
    }
    if (::bind(fd.get(), to.ai_addr, to.ai_addrlen) != 0) {
        auto failure = failure_of(what, errno);
        if (failure.error == EACCES && address.port < 1024) {
            failure.hint = "ports below 1024 need CAP_NET_BIND_SERVICE";
        }
        return failure;
    }
    return fd;
}

Result<AcceptQueue> tcp_queue(int fd) noexcept {
    tcp_info info{};
    socklen_t size = sizeof info;
    if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) {
        return last_error();
    }
    // On a listening socket these two hold the accept queue and its limit.
    return AcceptQueue{info.tcpi_unacked, info.tcpi_sacked};
}

Result<AcceptQueue> unix_queue(ino_t inode) noexcept {
    const auto lengths = unix_diag<unix_diag_rqlen>(inode, UDIAG_SHOW_RQLEN, UNIX_DIAG_RQLEN);
    if (!lengths) {
        return lengths.error();
    }
    return AcceptQueue{lengths->udiag_rqueue, lengths->udiag_wqueue};
}

}  // namespace

Listener& Listener::operator=(Listener&& other) noexcept {
    if (this != &other) {
        close();
        fd_ = std::move(other.fd_);
        file_ = std::move(other.file_);
        path_ = std::move(other.path_);
        second_name_ = std::exchange(other.second_name_, {});
        address_ = std::move(other.address_);
        inode_ = other.inode_;
        port_ = other.port_;
        kind_ = other.kind_;
        kept_ = other.kept_;
    }
    return *this;
}

Listener::~Listener() { close(); }

Outcome<Listener> Listener::open(const ListenAddress& address, int backlog) {
    Outcome<Listener> opened = Listener{};
    if (const auto* tcp = std::get_if<TcpAddress>(&address)) {
        opened = open_tcp(*tcp, backlog);
    } else if (const auto* path = std::get_if<UnixPathAddress>(&address)) {
        opened = open_path(*path, backlog);
    } else if (const auto* abstract = std::get_if<UnixAbstractAddress>(&address)) {
        opened = open_abstract(*abstract, backlog);
    }
    if (opened) {
        const auto inode = socket_inode(opened->fd());
        if (!inode) {
            return Failure{"listen " + opened->address_, inode.error().value()};
        }
        opened->inode_ = *inode;
    }
    return opened;
}

Outcome<Listener> Listener::open_tcp(const TcpAddress& address, int backlog) {
    const std::string what = name_of(address);
    auto bound = bind_tcp(address);
    if (!bound) {
        return bound.error();
    }
    Listener listener;
    listener.fd_ = std::move(*bound);
    if (::listen(listener.fd(), backlog) != 0) {
        return failure_of(what, errno);
    }
    const auto port = bound_port(listener.fd());
    if (!port) {
        return Failure{what, port.error().value()};
    }
    listener.port_ = *port;
    listener.address_ = "tcp://" + bracketed(host_of(address)) + ":" + std::to_string(*port);
    listener.kind_ = Kind::tcp;
    return listener;
}

Outcome<ReservedPort> reserve_port(const TcpAddress& address) {
    auto bound = bind_tcp(address);
    if (!bound) {
        return bound.error();
    }
    const auto port = bound_port(bound->get());
    if (!port) {
        return Failure{name_of(address), port.error().value()};
    }
    return ReservedPort{std::move(*bound), *port};
}

Outcome<Listener> Listener::open_abstract(const UnixAbstractAddress& address, int backlog) {
    const std::string what = "listen unix @" + address.name;
    sockaddr_un to{};
    if (address.name.empty() || address.name.size() >= sizeof to.sun_path) {
        return Failure{what, ENAMETOOLONG, "1 to 107 characters"};
    }
    to.sun_family = AF_UNIX;
    std::memcpy(to.sun_path + 1, address.name.data(), address.name.size());
    Listener listener;
    listener.fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!listener.fd_) {
        return Failure{what, errno};
    }
    const auto size =
        static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + address.name.size());
    if (::bind(listener.fd(), reinterpret_cast<const sockaddr*>(&to), size) != 0 ||
        ::listen(listener.fd(), backlog) != 0) {
        return failure_of(what, errno);
    }
    listener.address_ = "unix:@" + address.name;
    listener.kind_ = Kind::unix_abstract;
    return listener;
}

Result<void> Listener::refuse_new_connections() noexcept {
    if (kept_) {
        return {};
    }
    switch (kind_) {
        case Kind::tcp: {
            // Only SYNs are dropped (the packet begins with the TCP header, byte 13 has the flags):
            // the last ACK of a handshake under way must still get in, or its client would
            // believe in a connection that is none.
            constexpr std::uint32_t flags_offset = 13;
            constexpr std::uint32_t syn = 0x02;
            std::array<sock_filter, 4> drop_syns{{
                {BPF_LD | BPF_B | BPF_ABS, 0, 0, flags_offset},
                {BPF_JMP | BPF_JSET | BPF_K, 0, 1, syn},
                {BPF_RET | BPF_K, 0, 0, 0},
                {BPF_RET | BPF_K, 0, 0, 0xffffffff},
            }};
            const sock_fprog program{drop_syns.size(), drop_syns.data()};
            if (::setsockopt(fd(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) != 0) {
                return last_error();
            }
            return {};
        }
        case Kind::unix_path: unlink_own_path(); return {};
        case Kind::unix_abstract: return make_error(EOPNOTSUPP);
    }
    return make_error(EINVAL);
}

Result<void> Listener::accept_new_connections() noexcept {
    constexpr int unused = 0;
    const bool filtered = kind_ == Kind::tcp && !kept_;
    if (filtered && ::setsockopt(fd(), SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused) != 0 &&
        errno != ENOENT) {
        return last_error();
    }
    return {};
}

Result<AcceptQueue> Listener::queue_length() const noexcept {
    return kind_ == Kind::tcp ? tcp_queue(fd()) : unix_queue(inode_);
}

bool Listener::is_listening() const noexcept {
    int listens = 0;
    socklen_t size = sizeof listens;
    return ::getsockopt(fd(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens != 0;
}

Result<void> Listener::listen_again(int backlog) noexcept {
    if (::listen(fd(), backlog) != 0) {
        return last_error();
    }
    return {};
}

Result<void> Listener::stop_listening() noexcept {
    if (::shutdown(fd(), SHUT_RDWR) != 0) {
        return last_error();
    }
    return {};
}

void Listener::close() noexcept {
    if (!kept_) {
        unlink_own_path();
    }
    file_.reset();
    fd_.reset();
}

void Listener::leave() noexcept {
    file_.reset();
    fd_.reset();
}

Result<ino_t> socket_inode(int fd) noexcept {
    struct stat status {};
    if (::fstat(fd, &status) != 0) {
        return last_error();
    }
    return status.st_ino;
}

}  // namespace reeve::os
