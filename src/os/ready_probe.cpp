// Looking for somebody in a worker's tree who waits for connections on one of its sockets.
#include "os/ready_probe.hpp"

#include <algorithm>
#include <array>
#include <fcntl.h>
#include <optional>
#include <poll.h>
#include <string_view>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os/proc_file.hpp"
#include "os/process.hpp"

namespace reeve::os {
namespace {

constexpr std::size_t processes_max = 64;
constexpr std::size_t threads_max = 64;
constexpr std::size_t descriptors_max = 1024;
constexpr std::size_t polled_max = 4096;
constexpr std::size_t connections_max = 16;
constexpr std::size_t fdinfo_bytes = 64 * 1024;

/// Device number of all sockets, as fdinfo prints it: an inode number alone could be a file's.
std::uint64_t socket_device() noexcept {
    static const std::uint64_t device = [] {
        const Fd any{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        struct stat status {};
        return any && ::fstat(any.get(), &status) == 0 ? status.st_dev : 0;
    }();
    return device;
}

/// "tfd:        5 events:       19 data: 5  pos:0 ino:8b09 sdev:8"
struct EpollEntry {
    std::uint64_t events = 0;
    std::uint64_t inode = 0;
    std::uint64_t device = 0;
};

std::optional<EpollEntry> parse_epoll_line(std::string_view line) noexcept {
    if (!line.starts_with("tfd:")) {
        return std::nullopt;
    }
    EpollEntry entry;
    std::string_view rest = line;
    for (auto word = next_word(rest); !word.empty(); word = next_word(rest)) {
        if (word == "events:") {
            entry.events = to_number(next_word(rest), 16);
        } else if (word.starts_with("ino:")) {
            entry.inode = to_number(word.substr(4), 16);
        } else if (word.starts_with("sdev:")) {
            entry.device = to_number(word.substr(5), 16);
        }
    }
    return entry;
}

/// One process of the tree and the sockets that are looked for.
class Look {
public:
    Look(pid_t pid, std::span<const ino_t> sockets) noexcept : pid_{pid}, sockets_{sockets} {}

    /// Somebody in this process waits for connections.
    bool accepting();
    [[nodiscard]] bool permitted() const noexcept { return permitted_; }

private:
    bool find_descriptors();
    bool epoll_watches(int fd);
    bool thread_waits(pid_t tid);
    bool serves();
    bool in_poll(std::uint64_t address, std::uint64_t count);
    bool in_select(std::uint64_t address, std::uint64_t count);

    [[nodiscard]] bool ours(std::uint64_t fd) const noexcept {
        return std::ranges::find(listening_, fd) != listening_.end();
    }
    void note(const Error& error) noexcept {
        permitted_ = permitted_ && error.value() != EACCES && error.value() != EPERM;
    }
    template <typename Item>
    std::vector<Item> read_memory(std::uint64_t address, std::size_t count);

    pid_t pid_;
    std::span<const ino_t> sockets_;
    std::vector<std::uint64_t> listening_;  // descriptors of the process that are our sockets
    std::vector<int> others_;               // further sockets
    std::vector<int> epolls_;
    bool permitted_ = true;
};

template <typename Item>
std::vector<Item> Look::read_memory(std::uint64_t address, std::size_t count) {
    std::vector<Item> items(count);
    iovec here{items.data(), items.size() * sizeof(Item)};
    iovec there{reinterpret_cast<void*>(address), here.iov_len};
    const ssize_t size = ::process_vm_readv(pid_, &here, 1, &there, 1, 0);
    if (size < 0) {
        note(last_error());
    }
    items.resize(size > 0 ? static_cast<std::size_t>(size) / sizeof(Item) : 0);
    return items;
}

bool Look::find_descriptors() {
    const auto fds = list_numbers(ProcPath{pid_, "fd"}.c_str(), descriptors_max);
    if (!fds) {
        note(fds.error());
        return false;
    }
    for (const int fd : *fds) {
        std::array<char, 64> target;
        const auto name = "fd/" + std::to_string(fd);
        const ssize_t size =
            ::readlink(ProcPath{pid_, name.c_str()}.c_str(), target.data(), target.size());
        if (size <= 0) {
            continue;
        }
        std::string_view link{target.data(), static_cast<std::size_t>(size)};
        if (link == "anon_inode:[eventpoll]") {
            epolls_.push_back(fd);
        } else if (link.starts_with("socket:[")) {
            link.remove_prefix(8);
            link = link.substr(0, link.find(']'));
            if (std::ranges::find(sockets_, to_number(link)) != sockets_.end()) {
                listening_.push_back(static_cast<std::uint64_t>(fd));
            } else if (others_.size() < connections_max) {
                others_.push_back(fd);
            }
        }
    }
    return true;
}

bool Look::epoll_watches(int fd) {
    std::vector<char> buffer(fdinfo_bytes);
    const auto name = "fdinfo/" + std::to_string(fd);
    const auto text = read_file(ProcPath{pid_, name.c_str()}.c_str(), buffer);
    if (!text) {
        note(text.error());
        return false;
    }
    std::string_view rest = *text;
    while (!rest.empty()) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(rest.size(), line.size() + 1));
        const auto entry = parse_epoll_line(line);
        if (entry && (entry->events & EPOLLIN) != 0 && entry->device == socket_device() &&
            std::ranges::find(sockets_, entry->inode) != sockets_.end()) {
            return true;
        }
    }
    return false;
}

bool Look::in_poll(std::uint64_t address, std::uint64_t count) {
    const auto asked = read_memory<pollfd>(address, std::min<std::uint64_t>(count, polled_max));
    return std::ranges::any_of(asked, [this](const pollfd& one) {
        return (one.events & POLLIN) != 0 && one.fd >= 0 &&
               ours(static_cast<std::uint64_t>(one.fd));
    });
}

bool Look::in_select(std::uint64_t address, std::uint64_t count) {
    constexpr std::uint64_t bits = sizeof(unsigned long) * 8;
    if (address == 0) {
        return false;
    }
    const std::uint64_t words = (std::min<std::uint64_t>(count, 65536) + bits - 1) / bits;
    const auto set = read_memory<unsigned long>(address, words);
    return std::ranges::any_of(listening_, [&](std::uint64_t fd) {
        return fd < count && fd / bits < set.size() && (set[fd / bits] >> (fd % bits) & 1U) != 0;
    });
}

/// /proc/PID/task/TID/syscall: the number and six arguments, or "running".
bool Look::thread_waits(pid_t tid) {
    std::array<char, 256> buffer;
    const auto text = read_file(ProcPath{pid_, tid, "syscall"}.c_str(), buffer);
    if (!text) {
        note(text.error());
        return false;
    }
    std::string_view rest = *text;
    const auto word = next_word(rest);
    if (word.empty() || word.front() < '0' || word.front() > '9') {
        return false;
    }
    const auto number = static_cast<long>(to_number(word));
    const auto first = to_number(next_word(rest), 16);
    const auto second = to_number(next_word(rest), 16);
    switch (number) {
#ifdef SYS_accept
        case SYS_accept:
#endif
        case SYS_accept4: return ours(first);
#ifdef SYS_poll
        case SYS_poll:
#endif
        case SYS_ppoll: return in_poll(first, second);
#ifdef SYS_select
        case SYS_select:
#endif
        case SYS_pselect6: return in_select(second, first);
        default: return false;
    }
}

/// A socket's own address, and whether it is a connection.
struct Local {
    sockaddr_storage address{};
    socklen_t size = 0;
    bool connected = false;

