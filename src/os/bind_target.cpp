// Looking into another process without waiting for it: links of /proc, never the files behind them.
#include "os/bind_target.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/proc_file.hpp"

namespace reeve::os {
namespace {

constexpr std::size_t descriptors_max = 4096;
constexpr std::size_t fdinfo_bytes = 64UL * 1024;

struct Row {
    std::string_view name;
    int family;  ///< AF_UNSPEC = any
    int level;
    int option;
    bool doubled;  ///< the kernel answers with twice what was set
};

/// What programs set before bind and what connections inherit from the listening socket.
constexpr std::array rows{
    Row{"SO_KEEPALIVE", AF_UNSPEC, SOL_SOCKET, SO_KEEPALIVE, false},
    Row{"SO_RCVBUF", AF_UNSPEC, SOL_SOCKET, SO_RCVBUF, true},
    Row{"SO_SNDBUF", AF_UNSPEC, SOL_SOCKET, SO_SNDBUF, true},
    Row{"SO_PRIORITY", AF_UNSPEC, SOL_SOCKET, SO_PRIORITY, false},
    Row{"SO_PASSCRED", AF_UNIX, SOL_SOCKET, SO_PASSCRED, false},
    Row{"TCP_NODELAY", AF_INET, IPPROTO_TCP, TCP_NODELAY, false},
    Row{"TCP_KEEPIDLE", AF_INET, IPPROTO_TCP, TCP_KEEPIDLE, false},
    Row{"TCP_KEEPINTVL", AF_INET, IPPROTO_TCP, TCP_KEEPINTVL, false},
    Row{"TCP_KEEPCNT", AF_INET, IPPROTO_TCP, TCP_KEEPCNT, false},
    Row{"TCP_USER_TIMEOUT", AF_INET, IPPROTO_TCP, TCP_USER_TIMEOUT, false},
    Row{"TCP_DEFER_ACCEPT", AF_INET, IPPROTO_TCP, TCP_DEFER_ACCEPT, false},
    Row{"TCP_MAXSEG", AF_INET, IPPROTO_TCP, TCP_MAXSEG, false},
    Row{"TCP_FASTOPEN", AF_INET, IPPROTO_TCP, TCP_FASTOPEN, false},
};

std::optional<int> get_option(int fd, int level, int option) noexcept {
    int value = 0;
    socklen_t size = sizeof value;
    if (::getsockopt(fd, level, option, &value, &size) != 0) {
        return std::nullopt;
    }
    return value;
}

/// What the number leads to. Only the link is read: a file system in the worker's hands could keep
/// whoever looks at the file itself waiting.
std::string_view read_link(pid_t thread, const char* name, std::span<char> into) noexcept {
    const ssize_t size = ::readlink(ProcPath{thread, name}.c_str(), into.data(), into.size());
    return {into.data(), size > 0 ? static_cast<std::size_t>(size) : 0};
}

Result<Fd> copy_descriptor(pid_t thread, int fd) noexcept {
    // Threads are named by kernels that know how; elsewhere its process, which nearly always has
    // the same descriptors.
    constexpr unsigned of_thread = O_EXCL;  // PIDFD_THREAD, which older headers do not have
    Fd process{static_cast<int>(::syscall(SYS_pidfd_open, thread, of_thread))};
    if (!process) {
        process.reset(static_cast<int>(::syscall(SYS_pidfd_open, thread, 0U)));
    }
    if (!process) {
        std::array<char, 2048> buffer;
        const auto status = read_file(ProcPath{thread, "status"}.c_str(), buffer);
        const auto at = status ? status->find("\nTgid:") : std::string_view::npos;
        if (at == std::string_view::npos) {
            return make_error(ESRCH);
        }
        std::string_view rest = status->substr(at + 6);
        process.reset(static_cast<int>(::syscall(SYS_pidfd_open, to_number(next_word(rest)), 0U)));
    }
    if (!process) {
        return last_error();
    }
    Fd copy{static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), fd, 0U))};
    if (!copy) {
        return last_error();
    }
    return copy;
}

/// "flags:\t02004002" of fdinfo, in octal.
Result<int> flags_of(const BindNotice& notice) noexcept {
    std::array<char, 256> buffer;
    const auto name = "fdinfo/" + std::to_string(notice.fd);
    const auto text = read_file(ProcPath{notice.thread, name.c_str()}.c_str(), buffer);
    if (!text) {
        return text.error();
    }
    const auto at = text->find("flags:");
    if (at == std::string_view::npos) {
        return make_error(EPROTO);
    }
    std::string_view rest = text->substr(at + 6);
    return static_cast<int>(to_number(next_word(rest), 8));
}

