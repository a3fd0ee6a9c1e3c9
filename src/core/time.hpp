// Time as a value: a point on a clock that nobody can read here, so core cannot depend on "now".
#pragma once

#include <chrono>
#include <cstdint>

namespace reeve::core {

/// CLOCK_MONOTONIC, without a way to read it: the shell passes the time in.
struct Clock {
    using rep = std::int64_t;
    using period = std::nano;
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<Clock>;
    static constexpr bool is_steady = true;
};

using Duration = Clock::duration;
using Time = Clock::time_point;

}  // namespace reeve::core
