// The fixed bounds of the core, next to each other.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "core/time.hpp"

namespace reeve::core {

/// Processes of one worker that may beat on its pipe; further ones are counted and not followed.
inline constexpr std::size_t beat_streams_max = 16;

/// Workers that one pool may have.
inline constexpr std::int64_t workers_max = 4096;

/// Processes of one slot that may be on their way out before a failing worker has to be gone to be
/// replaced.
inline constexpr std::size_t leaving_per_slot_max = 4;

/// Packets a second on one heartbeat pipe above which its writer is a flooder.
inline constexpr std::uint32_t beat_packets_per_second_max = 200;

/// Slow requests of one worker that are recorded each second; further ones are counted.
inline constexpr std::uint32_t slow_requests_per_second_max = 20;

/// EXTEND_TIMEOUT_USEC may make a wait at most so many times as long as it is configured.
inline constexpr int extension_factor_max = 10;

/// reeve's own absence below this is not held in the workers' favour.
inline constexpr Duration lateness_tolerated = std::chrono::milliseconds{100};

/// A worker that ends by itself with code 0 after serving this long has not failed.
inline constexpr Duration clean_exit_after = std::chrono::seconds{1};

/// How long an examination may stay unanswered before the silence counts as confirmed.
inline constexpr Duration examine_timeout = std::chrono::milliseconds{250};

/// How long nothing may wait in the queue of a worker that is steered away from before it is told
/// to leave: for handshakes that began before.
inline constexpr Duration queue_settle = std::chrono::milliseconds{150};

/// How often the queue of such a worker is looked at.
inline constexpr Duration drain_look_interval = std::chrono::milliseconds{25};

/// Bounds of the interval between two looks at a queue that a worker must not leave standing; in
/// between it is a tenth of its timeout.
inline constexpr Duration queue_look_min = std::chrono::milliseconds{20};
inline constexpr Duration queue_look_max = std::chrono::seconds{1};

/// When a side is looked at that nobody has any more, from then on: a handshake may end late.
inline constexpr std::array side_looks{Duration{std::chrono::milliseconds{100}},
                                       Duration{std::chrono::seconds{1}},
                                       Duration{std::chrono::seconds{5}}};

/// Bounds of the interval between two looks at a booting worker.
inline constexpr Duration probe_interval_min = std::chrono::milliseconds{5};
inline constexpr Duration probe_interval_max = std::chrono::milliseconds{250};

}  // namespace reeve::core
