// Making the pipe so that no end can hurt the other, and judging what comes out of it.
#include "os/heartbeat_pipe.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <span>
#include <unistd.h>

namespace reeve::os {
namespace {

constexpr int capacity_bytes = 16 * 1024;
constexpr std::size_t packet_bytes_max = 4096;

/// The same pipe opened for reading and writing: its holder is a reader too and gets no SIGPIPE
/// when we are gone. The packet mode cannot be asked for when opening, only afterwards.
Fd open_both_ways(int fd) noexcept {
    std::array<char, 32> path{};
    std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", fd);
    Fd both{::open(path.data(), O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    if (both && ::fcntl(both.get(), F_SETFL, O_DIRECT | O_NONBLOCK) != 0) {
        both.reset();
    }
    return both;
}

bool well_formed(const reeve_beat& beat, std::size_t size) noexcept {
    return size == sizeof beat && beat.magic == REEVE_BEAT_MAGIC &&
           beat.version == REEVE_PROTOCOL_VERSION && beat.size == sizeof beat && beat.image != 0 &&
           beat.state >= REEVE_STATE_STARTING && beat.state <= REEVE_STATE_STOPPING;
}

}  // namespace

Result<HeartbeatPipe> make_heartbeat_pipe() noexcept {
    auto pipe = make_pipe(O_DIRECT | O_NONBLOCK);
    if (!pipe) {
        return pipe.error();
    }
    // Beyond the user's pipe quota it fails, and the pipe is the smallest that there is.
    static_cast<void>(::fcntl(pipe->reader.get(), F_SETPIPE_SZ, capacity_bytes));
    if (Fd both = open_both_ways(pipe->writer.get())) {
        pipe->writer = std::move(both);
    }
    return HeartbeatPipe{std::move(pipe->reader), std::move(pipe->writer)};
}

Result<BeatReading> read_beat(int fd) noexcept {
    alignas(reeve_beat) std::array<std::byte, packet_bytes_max> packet;
    const auto size = read_some(fd, packet);
    if (!size) {
        if (would_block(size.error())) {
            return BeatReading{};
        }
        return size.error();
    }
    BeatReading reading;
    if (*size == 0) {
        reading.verdict = BeatVerdict::end;
        return reading;
    }
    std::memcpy(&reading.beat, packet.data(), std::min(*size, sizeof reading.beat));
    reading.verdict = well_formed(reading.beat, *size) ? BeatVerdict::beat : BeatVerdict::garbage;
    return reading;
}

}  // namespace reeve::os
