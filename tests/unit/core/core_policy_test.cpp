// Jitter and back-off: spread, bounded, and the same for the same seed.
#include <set>

#include <doctest/doctest.h>

#include "core/jitter.hpp"
#include "core/restart_policy.hpp"

namespace reeve::core::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("without a spread, all workers would be replaced at the same moment") {
    std::set<std::uint64_t> drawn;
    for (std::uint64_t i = 1; i <= 200; ++i) {
        const auto value = jitter(7, Incarnation{i}, JitterUse::requests, std::uint64_t{50});
        CHECK(value <= 50);
        drawn.insert(value);
    }
    CHECK(drawn.size() > 40);
    CHECK(drawn.contains(0));
    CHECK(drawn.contains(50));
}

TEST_CASE("a run could not be repeated if the same seed gave another jitter") {
    const auto once = jitter(3, Incarnation{9}, JitterUse::memory, std::uint64_t{1'000'000});
    CHECK(jitter(3, Incarnation{9}, JitterUse::memory, std::uint64_t{1'000'000}) == once);
    CHECK(jitter(4, Incarnation{9}, JitterUse::memory, std::uint64_t{1'000'000}) != once);
    CHECK(jitter(3, Incarnation{9}, JitterUse::lifetime, std::uint64_t{1'000'000}) != once);
}

TEST_CASE("the whole range and no range at all must not divide by zero") {
    CHECK(jitter(1, Incarnation{1}, JitterUse::requests, std::uint64_t{0}) == 0);
    CHECK(jitter(1, Incarnation{1}, JitterUse::requests, UINT64_MAX) != 0);
    CHECK(jitter(1, Incarnation{1}, JitterUse::lifetime, Duration{-5}) == Duration::zero());
}

TEST_CASE("one crash must not cost the user a wait, and many must not cost a CPU") {
    PoolPolicy policy;
    policy.backoff_min = milliseconds{100};
    policy.backoff_max = seconds{30};
    CHECK(restart_delay(policy, 1, 1, Incarnation{1}) == Duration::zero());
    Duration nominal = policy.backoff_min;
    for (std::uint32_t failures = 2; failures < 40; ++failures) {
        const Duration delay = restart_delay(policy, failures, 1, Incarnation{failures});
        CHECK(delay <= nominal);
        CHECK(delay >= nominal - nominal / 4);
        nominal = std::min<Duration>(nominal * 2, policy.backoff_max);
    }
    CHECK(restart_delay(policy, UINT32_MAX, 1, Incarnation{1}) <= policy.backoff_max);
}

TEST_CASE("only codes that were declared fatal keep a worker down") {
    PoolPolicy policy;
    CHECK_FALSE(is_fatal(policy, 0));
    policy.fatal_exit_codes = {3, 4};
    CHECK(is_fatal(policy, 4));
    CHECK_FALSE(is_fatal(policy, 1));
}

}  // namespace
}  // namespace reeve::core::test
