// Runs hook commands with their output in the log.
#include "daemon/hooks.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <fcntl.h>
#include <utility>

#include "daemon/render_parts.hpp"
#include "os/clock.hpp"
#include "os/process.hpp"

namespace reeve::daemon {
namespace {

constexpr std::size_t running_max = 32;
constexpr int reads_a_turn = 4;

/// The option that says how long a hook may take.
std::string limit_of(const std::string& hook) {
    return hook == "before_start" ? "before_start_timeout" : "hook_timeout";
}

}  // namespace

void Hooks::run(const std::string& name, const std::string& subject,
                const os::SpawnRequest& request, core::Duration within,
                std::function<void(const HookOutcome&)> ended) {
    LogLine line{core::LogLevel::error, "hook_failed", subject, name + " was not run: "};
    add(line, "hook", name);
    if (running_.size() >= running_max) {
        line.message += text(running_.size(), " hooks are running already");
        log_.write(line);
        return ended({false, line.message});
    }
    auto pipe = os::make_pipe(O_NONBLOCK);
    if (!pipe) {
        line.message += pipe.error().message();
        log_.write(line);
        return ended({false, line.message});
    }
    os::SpawnRequest with_output = request;
    with_output.standard_output = pipe->writer.get();
    with_output.standard_error = pipe->writer.get();
    // The hook's end must block as a program expects of its stdout.
    (void)os::set_nonblocking(pipe->writer.get(), false);
    auto spawned = os::spawn(with_output);
    if (!spawned) {
        line.message += spawned.error().text;
        log_.write(line);
        return ended({false, line.message});
    }
    const Handle hook = running_.emplace(running_.end());
    hook->name = name;
    hook->subject = subject;
    hook->child = std::move(spawned->child);
    hook->exec = std::move(spawned->exec);
    hook->output = std::move(pipe->reader);
    hook->began = os::now();
    hook->ended = std::move(ended);
    hook->exit_watch = loop_.on_readable(hook->child.pidfd(), [this, hook] { finish(hook); });
    hook->output_watch =
        loop_.on_readable(hook->output.get(), [this, hook] { read_output(*hook); });
    hook->limit = loop_.make_timer([hook] {
        hook->too_late = true;
        (void)os::signal_tree(hook->child, SIGKILL);
    });
    hook->limit.set(os::now() + within);
}

void Hooks::read_output(Running& hook) {
    std::array<std::byte, 4096> buffer;
    for (int i = 0; i < reads_a_turn && hook.output; ++i) {
        const auto count = os::read_some(hook.output.get(), buffer);
        if (!count && os::would_block(count.error())) return;
        if (!count || *count == 0) {
            hook.output_watch.stop();
            hook.output.reset();
            return;
        }
        std::string_view rest{reinterpret_cast<const char*>(buffer.data()), *count};
        while (!rest.empty()) {
            const auto end = std::min(rest.find('\n'), rest.size());
            LogLine line{core::LogLevel::info, "hook_output", hook.subject,
                         std::string{rest.substr(0, end)}};
            add(line, "hook", hook.name);
            log_.write(line);
            if (end != 0) hook.last_line = rest.substr(0, end);
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
}

void Hooks::finish(Handle hook) {
    read_output(*hook);
    std::string failure;
    if (auto report = hook->exec.read(); report && !*report) failure = report->error().text;
    (void)os::signal_tree(hook->child, SIGKILL);
    const auto departure = hook->child.reap();
    if (!departure) return;
    const auto took = os::now() - hook->began;
    const auto* exited = std::get_if<core::ExitedWith>(&departure->status);
    const bool good = exited != nullptr && exited->code == 0;
    LogLine line{
        good ? core::LogLevel::info : core::LogLevel::warning, "hook_ended", hook->subject, {}};
    HookOutcome outcome{good && !hook->too_late,
                        failure.empty() ? status_text(departure->status) : failure};
    outcome.how += " after " + duration_text(took);
    if (hook->too_late) outcome.how += ": over " + limit_of(hook->name);
    line.message = text(hook->name, " ", outcome.how);
    if (!good && !hook->last_line.empty()) outcome.how += ": " + hook->last_line;
    add(line, "hook", hook->name);
    add(line, "took_seconds", took);
    log_.write(line);
    const auto ended = std::move(hook->ended);
    running_.erase(hook);
    ended(outcome);
}

bool Hooks::owns(pid_t pid) const {
    return std::any_of(running_.begin(), running_.end(),
                       [&](const Running& hook) { return hook.child.pid() == pid; });
}

void Hooks::reap(pid_t pid) {
    const auto hook = std::find_if(running_.begin(), running_.end(), [&](const Running& running) {
        return running.child.pid() == pid;
    });
    if (hook != running_.end()) finish(hook);
}

void Hooks::kill_all() {
    for (Running& hook : running_) (void)os::signal_tree(hook.child, SIGKILL);
    running_.clear();
}

}  // namespace reeve::daemon
