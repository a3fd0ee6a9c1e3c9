// Records as log lines: pools, quotas and the daemon itself.
#include <algorithm>

#include "daemon/render_parts.hpp"

namespace reeve::daemon {

using core::LogLevel;

LogLine about_pool(const Names& names, core::PoolIndex pool, LogLevel level) {
    LogLine line;
    line.level = level;
    line.subject = names.pool(pool);
    add(line, "pool", line.subject);
    return line;
}

LogLine about_seat(const Names& names, core::Seat seat, LogLevel level) {
    LogLine line = about_pool(names, seat.pool, level);
    line.subject += "/" + std::to_string(number(seat.slot));
    add(line, "slot", number(seat.slot));
    return line;
}

LogLine about_worker(const Names& names, const core::About& about, LogLevel level) {
    LogLine line = about_seat(names, about.seat, level);
    const pid_t pid = names.pid(about.incarnation);
    if (pid > 0) {
        line.subject += " pid " + std::to_string(pid);
        add(line, "pid", pid);
    }
    add(line, "incarnation", number(about.incarnation));
    return line;
}

void add_last_output(LogLine& line, const std::string& output) {
    if (output.empty()) return;
    std::string_view last{output};
    while (!last.empty() && last.back() == '\n') last.remove_suffix(1);
    const auto start = last.rfind('\n');
    if (start != std::string_view::npos) last.remove_prefix(start + 1);
    line.message += "; its last line: ";
    line.message += last.substr(0, 200);
    add(line, "last_output", output);
}

LogLine rotation_due(const Names& names, const core::RotationDue& r) {
    LogLine line = about_worker(names, r.about, LogLevel::info);
    line.message = text("due for replacement, reason ", name(r.reason));
    const bool time = r.reason == core::Reason::lifetime;
    const bool bytes = r.reason == core::Reason::memory;
    if (r.limit != 0) {
        const auto show = [&](std::uint64_t value) {
            if (time) return duration_text(core::Duration{static_cast<std::int64_t>(value)});
            return bytes ? bytes_text(value) : std::to_string(value);
        };
        line.message += text(": ", show(r.value), " of ", show(r.limit));
    }
    add(line, "reason", name(r.reason));
    if (time) {
        add(line, "value_seconds", core::Duration{static_cast<std::int64_t>(r.value)});
        add(line, "limit_seconds", core::Duration{static_cast<std::int64_t>(r.limit)});
    } else {
        add(line, bytes ? "value_bytes" : "value", r.value);
        add(line, bytes ? "limit_bytes" : "limit", r.limit);
    }
    return line;
}

LogLine render_pool(const core::RollWait& r, const Names& names) {
    LogLine line = about_pool(names, r.pool, LogLevel::warning);
    line.message =
        text("replacements wait: ", r.draining, " old workers are still leaving; max_draining ",
             r.limit, " counts those that will follow them too");
    add(line, "draining", r.draining);
    add(line, "limit", r.limit);
    return line;
}

LogLine render_pool(const core::PoolReady& r, const Names& names) {
    LogLine line = about_pool(names, r.pool, LogLevel::info);
    line.message = text(r.complete ? "all ready: " : "available: ", r.ready, " of ", r.wanted,
                        " workers after ", duration_text(r.took));
    add(line, "ready", r.ready);
    add(line, "wanted", r.wanted);
    add(line, "complete", r.complete);
    add(line, "took_seconds", r.took);
    return line;
}

LogLine render_pool(const core::PoolDegraded& r, const Names& names) {
    LogLine line = about_pool(names, r.pool, LogLevel::critical);
    line.message = text("degraded: ", r.ready, " of ", r.wanted, " workers ready, ", r.failing,
                        " fail again and again");
    add(line, "ready", r.ready);
    add(line, "wanted", r.wanted);
    add(line, "failing", r.failing);
    add_last_output(line, names.last_output(r.pool));
    return line;
}

LogLine render_pool(const core::PoolRecovered& r, const Names& names) {
    LogLine line = about_pool(names, r.pool, LogLevel::info);
    line.message = text("recovered: ", r.ready, " of ", r.wanted, " workers ready");
    add(line, "ready", r.ready);
    add(line, "wanted", r.wanted);
    return line;
}

LogLine render_pool(const core::PoolGaveUp& r, const Names& names) {
    LogLine line = about_pool(names, r.pool, LogLevel::critical);
    line.message =
        text("gives up after ", r.failures, " failed starts: reeve ends with exit code 3");
    add(line, "failures", r.failures);
    add_last_output(line, names.last_output(r.pool));
    return line;
}

LogLine render_pool(const core::NotEnforced& r, const Names& names) {
    LogLine line = about_pool(names, r.pool, LogLevel::warning);
    line.message = text(r.setting,
                        " is not enforced: the workers send no heartbeats; link "
                        "libreeve-worker into them, or remove the setting");
    add(line, "setting", r.setting);
    return line;
}

LogLine render_pool(const core::Lateness& r, const Names&) {
    LogLine line;
    line.level = LogLevel::warning;
    line.message = text("reeve itself was away for ", duration_text(r.late),
                        ": no worker is held responsible for that time");
    add(line, "late_seconds", r.late);
    return line;
}

LogLine render_pool(const core::StopStart& r, const Names&) {
    LogLine line;
    line.message = text(name(r.mode), " stop of ", r.workers, " workers, at most ",
                        duration_text(r.deadline), " until SIGKILL");
    add(line, "mode", name(r.mode));
    add(line, "workers", r.workers);
    add(line, "deadline_seconds", r.deadline);
    return line;
}

LogLine render_pool(const core::QueueGraceOver& r, const Names&) {
    LogLine line;
    line.level = LogLevel::warning;
    line.message = text("connections still wait after ", duration_text(r.waited),
                        " (queue_grace): workers are stopped all the same");
    add(line, "waited_seconds", r.waited);
    return line;
}

LogLine render_pool(const core::Stopped& r, const Names&) {
    LogLine line;
    line.message = text("stopped after ", duration_text(r.took), ", ", r.killed,
                        " killed, exit code ", r.exit_code);
    add(line, "exit_code", r.exit_code);
    add(line, "took_seconds", r.took);
    add(line, "killed", r.killed);
    return line;
}

}  // namespace reeve::daemon
