// Records as log lines: the lives of workers. Pools and the daemon are in render_pool.cpp.
#include "daemon/render.hpp"

#include <array>

#include "daemon/render_parts.hpp"
#include "os/signals.hpp"

namespace reeve::daemon {

using core::LogLevel;

std::string status_text(const core::ExitStatus& status) {
    if (const auto* exited = std::get_if<core::ExitedWith>(&status)) {
        return "exited with code " + std::to_string(exited->code);
    }
    if (const auto* killed = std::get_if<core::KilledBy>(&status)) {
        return "killed by " + os::signal_name(killed->signal) +
               (killed->core_dumped ? " (core dumped)" : "");
    }
    return "ended, and its exit status is lost";
}

namespace {

/// Who or what is to blame for a death, as far as can be known.
struct Blame {
    std::string_view cause;
    std::string text;
};

std::string asked_by_reeve(const core::WorkerDied& died) {
    std::string text{"reeve "};
    text +=
        died.signal_sent != 0 ? "sent " + os::signal_name(died.signal_sent) : "told it to drain";
    text += ", reason ";
    text += name(died.reason);
    return text;
}

Blame blame(const core::WorkerDied& died) {
    const auto* killed = std::get_if<core::KilledBy>(&died.status);
    if (killed == nullptr) {
        const auto* exited = std::get_if<core::ExitedWith>(&died.status);
        if (died.reason != core::Reason::none) return {"asked", asked_by_reeve(died)};
        return {exited != nullptr && exited->code == 0 ? "own_exit" : "exit_code",
                "nobody asked it to"};
    }
    if (killed->signal == died.signal_sent) return {"reeve", asked_by_reeve(died)};
    if (killed->signal == 9 && died.oom_killed) {
        return {"oom", "out of memory: the cgroup's count of OOM kills rose"};
    }
    constexpr std::array faults{4, 5, 6, 7, 8, 11, 31};
    for (const int fault : faults) {
        if (killed->signal == fault) return {"crash", "its own fault, or a signal from outside"};
    }
    // libreeve-preload raises the stop signal itself once it has drained.
    if (died.told_to_drain && killed->signal != 9) return {"asked", asked_by_reeve(died)};
    return {"foreign_signal", "sent from outside, not by reeve"};
}

/// What a client sent, fit for a terminal and for one line, as access logs have it.
std::string escaped(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string shown;
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7f) {
            shown += {'\\', 'x', digits[byte >> 4U], digits[byte & 15U]};
        } else {
            if (c == '\\' || c == '"') shown += '\\';
            shown += c;
        }
    }
    return shown;
}

LogLevel level_of(const core::WorkerDied& died) {
    const auto* exited = std::get_if<core::ExitedWith>(&died.status);
    const bool clean = exited != nullptr && exited->code == 0;
    if (died.reason == core::Reason::none) return clean ? LogLevel::warning : LogLevel::error;
    const auto* killed = std::get_if<core::KilledBy>(&died.status);
    if (killed != nullptr && killed->signal == 9) return LogLevel::warning;
    return LogLevel::info;
}

std::string_view ready_text(core::ReadySign sign) {
    switch (sign) {
        case core::ReadySign::word: return "it said so";
        case core::ReadySign::kernel: return "it accepts connections";
        case core::ReadySign::time: return "it stayed alive";
        case core::ReadySign::listening: return "it listens";
        case core::ReadySign::notify: return "it sent READY=1";
        case core::ReadySign::newline: return "it wrote a line";
        case core::ReadySign::probe: return "it answered the probe";
    }
    return "unknown";
}

std::string_view channel_text(core::Garbage::Channel channel) {
    switch (channel) {
        case core::Garbage::Channel::heartbeat: return "heartbeat pipe";
        case core::Garbage::Channel::control: return "control channel";
        case core::Garbage::Channel::notify: return "notify socket";
        case core::Garbage::Channel::einhorn: return "einhorn socket";
    }
    return "unknown";
}

struct Render {
    const Names& names;

    [[nodiscard]] LogLine about(const core::About& about, LogLevel level) const {
        return about_worker(names, about, level);
    }

    LogLine operator()(const core::Transition& r) const {
        LogLine line = about(r.about, LogLevel::debug);
        line.message = text(name(r.from), " -> ", name(r.to), ", reason ", name(r.reason),
                            ", ready ", r.ready, " of ", r.wanted);
        add(line, "from", name(r.from));
        add(line, "to", name(r.to));
        add(line, "reason", name(r.reason));
        add(line, "ready", r.ready);
        add(line, "wanted", r.wanted);
        return line;
    }

