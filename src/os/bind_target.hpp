// The socket in a worker that a bind or listen is about: what it is, and what was set on it.
#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "os/bind_notice.hpp"

namespace reeve::os {

/// "socket:[inode]" of the descriptor that the call is about; ENOTSOCK where it is none.
[[nodiscard]] Result<ino_t> target_inode(const BindNotice& notice) noexcept;

/// A socket in another process and our own copy of it.
struct BindTarget {
    Fd copy;
    ino_t inode = 0;
    int domain = 0;
    int type = 0;
    int protocol = 0;
    bool nonblocking = false;
    bool close_on_exec = false;
    bool v6only = false;
    bool reuse_port = false;
};

/// ENOTSOCK: it is none. EPERM: that process may not be looked at. EXDEV: while we looked, what was
/// a socket was exchanged for something else, which is no accident.
[[nodiscard]] Result<BindTarget> look_at_target(const BindNotice& notice);

/// Some epoll set of the process has the socket, which another one in its place would not be in.
[[nodiscard]] bool in_epoll_set(const BindNotice& notice, ino_t inode);

struct CopiedOptions {
    std::vector<std::string_view> set;     ///< what `to` got
    std::vector<std::string_view> failed;  ///< what `to` could not get
};

/// Sets on `to` what the program set on its own socket and what accepted connections inherit.
[[nodiscard]] CopiedOptions copy_options(const BindTarget& from, int to);

/// The working directory and the root of the process; empty where they may not be seen.
[[nodiscard]] std::string target_link(const BindNotice& notice, const char* name);

}  // namespace reeve::os
