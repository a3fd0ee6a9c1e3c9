// The one place that reads clocks; everybody else is handed the time.
#pragma once

#include <chrono>
#include <ctime>

#include "core/time.hpp"

namespace reeve::os {

/// CLOCK_MONOTONIC.
inline core::Time now() noexcept {
    timespec at{};
    clock_gettime(CLOCK_MONOTONIC, &at);
    return core::Time{std::chrono::seconds{at.tv_sec} + std::chrono::nanoseconds{at.tv_nsec}};
}

/// CLOCK_REALTIME, for time stamps that people read. Never for deadlines.
inline std::chrono::sys_time<std::chrono::nanoseconds> wall_now() noexcept {
    timespec at{};
    clock_gettime(CLOCK_REALTIME, &at);
    return std::chrono::sys_time<std::chrono::nanoseconds>{std::chrono::seconds{at.tv_sec} +
                                                           std::chrono::nanoseconds{at.tv_nsec}};
}

}  // namespace reeve::os