    LogLine operator()(const core::WorkerStarted& r) const {
        LogLine line = about(r.about, LogLevel::info);
        line.message = text("started, reason ", name(r.reason), ", generation ",
                            number(r.generation), ", exec after ", duration_text(r.took));
        add(line, "reason", name(r.reason));
        add(line, "generation", number(r.generation));
        add(line, "took_seconds", r.took);
        return line;
    }

    LogLine operator()(const core::WorkerReady& r) const {
        LogLine line = about(r.about, LogLevel::info);
        line.message = text("ready after ", duration_text(r.took), ": ", ready_text(r.by));
        add(line, "by", name(r.by));
        add(line, "took_seconds", r.took);
        return line;
    }

    LogLine operator()(const core::WorkerDied& r) const {
        LogLine line = about(r.about, level_of(r));
        const Blame why = blame(r);
        line.message =
            text(status_text(r.status), ": ", why.text, "; uptime ", duration_text(r.uptime));
        if (r.has_beaten) {
            line.message += text(", ", r.requests, " requests, ", r.in_flight, " in flight");
        }
        line.message +=
            text(r.was_ready ? "" : ", never ready", ", CPU ", duration_text(r.cpu_time),
                 ", at most ", bytes_text(r.max_resident_bytes));
        add(line, "cause", why.cause);
        add(line, "reason", name(r.reason));
        if (const auto* exited = std::get_if<core::ExitedWith>(&r.status)) {
            add(line, "exit_code", exited->code);
        }
        if (const auto* killed = std::get_if<core::KilledBy>(&r.status)) {
            add(line, "signal", os::signal_name(killed->signal));
            add(line, "core_dumped", killed->core_dumped);
        }
        if (r.signal_sent != 0) add(line, "signal_sent", os::signal_name(r.signal_sent));
        add(line, "oom_killed", r.oom_killed);
        add(line, "was_ready", r.was_ready);
        add(line, "uptime_seconds", r.uptime);
        if (r.has_beaten) {
            add(line, "requests", r.requests);
            add(line, "in_flight", r.in_flight);
        }
        add(line, "cpu_seconds", r.cpu_time);
        add(line, "max_resident_bytes", r.max_resident_bytes);
        if (line.level >= LogLevel::warning)
            add_last_output(line, names.last_output(r.about.incarnation));
        return line;
    }

    LogLine operator()(const core::SpawnFailure& r) const {
        LogLine line = about(r.about, LogLevel::error);
        line.message = "could not be started: " + r.reason;
        add(line, "reason", r.reason);
        return line;
    }

    LogLine operator()(const core::Backoff& r) const {
        LogLine line = about_seat(names, r.seat, LogLevel::warning);
        line.message = text("waits ", duration_text(r.delay), " before the next start after ",
                            r.failures, " failures in a row");
        add(line, "failures", r.failures);
        add(line, "delay_seconds", r.delay);
        return line;
    }

    LogLine operator()(const core::SlotFailed& r) const {
        LogLine line = about(r.about, LogLevel::error);
        line.message = text("exit code ", r.exit_code,
                            " is declared fatal: not started again (fatal_exit_codes)");
        add(line, "exit_code", r.exit_code);
        return line;
    }

    LogLine operator()(const core::StartTimeout& r) const {
        LogLine line = about(r.about, LogLevel::error);
        line.message =
            text("not ready after start_timeout ", duration_text(r.limit), ": stopping it");
        add(line, "limit_seconds", r.limit);
        return line;
    }

    LogLine operator()(const core::Hang& r) const {
        LogLine line = about(r.about, LogLevel::error);
        if (r.by == core::HangSign::trigger) {
            line.message = "hung: it says so itself (WATCHDOG=trigger)";
        } else {
            const bool fed = r.by == core::HangSign::watchdog;
            line.message = text(fed ? "hung: watchdog not fed for " : "hung: silent for ",
                                duration_text(r.silence), ", timeout ", duration_text(r.limit));
        }
        line.message += text(", ", r.requests, " requests, ", r.in_flight, " in flight");
        if (r.waiting != 0) {
            line.message =
                text("hung: it has not run for ", duration_text(r.silence), ", timeout ",
                     duration_text(r.limit), ", while ", r.waiting,
                     r.waiting == 1 ? " connection waits" : " connections wait", " to be accepted");
        }
        add(line, "waiting", r.waiting);
        if (r.oldest > core::Duration::zero()) {
            line.message += text(", the oldest for ", duration_text(r.oldest));
        }
        add(line, "by", name(r.by));
        add(line, "silent_process", r.process);
        add(line, "silence_seconds", r.silence);
        add(line, "limit_seconds", r.limit);
        add(line, "requests", r.requests);
        add(line, "in_flight", r.in_flight);
        add(line, "oldest_seconds", r.oldest);
        return line;
    }

