// Spread without randomness: numbers that depend on a seed and an incarnation, to be repeatable.
#pragma once

#include <cstdint>

#include "core/ids.hpp"
#include "core/time.hpp"

namespace reeve::core {

/// What a jitter is for: two uses for the same incarnation must not be correlated.
enum class JitterUse : std::uint64_t { requests = 1, lifetime = 2, memory = 3, backoff = 4 };

/// A number in [0, range], the same for the same arguments.
std::uint64_t jitter(std::uint64_t seed, Incarnation incarnation, JitterUse use,
                     std::uint64_t range) noexcept;

/// A duration in [0, range], the same for the same arguments.
Duration jitter(std::uint64_t seed, Incarnation incarnation, JitterUse use,
                Duration range) noexcept;

}  // namespace reeve::core
