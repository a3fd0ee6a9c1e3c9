// What is asked of a running daemon: one function does it all and knows the exit codes.
#include "cli/commands.hpp"

#include <iostream>
#include <unistd.h>

#include "cli/client.hpp"
#include "cli/client_answer.hpp"
#include "cli/client_json.hpp"
#include "cli/client_trouble.hpp"
#include "cli/commands_progress.hpp"
#include "cli/events.hpp"
#include "cli/exit_code.hpp"
#include "cli/health.hpp"
#include "cli/status.hpp"
#include "cli/status_table.hpp"

namespace reeve::cli {

namespace {

using Kind = Progress::Kind;

/// Progress on standard error: on a terminal one line that is written over and over.
class ProgressOutput {
public:
    explicit ProgressOutput(Progress progress) : progress_{std::move(progress)} {}

    void take(const RawEvent& raw) {
        const auto line = progress_.take(parse_event(raw.name, raw.data));
        if (!line) return;
        std::cerr << clear() << line->text;
        open_ = terminal_ && !line->last;
        std::cerr << (open_ ? "" : "\n") << std::flush;
    }

    void end() {
        std::cerr << clear() << std::flush;
        open_ = false;
    }

private:
    [[nodiscard]] const char* clear() const { return open_ ? "\r\033[K" : ""; }

    Progress progress_;
    bool terminal_ = ::isatty(STDERR_FILENO) == 1;
    bool open_ = false;
};

int say(const Response& answer) {
    const int code = exit_code_of(answer.status);
    if (code != exit_good) throw Trouble{code, words_of(answer)};
    std::cout << harmless_lines(words_of(answer)) << '\n';
    return code;
}

class Teller {
public:
    Teller(Client& client, const Paint& paint) : client_{client}, paint_{paint} {}

    int operator()(const AskStatus& ask) { return run_status(client_, ask, paint_); }
    int operator()(const AskHealth& ask) { return run_health(client_, ask); }
    int operator()(const AskEvents& ask) { return run_events(client_, ask, paint_); }

    int operator()(const TellReload& tell) {
        const auto body = make_body({{"pool", tell.pool},
                                     {"changed", only_if(tell.changed, true)},
                                     {"dry_run", only_if(tell.dry_run, true)},
                                     {"wait", only_if(!tell.wait, false)}});
        return post("/v1/reload", body, Kind::reload, tell.pool, tell.wait && !tell.dry_run);
    }
    int operator()(const TellScale& tell) {
        const auto body = make_body(
            {{"pool", tell.pool}, {"workers", tell.workers}, {"wait", only_if(!tell.wait, false)}});
        return post("/v1/scale", body, Kind::start, tell.pool, tell.wait);
    }
    int operator()(const TellStart& tell) {
        return move("/v1/start", Kind::start, tell.target, tell.wait);
    }
    int operator()(const TellStop& tell) {
        return move("/v1/stop", Kind::stop, tell.target, tell.wait);
    }
    int operator()(const TellRestart& tell) {
        return move("/v1/restart", Kind::replace, tell.target, tell.wait);
    }
    int operator()(const TellSignal& tell) {
        const auto body = make_body({{"target", tell.target}, {"signal", tell.signal}});
        return post("/v1/signal", body, Kind::start, {}, false);
    }
    int operator()(const TellLogLevel& tell) {
        return post("/v1/log-level", make_body({{"level", tell.level}}), Kind::start, {}, false);
    }
    int operator()(const TellShutdown& tell) {
        const auto body = make_body({{"mode", std::string{tell.fast ? "fast" : "graceful"}}});
        if (!tell.wait) return post("/v1/shutdown", body, Kind::stop, {}, false);
        const auto before = parse_status(expect_good(client_.get("/v1/status")));
        ProgressOutput output{Progress{Kind::stop, before, {}}};
        const auto answer = client_.post_until_gone(
            "/v1/shutdown", body, static_cast<pid_t>(before.pid.value_or(0)),
            [&](const RawEvent& event) { output.take(event); });
        output.end();
        if (exit_code_of(answer.status) != exit_good) return say(answer);
        std::cout << "reeve has ended\n";
        return exit_good;
    }

private:
    /// What is not asked for is not said: an older daemon may not know it.
    static BodyValue only_if(bool asked, bool value) {
        return asked ? BodyValue{value} : BodyValue{std::string{}};
    }

    int move(const char* path, Kind kind, const std::string& target, bool wait) {
        const auto body = make_body({{"target", target}, {"wait", only_if(!wait, false)}});
        return post(path, body, kind, target, wait);
    }

    int post(const char* path, const std::string& body, Kind kind, const std::string& target,
             bool wait) {
        if (!wait) return say(client_.post(path, body, nullptr));
        ProgressOutput output{Progress{kind, status_if_any(), target}};
        const auto answer =
            client_.post(path, body, [&](const RawEvent& event) { output.take(event); });
        output.end();
        return say(answer);
    }

    /// Progress is shown with less where the daemon tells less.
    std::optional<DaemonStatus> status_if_any() {
        const auto answer = client_.get("/v1/status");
        if (answer.status != 200) return std::nullopt;
        return parse_status(answer.body);
    }

    Client& client_;
    const Paint& paint_;
};

}  // namespace

int run_ask(const Ask& ask, const config::Environment& environment, const Paint& paint) {
    try {
        Client client{choose_admin_path(ask.whom, environment)};
        return std::visit(Teller{client, paint}, ask.what);
    } catch (const Trouble& trouble) {
        std::cout << std::flush;
        std::cerr << "reeve: " << harmless_lines(trouble.what()) << '\n';
        return trouble.exit_code();
    }
}

}  // namespace reeve::cli
