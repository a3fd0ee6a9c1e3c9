// Exponential back-off with a cap and a jitter that can be repeated.
#include "core/restart_policy.hpp"

#include <algorithm>

#include "core/jitter.hpp"

namespace reeve::core {

Duration restart_delay(const PoolPolicy& policy, std::uint32_t failures, std::uint64_t seed,
                       Incarnation incarnation) {
    if (failures <= 1) return Duration::zero();
    Duration delay = policy.backoff_min;
    for (std::uint32_t i = 2; i < failures && delay < policy.backoff_max; ++i) delay *= 2;
    delay = std::min(delay, policy.backoff_max);
    return delay - jitter(seed, incarnation, JitterUse::backoff, delay / 4);
}

bool is_fatal(const PoolPolicy& policy, int exit_code) {
    return std::find(policy.fatal_exit_codes.begin(), policy.fatal_exit_codes.end(), exit_code) !=
           policy.fatal_exit_codes.end();
}

}  // namespace reeve::core
