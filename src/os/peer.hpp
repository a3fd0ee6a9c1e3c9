// The other end of a connected socket: who it is, and talking to it without blocking or signals.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <sys/types.h>
#include <vector>

#include "os/fd.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// Who connected to a Unix socket, as the kernel noted it at that moment.
struct Peer {
    uid_t uid = 0;
    pid_t pid = 0;              ///< 0 for a process that this pid namespace does not see
    std::vector<gid_t> groups;  ///< the effective one and all supplementary ones
};

[[nodiscard]] Result<Peer> peer_of(int fd);

/// The name in /etc/passwd, or "" when it has none. Asks no name service: a directory server that
/// does not answer must not stop the caller.
[[nodiscard]] std::string local_user_name(uid_t uid);

/// The next waiting connection, close-on-exec and non-blocking; EAGAIN when none waits.
[[nodiscard]] Result<Fd> accept_connection(int listener) noexcept;

/// One send(2) that raises no SIGPIPE, repeated on EINTR. May send less than asked; EAGAIN when
/// the peer does not read.
[[nodiscard]] Result<std::size_t> send_some(int fd, std::span<const char> bytes) noexcept;

/// Tells the peer that nothing more comes; it can still be read from.
void finish_sending(int fd) noexcept;

/// Makes the missing parents of `file`, each with this mode before the umask.
[[nodiscard]] Outcome<void> make_parents(const std::string& file, mode_t mode);

/// Whether `path` is a directory itself, no link, of this user, and closed to everybody else.
[[nodiscard]] Outcome<void> check_private_directory(const std::string& path);

}  // namespace reeve::os