/// "tfd:        5 events:       19 data: 5  pos:0 ino:8b09 sdev:8"
bool names_inode(std::string_view info, ino_t inode) noexcept {
    for (std::string_view word = next_word(info); !word.empty(); word = next_word(info)) {
        if (word.starts_with("ino:") && to_number(word.substr(4), 16) == inode) {
            return true;
        }
    }
    return false;
}

}  // namespace

Result<ino_t> target_inode(const BindNotice& notice) noexcept {
    std::array<char, 64> buffer;
    const auto name = "fd/" + std::to_string(notice.fd);
    std::string_view link = read_link(notice.thread, name.c_str(), buffer);
    if (link.empty()) {
        return last_error();
    }
    if (!link.starts_with("socket:[")) {
        return make_error(ENOTSOCK);
    }
    link.remove_prefix(8);
    return static_cast<ino_t>(to_number(link.substr(0, link.find(']'))));
}

Result<BindTarget> look_at_target(const BindNotice& notice) {
    const auto inode = target_inode(notice);
    if (!inode) {
        return inode.error();
    }
    auto copy = copy_descriptor(notice.thread, notice.fd);
    if (!copy) {
        return copy.error();
    }
    BindTarget target;
    target.inode = *inode;
    target.copy = std::move(*copy);
    const auto domain = get_option(target.copy.get(), SOL_SOCKET, SO_DOMAIN);
    if (!domain) {
        // To close it could wait for whoever made it, for ever: rather keep it open.
        static_cast<void>(target.copy.release());
        return make_error(EXDEV);
    }
    target.domain = *domain;
    target.type = get_option(target.copy.get(), SOL_SOCKET, SO_TYPE).value_or(0);
    target.protocol = get_option(target.copy.get(), SOL_SOCKET, SO_PROTOCOL).value_or(0);
    target.reuse_port = get_option(target.copy.get(), SOL_SOCKET, SO_REUSEPORT).value_or(0) != 0;
    if (*domain == AF_INET6) {
        target.v6only = get_option(target.copy.get(), IPPROTO_IPV6, IPV6_V6ONLY).value_or(0) != 0;
    }
    const auto flags = flags_of(notice);
    if (!flags) {
        return flags.error();
    }
    target.nonblocking = (*flags & O_NONBLOCK) != 0;
    target.close_on_exec = (*flags & O_CLOEXEC) != 0;
    return target;
}

bool in_epoll_set(const BindNotice& notice, ino_t inode) {
    const auto fds = list_numbers(ProcPath{notice.thread, "fd"}.c_str(), descriptors_max);
    if (!fds) {
        return false;
    }
    std::vector<char> info;
    for (const int fd : *fds) {
        std::array<char, 64> buffer;
        const auto number = std::to_string(fd);
        if (read_link(notice.thread, ("fd/" + number).c_str(), buffer) !=
            "anon_inode:[eventpoll]") {
            continue;
        }
        info.resize(fdinfo_bytes);
        const auto path = "fdinfo/" + number;
        const auto text = read_file(ProcPath{notice.thread, path.c_str()}.c_str(), info);
        if (text && names_inode(*text, inode)) {
            return true;
        }
    }
    return false;
}

CopiedOptions copy_options(const BindTarget& from, int to) {
    CopiedOptions copied;
    // What was set differs from what a new socket of that kind has.
    const Fd fresh{::socket(from.domain, from.type | SOCK_CLOEXEC, from.protocol)};
    const bool tcp = from.domain != AF_UNIX;
    for (const Row& row : rows) {
        if ((row.family == AF_UNIX && tcp) || (row.family == AF_INET && !tcp)) {
            continue;
        }
        const auto wanted = get_option(from.copy.get(), row.level, row.option);
        const auto usual = get_option(fresh.get(), row.level, row.option);
        if (!wanted || !usual || *wanted == *usual ||
            get_option(to, row.level, row.option) == wanted) {
            continue;
        }
        const int value = row.doubled ? *wanted / 2 : *wanted;
        if (::setsockopt(to, row.level, row.option, &value, sizeof value) == 0) {
            copied.set.push_back(row.name);
        } else {
            copied.failed.push_back(row.name);
        }
    }
    return copied;
}

std::string target_link(const BindNotice& notice, const char* name) {
    std::array<char, 4096> buffer;
    return std::string{read_link(notice.thread, name, buffer)};
}

}  // namespace reeve::os
