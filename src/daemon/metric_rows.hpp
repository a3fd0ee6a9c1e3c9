// The metrics that are read off a view, one row each: name, meaning, and where the value is.
#pragma once

#include <optional>
#include <span>

#include "daemon/view.hpp"

namespace reeve::daemon {

enum class MetricKind : std::uint8_t { gauge, counter };

/// `value` nothing: there is no such series now.
template <typename Source>
struct MetricRow {
    MetricKind kind{};
    const char* name;
    const char* help;
    std::optional<double> (*value)(const Source&);
};

/// Without labels.
std::span<const MetricRow<View>> daemon_metrics() noexcept;
/// With the label pool.
std::span<const MetricRow<PoolView>> pool_metrics() noexcept;
/// With the labels pool and socket.
std::span<const MetricRow<SocketView>> socket_metrics() noexcept;
/// With the labels pool and slot: of the worker that serves there.
std::span<const MetricRow<WorkerView>> worker_metrics() noexcept;

double seconds_of(core::Duration duration) noexcept;

}  // namespace reeve::daemon
