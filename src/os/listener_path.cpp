// Listening on a Unix path: never taken from somebody who listens there, never left behind.
#include <array>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/bind_address.hpp"
#include "os/listener.hpp"

namespace reeve::os {
namespace {

/// The directory of `path`, locked against other reeves until it is closed. A directory that may
/// not be read cannot be locked: then the connect test alone must do, and this is empty.
Outcome<Fd> lock_directory(const std::string& path, const std::string& what) {
    const auto slash = path.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
    Fd fd{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (!fd) {
        if (errno == EACCES) {
            return Fd{};
        }
        return Failure{what + ": directory " + directory, errno};
    }
    constexpr int tries = 100;
    constexpr int pause_ms = 10;
    for (int at = 0; at < tries; ++at) {
        if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) {
            return fd;
        }
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return Fd{};  // a file system without locks
        }
        ::poll(nullptr, 0, pause_ms);
    }
    return Failure{what, EADDRINUSE, "another process holds a lock on " + directory};
}

/// Removes a socket at `path` that nobody listens on. An error means that the path is not to be
/// had.
Result<void> clear_stale(const std::string& path) noexcept {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) {
        if (errno == ENOENT) {
            return {};
        }
        return last_error();
    }
    if (!S_ISSOCK(status.st_mode)) {
        return make_error(EEXIST);
    }
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (path.size() >= sizeof to.sun_path) {
        return make_error(ENAMETOOLONG);
    }
    std::memcpy(to.sun_path, path.data(), path.size());
    const Fd probe{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!probe) {
        return last_error();
    }
    if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0 ||
        errno == EAGAIN || errno == EPROTOTYPE) {
        return make_error(EADDRINUSE);
    }
    if (errno == ENOENT) {
        return {};
    }
    if (errno != ECONNREFUSED) {
        return last_error();
    }
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
        return last_error();
    }
    return {};
}

bool same_file(const struct stat& one, const struct stat& other) noexcept {
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

}  // namespace

/// Owner first, mode last: chown clears nothing here, and until then only we may connect.
Result<void> Listener::dress(int file, const UnixPathAddress& address) noexcept {
    if (address.owner || address.group) {
        const uid_t owner = address.owner.value_or(static_cast<uid_t>(-1));
        const gid_t group = address.group.value_or(static_cast<gid_t>(-1));
        if (::fchownat(file, "", owner, group, AT_EMPTY_PATH) != 0) {
            return last_error();
        }
    }
    // By way of the descriptor: chmod of the path would follow whatever is there by now.
    const std::string self = "/proc/self/fd/" + std::to_string(file);
    if (::chmod(self.c_str(), address.mode) != 0 &&
        (errno != ENOENT || ::chmod(address.path.c_str(), address.mode) != 0)) {
        return last_error();
    }
    return {};
}

Outcome<Listener> Listener::open_path(const UnixPathAddress& address, int backlog) {
    const std::string what = "listen unix " + address.path;
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    if (address.path.empty() || address.path.size() >= sizeof to.sun_path) {
        return Failure{what, ENAMETOOLONG, "1 to 107 characters"};
    }
    std::memcpy(to.sun_path, address.path.data(), address.path.size());
    const auto lock = lock_directory(address.path, what);
    if (!lock) {
        return lock.error();
    }
    if (const auto clear = clear_stale(address.path); !clear) {
        const int error = clear.error().value();
        std::string hint = error == EADDRINUSE ? "is another server running?"
                           : error == EEXIST   ? "what is there is no socket: not replaced"
                                               : "cannot tell whether somebody listens there";
        return Failure{what, error, std::move(hint)};
    }
    Listener listener;
    listener.fd_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!listener.fd_) {
        return Failure{what, errno};
    }
    ::fchmod(listener.fd(), 0600);  // bind makes the file with the socket's own mode
    if (::bind(listener.fd(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        return Failure{what, errno, errno == EADDRINUSE ? "is another server running?" : ""};
    }
    listener.kind_ = Kind::unix_path;
    listener.path_ = address.path;
    listener.address_ = "unix:" + address.path;
    listener.file_.reset(::open(address.path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    if (!listener.file_) {
        return Failure{what, errno};
    }
    if (const auto done = dress(listener.file_.get(), address); !done) {
        return Failure{what + ": set owner and mode", done.error().value()};
    }
    if (::listen(listener.fd(), backlog) != 0) {
        return Failure{what, errno};
    }
    return listener;
}

bool Listener::leads_here(const std::string& path) const noexcept {
    struct stat ours {};
    struct stat there {};
    return file_ && ::fstat(file_.get(), &ours) == 0 && ::lstat(path.c_str(), &there) == 0 &&
           same_file(ours, there);
}

bool Listener::owns_path() const noexcept { return leads_here(path_); }

void Listener::unlink_own_path() noexcept {
    // While the socket still listens: nobody else takes the path for stale between the look and the
    // unlink.
    if (owns_path()) {
        ::unlink(path_.c_str());
    }
    if (!second_name_.empty() && leads_here(second_name_)) {
        ::unlink(second_name_.c_str());
    }
    second_name_.clear();
    file_.reset();
}

Outcome<void> Listener::keep_second_name() {
    if (kind_ != Kind::unix_path || kept_ || !second_name_.empty()) {
        return {};
    }
    const auto base = path_.rfind('/') + 1;  // 0 where there is no directory
    const std::string name = path_.substr(0, base) + "." + path_.substr(base) + ".reeve";
    const std::string what = "second name " + name + " of unix " + path_;
    if (!leads_here(name)) {
        // Left behind by a reeve that was killed: it may still be served.
        if (const auto clear = clear_stale(name); !clear) {
            return Failure{what, clear.error().value(), "is another reeve running?"};
        }
        if (::link(path_.c_str(), name.c_str()) != 0) {
            return Failure{what, errno, "workers that adopt it may unlink it, so it needs two"};
        }
    }
    second_name_ = name;
    return {};
}

Result<bool> Listener::restore_path() const {
    if (second_name_.empty() || leads_here(path_)) {
        return false;
    }
    // A server that renames its own socket over the path and dies leaves it there.
    if (const auto clear = clear_stale(path_); !clear) {
        return {boost::system::in_place_error, clear.error()};
    }
    if (::link(second_name_.c_str(), path_.c_str()) != 0) {
        return {boost::system::in_place_error, last_error()};
    }
    return true;
}

bool Listener::is_path(const std::string& absolute) const {
    if (kind_ != Kind::unix_path) {
        return false;
    }
    std::array<char, PATH_MAX> buffer;
    const char* cwd = ::getcwd(buffer.data(), buffer.size());
    const std::string own = absolute_path(path_, cwd != nullptr ? cwd : "/");
    if (own == absolute) {
        return true;
    }
    const auto slash = own.rfind('/');
    const char* real = ::realpath(own.substr(0, slash + 1).c_str(), buffer.data());
    return real != nullptr && absolute == absolute_path(own.substr(slash + 1), real);
}

bool Listener::is_reachable() const noexcept {
    return kind_ != Kind::unix_path || kept_ || owns_path();
}

}  // namespace reeve::os
