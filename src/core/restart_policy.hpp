// How long a worker that keeps dying has to wait before it is started again.
#pragma once

#include <cstdint>

#include "core/config.hpp"
#include "core/ids.hpp"

namespace reeve::core {

/// The wait before the next start after `failures` deaths in a row (1, 2, ...): none after the
/// first, then backoff_min, doubling up to backoff_max, minus up to a quarter of it so that slots
/// do not march in step.
Duration restart_delay(const PoolPolicy& policy, std::uint32_t failures, std::uint64_t seed,
                       Incarnation incarnation);

/// Whether the policy declares this exit code as one after which a restart is pointless.
bool is_fatal(const PoolPolicy& policy, int exit_code);

}  // namespace reeve::core