    /// The same port or path; a connection's host may be one of the many of a wildcard.
    [[nodiscard]] bool reached_by(const Local& listener) const noexcept {
        if (!connected || address.ss_family != listener.address.ss_family) return false;
        const auto at = [](const Local& of, std::size_t offset, std::size_t bytes) {
            return std::string_view{reinterpret_cast<const char*>(&of.address) + offset, bytes};
        };
        const bool is_inet = address.ss_family == AF_INET || address.ss_family == AF_INET6;
        // The port is at the same place in both.
        if (is_inet) return at(*this, 2, 2) == at(listener, 2, 2);
        return size == listener.size && size > sizeof(sa_family_t) &&
               at(*this, 0, size) == at(listener, 0, size);
    }
};

std::optional<Local> local_of(int process, int fd) noexcept {
    const Fd copy{static_cast<int>(::syscall(SYS_pidfd_getfd, process, fd, 0))};
    Local local;
    local.size = sizeof local.address;
    auto* const address = reinterpret_cast<sockaddr*>(&local.address);
    if (!copy || ::getsockname(copy.get(), address, &local.size) != 0) return std::nullopt;
    sockaddr_storage peer{};
    socklen_t size = sizeof peer;
    local.connected = ::getpeername(copy.get(), reinterpret_cast<sockaddr*>(&peer), &size) == 0;
    return local;
}

/// Only asked of processes without an epoll set: a copy of a connection, however short, keeps it in
/// the sets that it is in.
bool Look::serves() {
    const Fd process{static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0))};
    if (!process || others_.empty()) return false;
    const auto listener = local_of(process.get(), static_cast<int>(listening_.front()));
    return listener && std::ranges::any_of(others_, [&](int fd) {
               const auto local = local_of(process.get(), fd);
               return local && local->reached_by(*listener);
           });
}

bool Look::accepting() {
    if (!find_descriptors()) {
        return false;
    }
    if (std::ranges::any_of(epolls_, [this](int fd) { return epoll_watches(fd); })) {
        return true;
    }
    if (listening_.empty()) {
        return false;
    }
    const auto threads = list_numbers(ProcPath{pid_, "task"}.c_str(), threads_max);
    return (threads &&
            std::ranges::any_of(*threads, [this](pid_t tid) { return thread_waits(tid); })) ||
           (epolls_.empty() && serves());
}

}  // namespace

Result<ProbeResult> ReadyProbe::look() {
    const auto root = activity(pid_);
    if (!root) {
        return root.error();
    }
    ProbeResult result;
    bool asleep = true;
    std::uint64_t used = 0;
    auto tree = tree_of(pid_);
    tree.resize(std::min(tree.size(), processes_max));
    for (const pid_t pid : tree) {
        Look look{pid, sockets_};
        const bool accepting = !sockets_.empty() && look.accepting();
        result.permitted = result.permitted && look.permitted();
        if (accepting) {
            result.readiness = Readiness::accepting;
            return result;
        }
        if (const auto one = pid == pid_ ? root : activity(pid)) {
            asleep = asleep && one->asleep;
            used += one->cpu_ns;
        }
    }
    if (looked_ && asleep && used == last_cpu_ns_) {
        result.readiness = Readiness::quiet;
    }
    last_cpu_ns_ = used;
    looked_ = true;
    return result;
}

}  // namespace reeve::os
