// The simulation's own random numbers: the same on every machine, decided by one seed.
#pragma once

#include <cstdint>

#include "core/time.hpp"

namespace reeve::sim {

class Random {
public:
    explicit Random(std::uint64_t seed) noexcept : state_(seed * 0x9e3779b97f4a7c15U + 1) {}

    std::uint64_t next() noexcept {
        state_ += 0x9e3779b97f4a7c15U;
        std::uint64_t value = state_;
        value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
        value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
        return value ^ (value >> 31U);
    }

    /// A number in [0, bound).
    std::uint64_t below(std::uint64_t bound) noexcept { return bound == 0 ? 0 : next() % bound; }
    std::uint32_t from_to(std::uint32_t low, std::uint32_t high) noexcept {
        return low + static_cast<std::uint32_t>(below(std::uint64_t{high} - low + 1));
    }
    /// True in `percent` of the cases.
    bool chance(double percent) noexcept {
        return static_cast<double>(next() >> 11U) * 0x1.0p-53 * 100.0 < percent;
    }
    core::Duration from_to(core::Duration low, core::Duration high) noexcept {
        const auto range = static_cast<std::uint64_t>((high - low).count());
        return low + core::Duration{static_cast<core::Duration::rep>(below(range + 1))};
    }

private:
    std::uint64_t state_;
};

}  // namespace reeve::sim