    LogLine operator()(const core::WorkerNotice& r) const {
        LogLine line = about(r.about, LogLevel::info);
        switch (r.what) {
            case core::Notice::reloading: line.message = "says that it reloads"; break;
            case core::Notice::stopping: line.message = "says that it stops"; break;
            case core::Notice::extension:
                line.message =
                    text("asks for more time: it may take ", duration_text(r.extension), " more");
                add(line, "extension_seconds", r.extension);
                break;
        }
        add(line, "what", name(r.what));
        return line;
    }

    LogLine operator()(const core::SlowRequest& r) const {
        LogLine line = about(r.about, LogLevel::warning);
        const std::string method = escaped(r.method);
        const std::string target = escaped(r.target);
        line.message =
            text("slow request: ", r.target.empty() ? "a request" : method + " " + target, " took ",
                 duration_text(r.age), " or longer, limit ", duration_text(r.limit));
        if (r.left_out != 0) line.message += text("; ", r.left_out, " more were left out");
        if (!r.target.empty()) {
            add(line, "method", method);
            add(line, "target", target);
        }
        add(line, "seconds", r.age);
        add(line, "limit_seconds", r.limit);
        if (r.left_out != 0) add(line, "left_out", r.left_out);
        return line;
    }
    LogLine operator()(const core::RequestTimeout& r) const {
        LogLine line = about(r.about, LogLevel::error);
        line.message = text("request timeout: a request runs for ", duration_text(r.age),
                            ", limit ", duration_text(r.limit));
        add(line, "age_seconds", r.age);
        add(line, "limit_seconds", r.limit);
        return line;
    }

    LogLine operator()(const core::CoreDump& r) const {
        LogLine line = about(r.about, LogLevel::error);
        line.message = text("is writing a core dump: not killed for ", duration_text(r.patience));
        add(line, "patience_seconds", r.patience);
        return line;
    }

    LogLine operator()(const core::Kill& r) const {
        LogLine line = about(r.about, LogLevel::warning);
        line.message = text("still there after ", duration_text(r.waited),
                            ": SIGKILL to it and its children, reason ", name(r.reason));
        add(line, "reason", name(r.reason));
        add(line, "waited_seconds", r.waited);
        return line;
    }

    LogLine operator()(const core::KillOverdue& r) const {
        LogLine line = about(r.about, LogLevel::critical);
        line.message = text("does not die of SIGKILL for ", duration_text(r.waited),
                            ": it hangs in the kernel (state D?)");
        add(line, "waited_seconds", r.waited);
        return line;
    }

    LogLine operator()(const core::RotationDue& r) const { return rotation_due(names, r); }

    LogLine operator()(const core::RotationStart& r) const {
        LogLine line = about(r.about, LogLevel::info);
        line.message = text("is being replaced, reason ", name(r.reason));
        add(line, "reason", name(r.reason));
        add(line, "successor", number(r.successor));
        return line;
    }

    LogLine operator()(const core::Rotation& r) const {
        LogLine line = about(r.about, LogLevel::info);
        line.message = text("replaced by pid ", names.pid(r.successor), " after ",
                            duration_text(r.took), ", reason ", name(r.reason), ": draining");
        add(line, "reason", name(r.reason));
        add(line, "successor", number(r.successor));
        add(line, "successor_pid", names.pid(r.successor));
        add(line, "took_seconds", r.took);
        return line;
    }

    LogLine operator()(const core::GarbageReceived& r) const {
        LogLine line = about(r.about, LogLevel::warning);
        line.message = text("sent garbage on its ", channel_text(r.channel),
                            ": dropped, further garbage is counted in silence");
        add(line, "channel", name(r.channel));
        add(line, "count", r.count);
        return line;
    }

    LogLine operator()(const core::Flood& r) const {
        LogLine line = about(r.about, LogLevel::error);
        line.message = text("floods reeve with signs of life: ", r.packets,
                            " packets within a second; its beats are ignored and it is replaced");
        add(line, "packets", r.packets);
        return line;
    }

    LogLine operator()(const core::StreamsCrowded& r) const {
        LogLine line = about(r.about, LogLevel::warning);
        line.message =
            text("more than ", r.limit, " of its processes beat: the others are ignored");
        add(line, "limit", r.limit);
        return line;
    }

    template <typename PoolRecord>
    LogLine operator()(const PoolRecord& r) const {
        return render_pool(r, names);
    }
};

}  // namespace

std::string_view death_cause(const core::WorkerDied& died) { return blame(died).cause; }

LogLine render(const core::Record& record, const Names& names) {
    LogLine line = std::visit(Render{names}, record);
    line.event = core::name(record);
    return line;
}

}  // namespace reeve::daemon
