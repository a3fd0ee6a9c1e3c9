// Credentials from the kernel, and the calls on a connection.
#include "os/peer.hpp"

#include <cstdio>
#include <memory>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

namespace reeve::os {

Result<Peer> peer_of(int fd) {
    ucred credentials{};
    socklen_t size = sizeof credentials;
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) return last_error();
    Peer peer{credentials.uid, credentials.pid, {}};
    constexpr std::size_t first_guess = 64;
    peer.groups.resize(first_guess);
    for (;;) {
        size = static_cast<socklen_t>(peer.groups.size() * sizeof(gid_t));
        const int done = ::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &size);
        const std::size_t count = size / sizeof(gid_t);
        if (done == 0) {
            peer.groups.resize(count);
            break;
        }
        // The kernel says how many there are, at most 65536.
        if (errno != ERANGE || count <= peer.groups.size()) return last_error();
        peer.groups.resize(count);
    }
    peer.groups.push_back(credentials.gid);
    return peer;
}

std::string local_user_name(uid_t uid) {
    struct Close {
        void operator()(std::FILE* file) const noexcept { (void)std::fclose(file); }
    };
    const std::unique_ptr<std::FILE, Close> file{std::fopen("/etc/passwd", "re")};
    if (!file) return {};
    constexpr std::size_t entry_bytes = 4096;
    std::vector<char> memory(entry_bytes);
    passwd entry{};
    passwd* found = nullptr;
    while (::fgetpwent_r(file.get(), &entry, memory.data(), memory.size(), &found) == 0) {
        if (found->pw_uid == uid) return found->pw_name;
    }
    return {};
}

Result<Fd> accept_connection(int listener) noexcept {
    for (;;) {
        const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) return Fd{fd};
        if (errno != EINTR && errno != ECONNABORTED) return last_error();
    }
}

Result<std::size_t> send_some(int fd, std::span<const char> bytes) noexcept {
    for (;;) {
        const ssize_t count = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count >= 0) return static_cast<std::size_t>(count);
        if (errno != EINTR) return last_error();
    }
}

void finish_sending(int fd) noexcept { (void)::shutdown(fd, SHUT_WR); }

Outcome<void> make_parents(const std::string& file, mode_t mode) {
    for (auto at = file.find('/', 1); at != std::string::npos; at = file.find('/', at + 1)) {
        const std::string directory = file.substr(0, at);
        if (::mkdir(directory.c_str(), mode) != 0 && errno != EEXIST) {
            return Failure{"make directory " + directory, errno};
        }
    }
    return {};
}

Outcome<void> check_private_directory(const std::string& path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return Failure{path, errno};
    constexpr mode_t others = 077;
    if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() ||
        (status.st_mode & others) != 0) {
        return Failure{path, EPERM, "must be a directory of this user with mode 0700"};
    }
    return {};
}

}  // namespace reeve::os
