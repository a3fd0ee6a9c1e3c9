// Tries once, with a child of our own, whether this machine lets us answer for a worker's bind(2).
#pragma once

#include "os/result.hpp"
#include "os/spawn.hpp"

namespace reeve::os {

/// Everything that handoff: adopt needs of the kernel and of our rights, for workers that run as
/// `who` (null: as we do). The failure names what is missing. Takes about a millisecond.
[[nodiscard]] Outcome<void> probe_bind_filter(const Credentials* who);

}  // namespace reeve::os
