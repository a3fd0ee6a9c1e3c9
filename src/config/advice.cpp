// Which handoff, readiness, liveness and signals suit a program, and why.
#include "config/advice.hpp"

#include <algorithm>
#include <array>

#include "config/checks.hpp"
#include "config/options.hpp"
#include "config/show.hpp"
#include "config/values.hpp"
#include "config/words.hpp"

namespace reeve::config {

namespace {

using Linkage = Subject::Linkage;

std::vector<std::string> split(std::string_view text, char at) {
    std::vector<std::string> out;
    while (!text.empty()) {
        const auto end = std::min(text.find(at), text.size());
        out.emplace_back(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

void replace(std::string& in, std::string_view what, const std::string& with) {
    for (auto at = in.find(what); at != std::string::npos; at = in.find(what, at + with.size())) {
        in.replace(at, what.size(), with);
    }
}

/// Puts the pool's first socket where the table says "web", and leaves out what a path has not.
std::string with_socket(std::string_view text, const core::Listen& listen) {
    std::string out{text};
    const bool has_port =
        listen.kind == core::Listen::Kind::tcp || listen.kind == core::Listen::Kind::inherited;
    if (!has_port) {
        replace(out, "tcp://{addr:web}:{port:web}", "unix://{addr:web}");
        replace(out, ":{port:web}", "");
    } else if (listen.host.find(':') != std::string::npos) {
        replace(out, "{addr:web}:", "[{addr:web}]:");
    }
    for (const std::string kind : {"fd", "addr", "port"}) {
        replace(out, "{" + kind + ":web}", "{" + kind + ":" + listen.name + "}");
    }
    return out;
}

/// Sockets for which per-worker queues exist: not those of a path.
bool all_tcp(const core::PoolConfig& pool) {
    return std::all_of(pool.listen.begin(), pool.listen.end(),
                       [](const auto& listen) { return listen.kind == core::Listen::Kind::tcp; });
}

/// The decisions for one program.
class Adviser {
public:
    Adviser(const Subject& subject, const core::PoolConfig& pool)
        : subject_{subject}, pool_{pool}, row_{find_program(subject.command)} {}

    Advice run() {
        out_.program = row_;
        sockets_ = !pool_.listen.empty() && (row_ == nullptr || row_->sockets);
        choose_handoff();
        choose_stop_signal();
        choose_liveness();
        choose_accept();
        choose_ready();
        make_command();
        warn();
        return std::move(out_);
    }

private:
    /// Takes what the pool has, or else `value`, which is written only if it is not the default.
    void choose(Chosen& into, std::string_view key, std::string_view value, std::string why) {
        const auto& option = *find_option(Scope::pool, key);
        auto copy = pool_;
        const auto present = show_value(option, {nullptr, &copy, nullptr});
        into.key = key;
        into.value = is_written(pool_, key) ? present : value;
        into.why = is_written(pool_, key) ? "as it is written" : std::move(why);
        into.added = !is_written(pool_, key) && into.value != option.fallback;
    }

    [[nodiscard]] bool interpreted() const { return row_ == nullptr || row_->interpreter; }

    void choose_handoff() {
        if (!sockets_) return choose(out_.handoff, "handoff", "inherit", "it gets no sockets");
        // What the program itself names tells more than what usually runs under its interpreter.
        if (is_native()) {
            return choose(out_.handoff, "handoff", "inherit", "it speaks reeve's own protocol");
        }
        if (interpreted() && subject_.names_listen_fds) {
            return choose(out_.handoff, "handoff", "inherit", "it knows LISTEN_FDS");
        }
        if (interpreted() && subject_.names_server_starter) {
            out_.compat = {"server-starter"};
            return choose(out_.handoff, "handoff", "inherit", "it knows SERVER_STARTER_PORT");
        }
        if (row_ == nullptr) {
            return choose(out_.handoff, "handoff", "adopt",
                          "it knows no protocol for sockets, so it will bind its port itself, "
                          "which reeve answers with the pool's");
        }
        if (!row_->compat.empty()) out_.compat = {std::string{row_->compat}};
        choose(out_.handoff, "handoff", row_->handoff, std::string{row_->handoff_why});
    }

    void choose_stop_signal() {
        if (row_ != nullptr && !row_->interpreter) {
            return choose(out_.stop_signal, "stop_signal", row_->stop_signal,
                          std::string{row_->drain});
        }
        if (is_native()) {
            return choose(out_.stop_signal, "stop_signal", "TERM", "it is told to drain as well");
        }
        choose(out_.stop_signal, "stop_signal", "TERM",
               row_ != nullptr ? std::string{row_->drain} : "what it does then is not known");
    }

    [[nodiscard]] bool is_native() const { return interpreted() && subject_.names_reeve; }

    [[nodiscard]] bool cuts() const { return !is_native() && (row_ == nullptr || row_->cuts); }

    [[nodiscard]] bool can_preload() const {
        return subject_.linkage == Linkage::dynamic && !subject_.privileged;
    }

    [[nodiscard]] std::string why_no_preload() const {
        if (subject_.privileged) return "its file gives it rights, so no library is preloaded";
        switch (subject_.linkage) {
            case Linkage::dynamic: return {};
            case Linkage::fixed: return "it is static, so no library can be preloaded";
            case Linkage::go: return "it is a Go program, whose system calls no library sees";
            case Linkage::unknown: return "how it is linked cannot be seen";
        }
        return {};
    }

    void choose_liveness() {
        auto& into = out_.liveness;
        if (is_native()) {
            return choose(into, "liveness", "auto", "it sends heartbeats itself");
        }
        const auto wanted = row_ == nullptr ? std::string_view{"preload"} : row_->liveness;
        if (wanted == "notify" || (wanted.empty() && subject_.names_notify_socket)) {
            return choose(into, "liveness", "notify", "it feeds the watchdog of NOTIFY_SOCKET");
        }
        if (wanted == "preload" && can_preload()) {
            return choose(into, "liveness", "preload",
                          "it is dynamically linked: the preloaded library sees its event loop and "
                          "its requests");
        }
        if (sockets_ && all_tcp(pool_)) {
            return choose(into, "liveness", "queue",
                          why_no_preload() + ": a connection that nobody accepts shows a hang");
        }
        choose(into, "liveness", "auto", "nothing in it tells whether it hangs");
    }

    void choose_accept() {
        auto& into = out_.accept;
        if (!sockets_) return choose(into, "accept", "shared", "it gets no sockets");
        if (!all_tcp(pool_)) {
            return choose(into, "accept", "shared", "only TCP has queues for each worker");
        }
        if (out_.liveness.value == "queue") {
            return choose(into, "accept", "per-worker", "liveness: queue looks at its own queue");
        }
        if (cuts()) {
            return choose(into, "accept", "per-worker",
                          "it is drained without its help: new connections go to the others first");
        }
        if (row_->event_loop) {
            return choose(into, "accept", "per-worker",
                          "event loops on one queue are served unevenly");
        }
        choose(into, "accept", "shared", "whoever is free takes the next connection");
    }

    void choose_ready() {
        auto& into = out_.ready;
        if (is_native()) {
            return choose(into, "ready", "auto", "it says so itself");
        }
        if (out_.handoff.value == "adopt") {
            return choose(into, "ready", "auto", "listen(2) on the pool's socket is the sign");
        }
        choose(into, "ready", "auto",
               sockets_ ? "the kernel shows when it waits for connections"
                        : "its word if it says one, or being alive for ready_after");
    }

    /// Remembers the address of "--port 80", "-b 0.0.0.0:80" and their like.
    void note_address(std::string_view flag, const std::string& value) {
        if (is_one_of(flag, "--port|-p")) port_ = value;
        if (is_one_of(flag, "--host|-o")) host_ = value;
        const bool is_address =
            value.find(':') != std::string::npos && value.find("://") == std::string::npos;
        if (!is_one_of(flag, "--bind|-b|--listen|-l")) return;
        (is_address ? out_.listen : host_) = value.starts_with(':') ? "0.0.0.0" + value : value;
    }

    /// Looks for the address that the command itself names, and copies it without `dropped` flags.
    [[nodiscard]] std::vector<std::string> read_command(std::string_view dropped) {
        const auto& from = subject_.command;
        std::vector<std::string> out;
        for (std::size_t i = 0; i < from.size(); ++i) {
            const auto equals = from[i].find('=');
            const auto flag = from[i].substr(0, equals);
            const bool apart = equals == std::string::npos && i + 1 < from.size();
            if (i > 0 && (equals != std::string::npos || apart)) {
                note_address(flag, apart ? from[i + 1] : from[i].substr(equals + 1));
            }
            if (i == 0 || !is_one_of(flag, dropped)) {
                out.push_back(from[i]);
            } else if (apart) {
                ++i;
            }
        }
        // The one program whose port stands alone.
        const auto& last = from.back();
        if (row_ != nullptr && row_->modules == "http.server") {
            const bool is_port = last.find_first_not_of("0123456789") == std::string::npos;
            port_ = is_port ? last : "8000";
        }
        if (!port_.empty()) out_.listen = (host_.empty() ? "127.0.0.1" : host_) + ":" + port_;
        return out;
    }

    void make_command() {
        const bool inherits = out_.handoff.value == "inherit";
        const bool adds = sockets_ && row_ != nullptr && inherits && !subject_.opaque &&
                          !has_flag(subject_.command, row_->given);
        const auto words = read_command(adds ? row_->replaced : std::string_view{});
        out_.command = pool_.process.command;
        if (adds) {
            out_.command = unwrap(pool_.process.command).before;
            out_.command.insert(out_.command.end(), words.begin(), words.end());
            for (const auto& word : split(row_->arguments, ' ')) {
                out_.command.push_back(with_socket(word, pool_.listen.front()));
            }
        }
        if (!sockets_ || row_ == nullptr || row_->env.empty() || !inherits) return;
        const auto name = row_->env.substr(0, row_->env.find('='));
        if (pool_.process.env.count(std::string{name}) == 0) {
            out_.env.push_back(with_socket(row_->env, pool_.listen.front()));
        }
    }

    static bool is_one_of(std::string_view word, std::string_view words) {
        return has_flag({std::string{word}}, words);
    }

    void warn() {
        auto& to = out_.warnings;
        if (subject_.opaque) {
            to.emplace_back(
                "the shell runs more than one command: nothing can be said of the program");
        } else if (row_ == nullptr && !is_native()) {
            to.emplace_back("an unknown program: TERM may cut requests that it has begun");
        } else if (row_ != nullptr && row_->interpreter && !is_native()) {
            to.push_back("TERM may cut requests: " + std::string{row_->drain});
        } else if (cuts() && out_.accept.value != "per-worker") {
            to.push_back("requests are cut: " + std::string{row_->drain});
        }
        if (sockets_ && out_.handoff.value == "adopt" && out_.listen.empty()) {
            to.emplace_back("the address that it binds must be the pool's");
        }
        if (row_ != nullptr) {
            for (auto& line : split(row_->warnings, '\n')) to.push_back(std::move(line));
            if (!row_->needs.empty() && !has_flag(subject_.command, row_->needs)) {
                to.push_back("it needs " + split(row_->needs, '|').front());
            }
            if (row_->nonblocking && out_.accept.value == "shared" && !is_nonblocking(pool_)) {
                to.emplace_back(
                    "nonblocking: yes on its sockets, or a worker that comes late "
                    "for a connection waits for the next one");
            }
        }
    }

    static bool is_nonblocking(const core::PoolConfig& pool) {
        return std::all_of(pool.listen.begin(), pool.listen.end(),
                           [](const auto& listen) { return listen.nonblocking; });
    }

    const Subject& subject_;
    const core::PoolConfig& pool_;
    const Program* row_;
    bool sockets_ = false;
    std::string host_;
    std::string port_;
    Advice out_;
};

}  // namespace

Advice advise(const Subject& subject, const core::PoolConfig& pool) {
    return Adviser{subject, pool}.run();
}

std::vector<std::string> known_mistakes(const core::PoolConfig& pool) {
    const auto unwrapped = unwrap(pool.process.command);
    const auto* row = unwrapped.opaque ? nullptr : find_program(unwrapped.command);
    if (row == nullptr || row->interpreter) return {};
    std::vector<std::string> out;
    const auto name = std::string{row->title};
    const auto signal = parse_signal(row->stop_signal).value;
    if (pool.policy.stop_signal != signal && !is_written(pool, "stop_signal")) {
        const bool lacks = !row->needs.empty() && !has_flag(unwrapped.command, row->needs);
        out.push_back(
            "stop_signal: " + name + " drains on " + std::string{row->stop_signal} +
            ", and TERM cuts its requests; stop_signal: " + std::string{row->stop_signal} +
            (lacks ? ", and " + split(row->needs, '|').front() : ""));
    }
    const auto variable = std::string{row->env.substr(0, row->env.find('='))};
    const bool inherits = pool.process.handoff == core::Handoff::inherit && !pool.listen.empty();
    if (!variable.empty() && inherits && pool.process.env.count(variable) == 0 &&
        pool.process.env_file.empty()) {
        out.push_back("env: " + name + " takes the sockets only from its environment; " +
                      with_socket(row->env, pool.listen.front()));
    }
    return out;
}

}  // namespace reeve::config
