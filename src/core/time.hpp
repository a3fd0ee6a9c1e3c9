// Time as a value: a point on a clock that nobody can read here, so core cannot depend on "now".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

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

/// Lets `first` be the earlier of the two; nothing is later than any time.
constexpr void sooner(std::optional<Time>& first, std::optional<Time> other) {
    if (other && (!first || *other < *first)) first = other;
}

}  // namespace reeve::core
