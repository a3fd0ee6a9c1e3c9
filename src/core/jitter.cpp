// Spread without randomness, by a mixing function over seed, incarnation and use.
#include "core/jitter.hpp"

#include <limits>

namespace reeve::core {
namespace {

/// The finalizer of SplitMix64: every input bit changes half of the output bits.
constexpr std::uint64_t mix(std::uint64_t value) noexcept {
    value += 0x9e3779b97f4a7c15U;
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31U);
}

}  // namespace

std::uint64_t jitter(std::uint64_t seed, Incarnation incarnation, JitterUse use,
                     std::uint64_t range) noexcept {
    const std::uint64_t bits = mix(mix(seed ^ number(incarnation)) ^ number(use));
    if (range == std::numeric_limits<std::uint64_t>::max()) return bits;
    return bits % (range + 1);
}

Duration jitter(std::uint64_t seed, Incarnation incarnation, JitterUse use,
                Duration range) noexcept {
    if (range <= Duration::zero()) return Duration::zero();
    return Duration{static_cast<Duration::rep>(
        jitter(seed, incarnation, use, static_cast<std::uint64_t>(range.count())))};
}

}  // namespace reeve::core
