// The packet-mode pipe on which one worker's process tree beats.
#pragma once

#include "os/fd.hpp"
#include "os/result.hpp"
#include <reeve/protocol.h>

namespace reeve::os {

/// `reader` is ours; `writer` goes to the worker and is then closed here, so that its end shows as
/// end of file.
struct HeartbeatPipe {
    Fd reader;
    Fd writer;
};

/// O_DIRECT (every write is one packet) and O_NONBLOCK at both ends, 16 KiB (4 packets). The
/// worker's end is open for reading too, so a write after our death is no SIGPIPE; where /proc is
/// missing it is a plain write end.
[[nodiscard]] Result<HeartbeatPipe> make_heartbeat_pipe() noexcept;

enum class BeatVerdict {
    beat,     ///< `BeatReading::beat` is well-formed: size, magic, version, state
    garbage,  ///< a packet that is no beat: count it
    empty,    ///< nothing there now
    end,      ///< no process holds the other end any more
};

struct BeatReading {
    BeatVerdict verdict = BeatVerdict::empty;
    reeve_beat beat{};
};

/// Reads one packet from `fd`, at most 4 KiB of it. An error is one of the pipe itself.
[[nodiscard]] Result<BeatReading> read_beat(int fd) noexcept;

}  // namespace reeve::os
