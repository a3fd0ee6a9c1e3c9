// The options table: when workers are restarted, rotated and given up, and how many at a time.
#include <array>

#include "config/option_rows.hpp"

namespace reeve::config {

namespace {

using core::OnGiveUp;
using core::PoolConfig;
using core::PoolPolicy;
using core::Update;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array updates{
    named("rolling", Update::rolling, "the successor first, then the old worker goes"),
    named("recreate", Update::recreate,
          "the old worker goes first: for what may exist once only, such as a scheduler"),
};

constexpr std::array give_ups{
    named("retry", OnGiveUp::retry, "the pool is degraded, loudly, and reeve keeps trying"),
    named("exit", OnGiveUp::exit, "reeve stops everything and exits with code 3"),
};

const std::array rows{
    Option{
        "stable_after", Scope::pool, duration<&PoolPolicy::stable_after>(milliseconds{0}, day),
        Reload::live, "10s",
        "A worker that dies younger than this counts as a failed boot, and its successor waits."},
    Option{
        "backoff_min", Scope::pool, duration<&PoolPolicy::backoff_min>(milliseconds{1}, day),
        Reload::live, "100ms",
        "First wait before a worker that keeps failing is started again; it doubles from there."},
    Option{"backoff_max", Scope::pool, duration<&PoolPolicy::backoff_max>(milliseconds{1}, day),
           Reload::live, "30s",
           "Longest wait before a worker that keeps failing is started again."},
    Option{"give_up_after", Scope::pool, count<&PoolPolicy::give_up_after>(1, 1'000'000),
           Reload::live, "3",
           "Failed boots in a row after which a pool has failed: reeve exits with code 3 if the "
           "pool has never been "
           "ready, else on_give_up decides."},
    Option{"on_give_up", Scope::pool, choice<&PoolPolicy::on_give_up>(give_ups), Reload::live,
           "retry", "What happens when a pool that has been ready before cannot stay up."},
    Option{
        "fatal_exit_codes", Scope::pool, ExitCodesKind{&field<&PoolPolicy::fatal_exit_codes>},
        Reload::live, "",
        "Exit codes that no restart can cure: a worker that ends with one is not started again."},
    Option{"max_requests", Scope::pool, count<&PoolPolicy::max_requests>(0, count_max, "off"),
           Reload::roll, "off",
           "Requests after which a worker is replaced, successor first. Needs heartbeats that "
           "count requests."},
    Option{"max_requests_jitter", Scope::pool,
           count<&PoolPolicy::max_requests_jitter>(0, count_max, "off"), Reload::roll, "off",
           "Up to so many requests more, drawn for each worker, so that they are not replaced all "
           "at once."},
    Option{"max_lifetime", Scope::pool, duration_or<&PoolPolicy::max_lifetime>("off", 10 * year),
           Reload::live, "off", "Age at which a worker is replaced, successor first."},
    Option{"max_lifetime_jitter", Scope::pool,
           duration_or<&PoolPolicy::max_lifetime_jitter>("off", 10 * year), Reload::live, "off",
           "Up to so much more, drawn for each worker."},
    Option{
        "max_memory", Scope::pool, bytes<&PoolPolicy::max_memory_bytes>(1U << 20U, "off"),
        Reload::live, "off",
        "Resident memory of a worker and its children at which it is replaced, successor first."},
    Option{"max_memory_jitter", Scope::pool, bytes<&PoolPolicy::max_memory_jitter_bytes>(0, "off"),
           Reload::live, "off", "Up to so much more, drawn for each worker."},
    Option{"max_surge", Scope::pool, count<&PoolPolicy::max_surge>(0, workers_max), Reload::live,
           "1",
           "How many workers more than workers there may be while some are replaced. Draining ones "
           "count apart."},
    Option{"max_unavailable", Scope::pool, count<&PoolPolicy::max_unavailable>(0, workers_max),
           Reload::live, "0",
           "How many workers fewer than workers may be ready while some are replaced."},
    Option{"max_draining", Scope::pool, count<&PoolPolicy::max_draining>(0, workers_max, "workers"),
           Reload::live, "workers",
           "How many workers may be finishing their last requests at a time; further replacements "
           "wait."},
    Option{"update", Scope::pool, choice<&PoolPolicy::update>(updates), Reload::live, "rolling",
           "How a worker is replaced."},
    Option{"after", Scope::pool, NamesKind{&field<&PoolConfig::after>, TextKind::Form::name},
           Reload::live, "",
           "Pools that must be available before this one starts. They stop in reverse order."},
    Option{"before_start", Scope::pool, CommandKind{&field<&PoolConfig::before_start>},
           Reload::live, "",
           "Command that is run once before the pool starts and before each reload of it, as the "
           "pool's user, such as a database migration. When it fails, so does the start or the "
           "reload."},
    Option{"before_start_timeout", Scope::pool,
           duration<&PoolPolicy::before_start_timeout>(milliseconds{1}, day), Reload::live, "60s",
           "How long before_start may run before it is killed and has failed."},
    Option{"min_ready", Scope::pool, count<&PoolPolicy::min_ready>(0, workers_max), Reload::live,
           "1", "How many workers must be ready for the pool to count as ready."},
    Option{"start_concurrency", Scope::pool,
           count<&PoolPolicy::start_concurrency>(0, workers_max, "unbounded"), Reload::live,
           "unbounded", "How many workers may boot at the same time."},
    Option{"on_hang", Scope::pool, CommandKind{&field<&PoolConfig::on_hang>}, Reload::live, "",
           "Command that is run, as the pool's user and with the facts in its environment, before "
           "a hung worker gets "
           "hang_signal: a stack dumper, for instance. Its output goes to the log."},
    Option{"on_degraded", Scope::pool, CommandKind{&field<&PoolConfig::on_degraded>}, Reload::live,
           "", "Command that is run, in the same way, when the pool becomes degraded."},
    Option{"hook_timeout", Scope::pool, duration<&PoolPolicy::hook_timeout>(milliseconds{1}, day),
           Reload::live, "10s", "How long on_hang and on_degraded may run before they are killed."},
};

}  // namespace

std::span<const Option> policy_rows() { return rows; }

}  // namespace reeve::config
