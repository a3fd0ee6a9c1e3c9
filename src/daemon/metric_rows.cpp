// The tables. Names follow the Prometheus conventions: base units, _total on counters, no pids.
#include "daemon/metric_rows.hpp"

#include <array>
#include <chrono>

namespace reeve::daemon {
namespace {

using Value = std::optional<double>;

template <typename Number>
Value known(const std::optional<Number>& number) {
    if (!number) return std::nullopt;
    return static_cast<double>(*number);
}

double unix_seconds(WallTime time) noexcept {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

double truth(bool value) noexcept { return value ? 1 : 0; }

constexpr auto gauge = MetricKind::gauge;
constexpr auto counter = MetricKind::counter;

constexpr std::array<MetricRow<View>, 13> daemon_rows{{
    {gauge, "reeve_start_time_seconds", "When reeve began, in seconds since 1970.",
     [](const View& view) -> Value { return unix_seconds(view.started); }},
    {gauge, "reeve_stopping", "Whether reeve is leaving.",
     [](const View& view) -> Value { return truth(view.stopping); }},
    {gauge, "reeve_config_diverged",
     "Whether the newest configuration was refused, so that an older one is in force.",
     [](const View& view) -> Value { return truth(view.diverged); }},
    {gauge, "reeve_last_reload_successful",
     "Whether the last reload brought its configuration into force; the start counts as one.",
     [](const View& view) -> Value {
         return truth(!view.last_reload || view.last_reload->result == ReloadResult::success);
     }},
    {gauge, "reeve_last_reload_timestamp_seconds",
     "When the last reload ended, or reeve began, in seconds since 1970.",
     [](const View& view) -> Value {
         return unix_seconds(view.last_reload ? view.last_reload->time : view.started);
     }},
    {counter, "reeve_log_dropped_lines_total", "Log lines dropped because nobody read the log.",
     [](const View& view) -> Value { return static_cast<double>(view.own.dropped_log_lines); }},
    {counter, "reeve_worker_output_dropped_bytes_total",
     "Bytes of workers' output dropped because nobody read them.",
     [](const View& view) -> Value { return static_cast<double>(view.own.dropped_output_bytes); }},
    {counter, "reeve_stale_events_total", "Events about workers that were gone already.",
     [](const View& view) -> Value { return static_cast<double>(view.own.stale_events); }},
    {counter, "process_cpu_seconds_total", "CPU time of reeve itself, user and system.",
     [](const View& view) -> Value { return seconds_of(view.own.cpu_time); }},
    {gauge, "process_start_time_seconds", "When reeve began, in seconds since 1970.",
     [](const View& view) -> Value { return unix_seconds(view.started); }},
    {gauge, "process_resident_memory_bytes", "Resident memory of reeve itself.",
     [](const View& view) -> Value { return known(view.own.resident_bytes); }},
    {gauge, "process_open_fds", "Open file descriptors of reeve itself.",
     [](const View& view) -> Value { return known(view.own.open_descriptors); }},
    {gauge, "process_max_fds", "The most file descriptors that reeve may have open.",
     [](const View& view) -> Value { return known(view.own.max_descriptors); }},
}};

constexpr std::array<MetricRow<PoolView>, 11> pool_rows{{
    {gauge, "reeve_generation", "The configuration that the pool is at, counted from 1.",
     [](const PoolView& pool) -> Value { return static_cast<double>(pool.generation); }},
    {gauge, "reeve_workers_desired", "Workers that the pool wants: as configured, or as scaled.",
     [](const PoolView& pool) -> Value { return pool.desired; }},
    {gauge, "reeve_workers_configured", "Workers that the configuration in force asks for.",
     [](const PoolView& pool) -> Value { return pool.configured; }},
    {gauge, "reeve_workers_ready", "Slots whose worker serves.",
     [](const PoolView& pool) -> Value { return pool.ready; }},
    {gauge, "reeve_workers_busy", "Workers with at least one request in flight.",
     [](const PoolView& pool) -> Value { return pool.busy; }},
    {gauge, "reeve_pool_degraded", "Whether the pool cannot stay up.",
     [](const PoolView& pool) -> Value { return truth(pool.degraded); }},
    {gauge, "reeve_pool_held", "Whether an operator stopped the pool.",
     [](const PoolView& pool) -> Value { return truth(pool.held); }},
    {gauge, "reeve_requests_in_flight", "Requests begun and not ended, as the workers say.",
     [](const PoolView& pool) -> Value { return static_cast<double>(pool.in_flight); }},
    {counter, "reeve_requests_total", "Requests ended, as the workers say.",
     [](const PoolView& pool) -> Value { return static_cast<double>(pool.counters.requests); }},
    {counter, "reeve_request_errors_total", "Requests that ended in an error, as the workers say.",
     [](const PoolView& pool) -> Value { return static_cast<double>(pool.counters.errors); }},
    {counter, "reeve_connections_total", "Connections accepted, as the workers say.",
     [](const PoolView& pool) -> Value { return static_cast<double>(pool.counters.connections); }},
}};

constexpr std::array<MetricRow<SocketView>, 2> socket_rows{{
    {gauge, "reeve_accept_queue", "Connections that wait to be accepted.",
     [](const SocketView& socket) -> Value { return known(socket.queue); }},
    {gauge, "reeve_accept_queue_limit", "The most connections that may wait to be accepted.",
     [](const SocketView& socket) -> Value { return known(socket.queue_max); }},
}};

constexpr std::array<MetricRow<WorkerView>, 3> worker_rows{{
    {gauge, "reeve_heartbeat_age_seconds", "Time since the latest beat of the slot's worker.",
     [](const WorkerView& worker) -> Value {
         if (!worker.beat_age) return std::nullopt;
         return seconds_of(*worker.beat_age);
     }},
    {gauge, "reeve_worker_resident_memory_bytes",
     "Resident memory of the slot's worker and the processes below it.",
     [](const WorkerView& worker) -> Value {
         if (!worker.sample) return std::nullopt;
         return static_cast<double>(worker.sample->resident_bytes);
     }},
    {gauge, "reeve_worker_open_fds", "Open file descriptors of the slot's worker.",
     [](const WorkerView& worker) -> Value {
         return worker.sample ? known(worker.sample->open_descriptors) : std::nullopt;
     }},
}};

}  // namespace

double seconds_of(core::Duration duration) noexcept {
    return std::chrono::duration<double>(duration).count();
}

std::span<const MetricRow<View>> daemon_metrics() noexcept { return daemon_rows; }
std::span<const MetricRow<PoolView>> pool_metrics() noexcept { return pool_rows; }
std::span<const MetricRow<SocketView>> socket_metrics() noexcept { return socket_rows; }
std::span<const MetricRow<WorkerView>> worker_metrics() noexcept { return worker_rows; }

}  // namespace reeve::daemon
