// Listening sockets: opened with clear errors, measured, closed without leaving or taking anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <variant>

#include "os/fd.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// A host name that has addresses of both families means its IPv4 one.
struct TcpAddress {
    std::string host;        ///< literal or name, no brackets; empty or "*" = 0.0.0.0
    std::uint16_t port = 0;  ///< 0: the kernel picks, see Listener::port
    bool v6only = false;     ///< for an IPv6 address
    bool nodelay = true;     ///< TCP_NODELAY, inherited by accepted sockets
    bool grouped = false;    ///< SO_REUSEPORT: further sockets of ours may listen there
};

struct UnixPathAddress {
    std::string path;
    mode_t mode = 0660;
    std::optional<uid_t> owner{};
    std::optional<gid_t> group{};
};

struct UnixAbstractAddress {
    std::string name;  ///< without the '@'
};

using ListenAddress = std::variant<TcpAddress, UnixPathAddress, UnixAbstractAddress>;

/// The accept queue of a listening socket, in connections.
struct AcceptQueue {
    std::uint32_t waiting = 0;
    std::uint32_t limit = 0;
};

/// One listening socket, close-on-exec. It is blocking, as systemd hands sockets over: a program
/// that just accepts must not meet EAGAIN, and event loops set O_NONBLOCK themselves. Its
/// destructor closes it and unlinks its path if the file is still the one that it made.
///
/// A Unix path is opened under a flock(2) on its directory: connect to what is there; whoever
/// answers keeps it (our error is EADDRINUSE); a socket that nobody listens on is unlinked; bind;
/// owner and mode; listen. So of two reeves that start at once one wins, no lock file is left
/// behind, and workers see the public name as the socket's own.
class Listener {
public:
    Listener() noexcept = default;
    Listener(Listener&&) noexcept = default;
    Listener& operator=(Listener&&) noexcept;
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener();

    /// The failure's `what` is "listen tcp 127.0.0.1:80" or "listen unix /run/x.sock".
    /// May block: for the resolver where `host` is a name, up to a second for a directory's lock.
    [[nodiscard]] static Outcome<Listener> open(const ListenAddress& address, int backlog);

    /// Takes over a socket that somebody else made and keeps (a socket unit): any listening stream
    /// socket over TCP or Unix. It is made blocking; its backlog is its maker's. It counts as kept.
    [[nodiscard]] static Outcome<Listener> adopt(Fd fd, const std::string& name, bool nodelay);
    /// Takes back a socket that an earlier process opened as `address`; EADDRNOTAVAIL where it is
    /// another one by now, or its path leads elsewhere.
    [[nodiscard]] static Outcome<Listener> take_back(Fd fd, const ListenAddress& address,
                                                     int backlog);

    [[nodiscard]] int fd() const noexcept { return fd_.get(); }
    explicit operator bool() const noexcept { return static_cast<bool>(fd_); }
    /// "tcp://127.0.0.1:8000" with the real port, "unix:/path" or "unix:@name".
    [[nodiscard]] const std::string& address() const noexcept { return address_; }
    /// The host without brackets, the path, or "@name".
    [[nodiscard]] std::string host() const;
    /// The real port; 0 for a Unix socket.
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// As in "socket:[inode]" of /proc/PID/fd.
    [[nodiscard]] ino_t inode() const noexcept { return inode_; }

    /// New connections are no longer taken, for all holders of the socket; queued ones still are.
    /// TCP: SYNs are dropped; EPERM where the system lets only the privileged attach a filter. Unix
    /// path: unlinked (if still ours). Abstract: EOPNOTSUPP.
    [[nodiscard]] Result<void> refuse_new_connections() noexcept;
    /// Takes back that refusal; a Unix path cannot come back, see is_reachable().
    [[nodiscard]] Result<void> accept_new_connections() noexcept;
    /// Whether the path still leads here. It does not if we unlinked it, or somebody else did; what
    /// was opened without a path, or is kept by somebody else, is always reachable.
    [[nodiscard]] bool is_reachable() const noexcept;

    /// Whether an absolute path, as text, is the one of this socket.
    [[nodiscard]] bool is_path(const std::string& absolute) const;
    /// For workers that take the path for theirs and unlink it: the socket gets a second, hidden
    /// name beside it (".NAME.reeve"), from which restore_path() can bring the path back.
    [[nodiscard]] Outcome<void> keep_second_name();
    [[nodiscard]] bool has_second_name() const noexcept { return !second_name_.empty(); }
    /// Makes the path lead here again where it does not: true if so. Not where we unlinked it
    /// ourselves, or where somebody else listens by now (EADDRINUSE).
    [[nodiscard]] Result<bool> restore_path() const;

    [[nodiscard]] Result<AcceptQueue> queue_length() const noexcept;

    /// Whether connections can arrive. Anybody who holds the socket can end that by shutdown().
    [[nodiscard]] bool is_listening() const noexcept;
    /// Listens again, for somebody ended it, or ends it: what waits is reset.
    [[nodiscard]] Result<void> listen_again(int backlog) noexcept;
    [[nodiscard]] Result<void> stop_listening() noexcept;

    /// Whether somebody else holds the socket and will serve it later: refusing does nothing to it,
    /// and closing closes only our own copy.
    void keep(bool on) noexcept { kept_ = on; }
    [[nodiscard]] bool kept() const noexcept { return kept_; }

    /// Unlinks the path if it is still ours, then closes. Idempotent.
    void close() noexcept;
    /// Closes without touching the path: it outlives this process.
    void leave() noexcept;

private:
    enum class Kind { tcp, unix_path, unix_abstract };

    [[nodiscard]] bool leads_here(const std::string& path) const noexcept;
    [[nodiscard]] bool owns_path() const noexcept;
    void unlink_own_path() noexcept;
    void set_nodelay(bool on) noexcept;
    Result<void> find_own_path() noexcept;
    static Result<void> dress(int file, const UnixPathAddress& address) noexcept;
    static Outcome<Listener> recognise(Fd fd, const std::string& what);
    static Outcome<Listener> open_tcp(const TcpAddress& address, int backlog);
    static Outcome<Listener> open_path(const UnixPathAddress& address, int backlog);
    static Outcome<Listener> open_abstract(const UnixAbstractAddress& address, int backlog);

    Fd fd_;
    Fd file_;  // O_PATH on the socket file: while open, its inode number is not reused
    std::string path_;
    std::string second_name_;
    std::string address_;
    ino_t inode_ = 0;
    std::uint16_t port_ = 0;
    Kind kind_ = Kind::tcp;
    bool kept_ = false;
};

/// A TCP port that is ours while `socket` is open, which does not listen.
struct ReservedPort {
    Fd socket;
    std::uint16_t port = 0;
};

/// Fails where anybody listens there, also one who would share the port. Sockets of ours that are
/// opened with SO_REUSEADDR, as Listener does, may have it all the same.
[[nodiscard]] Outcome<ReservedPort> reserve_port(const TcpAddress& address);

/// The inode of any socket, as in "socket:[inode]".
[[nodiscard]] Result<ino_t> socket_inode(int fd) noexcept;

}  // namespace reeve::os
