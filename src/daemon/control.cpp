// Turns orders into commands of the core, and the core's replies into answers.
#include "daemon/control.hpp"

#include <utility>

#include "config/show.hpp"
#include "daemon/render_parts.hpp"

namespace reeve::daemon {

Control::Control(Inbox& inbox, Log& log, Reloads& reloads, const core::Supervisor& supervisor,
                 Refused refused)
    : inbox_(inbox),
      log_(log),
      reloads_(reloads),
      supervisor_(supervisor),
      refused_(std::move(refused)) {}

void Control::submit(const Order& order, Respond respond) {
    if (const auto* wanted = std::get_if<ReloadOrder>(&order)) {
        return reload(*wanted, std::move(respond));
    }
    if (const auto* wanted = std::get_if<LogLevelOrder>(&order)) {
        log_.set_level(wanted->level);
        return respond({core::Verdict::done, "until the next reload that changes log.level"});
    }
    if (const auto* wanted = std::get_if<ShutdownOrder>(&order)) {
        inbox_.put(core::StopRequested{wanted->mode});
        return respond({core::Verdict::done, text("a ", name(wanted->mode), " stop begins")});
    }
    if (const auto* wanted = std::get_if<core::ScaleCommand>(&order)) {
        return give(*wanted, std::move(respond));
    }
    if (const auto* wanted = std::get_if<core::StartCommand>(&order)) {
        return give(*wanted, std::move(respond));
    }
    if (const auto* wanted = std::get_if<core::StopCommand>(&order)) {
        return give(*wanted, std::move(respond));
    }
    if (const auto* wanted = std::get_if<core::RestartCommand>(&order)) {
        return give(*wanted, std::move(respond));
    }
    if (const auto* wanted = std::get_if<core::SignalCommand>(&order)) {
        return give(*wanted, std::move(respond));
    }
}

void Control::give(core::Command command, Respond respond) {
    const std::uint64_t id = ++last_id_;
    waiting_[id] = std::move(respond);
    inbox_.put(core::Commanded{core::CommandId{id}, std::move(command)});
}

void Control::reload(const ReloadOrder& order, Respond respond) {
    if (reload_ || supervisor_.reloading()) {
        return respond({core::Verdict::conflict, "a reload is under way: try again when it ended"});
    }
    if (supervisor_.stop_phase() != core::StopPhase::running) {
        return respond({core::Verdict::conflict, "reeve is stopping"});
    }
    auto prepared = reloads_.prepare(order);
    if (const auto* answer = std::get_if<Answer>(&prepared)) {
        if (answer->verdict == core::Verdict::invalid && !order.dry_run) {
            LogLine line{core::LogLevel::error, "reload_invalid", {}, answer->text};
            log_.write(line);
            refused_(answer->text);
        }
        return respond(*answer);
    }
    failure_.clear();
    whole_ = order.pool.empty();
    give(std::get<core::ReloadCommand>(std::move(prepared)), std::move(respond));
    reload_ = last_id_;
}

void Control::on_hangup() {
    if (reload_ || supervisor_.reloading()) {
        hangup_again_ = true;
        return;
    }
    reload({}, [this](const Answer& answer) { log_answer(answer, "reload"); });
}

void Control::on_scale_signal(std::int64_t by) {
    give(core::ScaleCommand{{}, by, true},
         [this](const Answer& answer) { log_answer(answer, "scale"); });
}

void Control::log_answer(const Answer& answer, std::string_view what) {
    LogLine line{core::LogLevel::info, "command_answer", {}, {}};
    const bool good =
        answer.verdict == core::Verdict::done || answer.verdict == core::Verdict::unchanged;
    if (!good) line.level = core::LogLevel::error;
    line.message = text(what, ": ", name(answer.verdict), ": ", answer.text);
    add(line, "command", what);
    add(line, "verdict", name(answer.verdict));
    log_.write(line);
}

void Control::note(const core::Record& record, const LogLine& line) {
    if (!std::holds_alternative<core::ReloadFailure>(record)) return;
    failure_ = line.subject + ": " + line.message;
    for (const Field& field : line.fields) {
        if (field.key != "last_output") continue;
        if (const auto* output = std::get_if<std::string>(&field.value)) {
            failure_ += "\n" + *output;
        }
    }
}

void Control::carry_out(const core::Reply& action) {
    Answer answer{action.verdict, action.text};
    if (reload_ == number(action.command)) {
        reload_.reset();
        switch (action.verdict) {
            case core::Verdict::done: reloads_.finish(true); break;
            case core::Verdict::unchanged:
                reloads_.finish(true);
                if (whole_) refused_(std::nullopt);
                break;
            case core::Verdict::failed:
                answer.text += "; " + failure_;
                reloads_.finish(false);
                break;
            case core::Verdict::unknown:
            case core::Verdict::conflict:
            case core::Verdict::invalid: reloads_.drop(); break;
        }
    }
    const auto waiting = waiting_.find(number(action.command));
    if (waiting != waiting_.end()) {
        const Respond respond = std::move(waiting->second);
        waiting_.erase(waiting);
        respond(answer);
    }
    if (!reload_ && std::exchange(hangup_again_, false)) on_hangup();
}

void Control::leave() {
    for (const auto& [id, respond] : std::exchange(waiting_, {})) {
        respond({core::Verdict::conflict, "reeve has stopped"});
    }
}

Readiness Control::readiness() const {
    if (supervisor_.stop_phase() != core::StopPhase::running) return {false, "stopping"};
    for (const core::Pool& pool : supervisor_.pools()) {
        // A queue that an operator stopped keeps nobody from being served; a web does.
        const bool stopped = pool.held() && pool.policy().has_sockets;
        if (pool.removed() || (pool.is_up() && !stopped)) continue;
        if (stopped) return {false, pool.name() + ": stopped by command"};
        return {false,
                text(pool.name(), ": ", pool.ready(), " of ", pool.policy().min_ready, " ready")};
    }
    return {true, {}};
}

std::string Control::config() const {
    return "{\"yaml\": " + config::json_string(config::show_config(reloads_.in_force())) + "}";
}

}  // namespace reeve::daemon
