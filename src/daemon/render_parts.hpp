// Pieces of log lines that several records share.
#pragma once

#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/action.hpp"
#include "core/record.hpp"
#include "daemon/render.hpp"

namespace reeve::daemon {

/// The arguments, one after the other, as a sentence.
template <typename... Parts>
std::string text(const Parts&... parts) {
    std::ostringstream out;
    (out << ... << parts);
    return std::move(out).str();
}

template <typename Value>
void add(LogLine& line, std::string_view key, const Value& value) {
    if constexpr (std::is_same_v<Value, bool>) {
        line.fields.push_back({key, value});
    } else if constexpr (std::is_same_v<Value, core::Duration>) {
        line.fields.push_back({key, seconds(value)});
    } else if constexpr (std::is_integral_v<Value>) {
        line.fields.push_back({key, static_cast<std::int64_t>(value)});
    } else {
        line.fields.push_back({key, std::string{value}});
    }
}

LogLine about_seat(const Names& names, core::Seat seat, core::LogLevel level);
LogLine about_worker(const Names& names, const core::About& about, core::LogLevel level);
LogLine about_pool(const Names& names, core::PoolIndex pool, core::LogLevel level);
/// Puts what a worker wrote last behind the message, one line of it, and all of it into a field.
void add_last_output(LogLine& line, const std::string& output);

/// "new connections go to 0a, 1b"
std::string steered_text(const core::Steer& action);
LogLine rotation_due(const Names& names, const core::RotationDue& record);
LogLine render_pool(const core::RollWait& record, const Names& names);
LogLine render_pool(const core::PoolReady& record, const Names& names);
LogLine render_pool(const core::PoolDegraded& record, const Names& names);
LogLine render_pool(const core::PoolRecovered& record, const Names& names);
LogLine render_pool(const core::PoolGaveUp& record, const Names& names);
LogLine render_pool(const core::NotEnforced& record, const Names& names);
LogLine render_pool(const core::Lateness& record, const Names& names);
LogLine render_pool(const core::ReloadStart& record, const Names& names);
LogLine render_pool(const core::ReloadFailure& record, const Names& names);
LogLine render_pool(const core::PoolReload& record, const Names& names);
LogLine render_pool(const core::Reload& record, const Names& names);
LogLine render_pool(const core::PoolRemoved& record, const Names& names);
LogLine render_pool(const core::QueueLeft& record, const Names& names);
LogLine render_pool(const core::Scale& record, const Names& names);
LogLine render_pool(const core::PoolHold& record, const Names& names);
LogLine render_pool(const core::BeforeStart& record, const Names& names);
LogLine render_pool(const core::StopStart& record, const Names& names);
LogLine render_pool(const core::QueueGraceOver& record, const Names& names);
LogLine render_pool(const core::Stopped& record, const Names& names);

}  // namespace reeve::daemon
