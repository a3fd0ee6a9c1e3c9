// The private channel between reeve and one worker: checks what comes, sends sockets by SCM_RIGHTS.
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <variant>
#include <vector>

#include "core/time.hpp"
#include "os/fd.hpp"
#include "os/result.hpp"

namespace reeve::os {

/// `ours` is non-blocking; `theirs` goes to the worker (blocking) and is then closed here.
struct ControlChannel {
    Fd ours;
    Fd theirs;
};

/// A connected SOCK_SEQPACKET pair, both close-on-exec.
[[nodiscard]] Result<ControlChannel> make_control_channel() noexcept;

/// What a worker said, or that it said nothing.
struct HelloMessage {
    pid_t process = 0;        ///< as the worker sees itself; not to be trusted
    bool drains = false;      ///< acts on Drain: needs no stop signal
    bool preloaded = false;   ///< the preload library speaks for the program
    bool tells_slow = false;  ///< reports slow requests itself
};
/// A request that takes long. Method and target hold any bytes; both empty where they are unknown.
struct SlowMessage {
    std::uint64_t duration_ns = 0;
    std::string method;
    std::string target;
};
struct ReadyMessage {};
struct GarbageMessage {
    const char* reason = "";  ///< for the log: "too short", "wrong magic", ...
};
struct NoMessage {};      ///< nothing there now
struct ClosedChannel {};  ///< no process holds the other end any more

using ControlMessage =
    std::variant<HelloMessage, ReadyMessage, SlowMessage, GarbageMessage, NoMessage, ClosedChannel>;

/// Takes one message. Descriptors that come with it are never received. An error is one of the
/// socket itself.
[[nodiscard]] Result<ControlMessage> receive_message(int fd);

struct Welcome {
    bool orphans_keep = false;
    core::Duration beat_interval{};
    std::uint32_t slot = 0;
    std::uint64_t quota = 0;
    std::uint64_t generation = 0;
    std::vector<std::string> names;  ///< one a socket
    std::vector<int> sockets;        ///< borrowed; at most REEVE_SOCKETS_MAX
};

/// EAGAIN when the channel is full, EMSGSIZE when names and sockets do not fit, EPIPE when the
/// worker is gone.
[[nodiscard]] Result<void> send_welcome(int fd, const Welcome& welcome);

/// `deadline`: from now until SIGKILL. Errors as for `send_welcome`.
[[nodiscard]] Result<void> send_drain(int fd, core::Duration deadline) noexcept;

/// Asks it to open its log files anew. Errors as for `send_welcome`.
[[nodiscard]] Result<void> send_reopen(int fd) noexcept;

}  // namespace reeve::os
