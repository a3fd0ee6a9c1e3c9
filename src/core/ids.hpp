// Names for pools, slots, generations and incarnations, as types that cannot be mixed up.
#pragma once

#include <compare>
#include <cstdint>
#include <type_traits>

namespace reeve::core {

/// One spawn of one worker. Never reused while a daemon lives, unlike a pid. 0 means "none".
enum class Incarnation : std::uint64_t { none = 0 };

/// Counts configurations of a pool, from 1.
enum class Generation : std::uint64_t {};

/// Index of a pool in `Config::pools`.
enum class PoolIndex : std::uint32_t {};

/// Seat number in a pool, 0..N-1; stable while processes come and go.
enum class SlotIndex : std::uint32_t {};

template <typename Id>
constexpr auto number(Id id) noexcept {
    return static_cast<std::underlying_type_t<Id>>(id);
}

/// Which of the two sockets that a seat has where each has its own.
enum class Side : std::uint8_t { a, b };

constexpr Side other(Side side) noexcept { return side == Side::a ? Side::b : Side::a; }

/// Where a worker sits.
struct Seat {
    PoolIndex pool{};
    SlotIndex slot{};
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the 0 inside for a pointer
    friend constexpr auto operator<=>(const Seat&, const Seat&) = default;
};

}  // namespace reeve::core
