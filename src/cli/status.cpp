// `reeve status`: how the daemon, its pools and its workers are, as a page for people.
#include "cli/status.hpp"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

#include "cli/client_answer.hpp"
#include "cli/exit_code.hpp"
#include "cli/status_table.hpp"
#include "config/words.hpp"

namespace reeve::cli {

namespace {

constexpr std::chrono::seconds watch_interval{1};
/// Of a limit: fuller than this is worth a colour.
constexpr std::int64_t full_percent = 80;

std::string first_line(const DaemonStatus& status, const Paint& paint) {
    std::string line = paint.bold("reeve " + plain(status.version));
    line += "  pid " + plain(status.pid) + "  up " + short_span(status.uptime);
    if (status.stopping) line += "  " + toned("stopping", Tone::warning, paint);
    return line + "\n";
}

Tone tone_of(const PoolStatus& pool) {
    if (pool.degraded) return Tone::bad;
    if (!pool.ready || !pool.desired) return Tone::normal;
    if (*pool.ready >= *pool.desired) return Tone::good;
    return *pool.ready == 0 ? Tone::bad : Tone::warning;
}

std::string head_of(const PoolStatus& pool, const Paint& paint) {
    const auto ready = plain(pool.ready) + "/" + plain(pool.desired) + " ready";
    auto line = paint.bold(harmless(pool.name)) + "  " + toned(ready, tone_of(pool), paint) +
                "  generation " + plain(pool.generation) + "  restarts " + plain(pool.restarts);
    if (pool.draining.value_or(0) > 0) line += "  draining " + plain(pool.draining);
    if (pool.reloading) line += "  " + toned("reloading", Tone::warning, paint);
    return line + "\n";
}

std::string sockets_of(const PoolStatus& pool, const Paint& paint) {
    if (pool.sockets.empty()) return {};
    Table table{{{"SOCKET"}, {"ADDRESS"}, {"QUEUE", true}, {"LIMIT", true}}};
    for (const auto& socket : pool.sockets) {
        const bool full = socket.queue && socket.queue_max && *socket.queue > 0 &&
                          *socket.queue * 100 >= *socket.queue_max * full_percent;
        table.add({{plain(socket.name)},
                   {plain(socket.address)},
                   {plain(socket.queue), full ? Tone::bad : Tone::normal},
                   {plain(socket.queue_max)}});
    }
    return table.text(paint);
}

Tone tone_of_state(const std::string& state) {
    if (state == "serving") return Tone::good;
    if (state == "failed" || state == "hung" || state == "aborting" || state == "killing") {
        return Tone::bad;
    }
    return state == "starting" || state == "draining" || state == "backoff" ? Tone::warning
                                                                            : Tone::normal;
}

/// Why the line is not like the others.
std::string note_of(const WorkerStatus& worker) {
    std::vector<std::string> words;
    if (!worker.role.empty() && worker.role != "current") words.push_back(worker.role);
    const bool going = worker.state != "serving" && worker.state != "starting";
    if (going && !worker.reason.empty() && worker.reason != "none") {
        words.push_back(worker.reason);
    }
    if (!worker.due.empty() && worker.due != "none") words.push_back("due: " + worker.due);
    return harmless(config::join(words));
}

std::string workers_of(const PoolStatus& pool, const Paint& paint) {
    if (pool.workers.empty()) return {};
    Table table{{{"SLOT", true},
                 {"PID", true},
                 {"STATE"},
                 {"GEN", true},
                 {"AGE", true},
                 {"BEAT", true},
                 {"REQUESTS", true},
                 {"IN FLIGHT", true},
                 {"RSS", true},
                 {"NOTE"}}};
    for (const auto& worker : pool.workers) {
        const bool process = worker.pid.value_or(0) > 0;
        table.add({{plain(worker.slot)},
                   {process ? plain(worker.pid) : "-"},
                   {plain(worker.state), tone_of_state(worker.state)},
                   {plain(worker.generation)},
                   {short_span(worker.age)},
                   {short_span(worker.beat_age)},
                   {plain(worker.requests)},
                   {plain(worker.in_flight)},
                   {short_size(worker.resident_bytes)},
                   {note_of(worker), Tone::warning}});
    }
    return table.text(paint);
}

constexpr std::size_t label_width = 14;
constexpr std::size_t text_width = 84;

/// A fact beside the tables: what kind it is, then the fact. What is too long for a line goes on
/// under it.
std::string fact(const std::string& label, const std::string& text, Tone tone, const Paint& paint) {
    std::string out;
    for (const auto& line : config::wrap(text, text_width)) {
        const auto name = out.empty() ? label : "";
        out += "  ";
        if (!name.empty()) out += toned(name, tone, paint);
        out.append(label_width - std::min(label_width, name.size()), ' ');
        out += line;
        out += '\n';
    }
    return out;
}

/// "2026-11-22 21:14:51Z" of "2026-11-22T21:14:51.123Z"; anything else as it is.
std::string short_time(const std::string& time) {
    constexpr std::size_t seconds = 19;
    if (time.size() <= seconds || time[10] != 'T' || !time.ends_with('Z')) return harmless(time);
    return harmless(time.substr(0, 10) + " " + time.substr(11, seconds - 11) + "Z");
}

std::string death_of(const PoolStatus& pool, const Paint& paint) {
    if (!pool.last_death) return {};
    const auto& death = *pool.last_death;
    auto text = short_time(death.time);
    text += (text.empty() ? "" : ", ") + std::string{"slot "} + plain(death.slot) + " pid " +
            plain(death.pid) + " " + plain(death.status);
    if (!death.cause.empty()) text += ", cause " + harmless(death.cause);
    if (!death.reason.empty()) text += ", reason " + harmless(death.reason);
    auto last = std::string_view{death.last_output};
    while (last.ends_with('\n')) last.remove_suffix(1);
    if (const auto start = last.rfind('\n'); start != std::string_view::npos) {
        last.remove_prefix(start + 1);
    }
    auto out = fact("last death", text, Tone::faint, paint);
    if (!last.empty()) {
        out += fact("", harmless("| " + std::string{last.substr(0, text_width - 2)}), Tone::normal,
                    paint);
    }
    return out;
}

std::string reload_of(const std::optional<ReloadStatus>& last, const Paint& paint) {
    if (!last) return {};
    auto text = short_time(last->time);
    text += (text.empty() ? "" : ", ") + plain(last->result);
    if (last->took) text += " after " + short_span(last->took);
    if (!last->why.empty()) text += ": " + harmless(last->why);
    return fact("last reload", text, Tone::faint, paint);
}

std::string diverged(const Paint& paint) {
    return fact("diverged", "the configuration on disk is not the one that runs", Tone::bad, paint);
}

std::string warnings_of(const PoolStatus& pool, const Paint& paint) {
    std::string out;
    const auto warn = [&](const std::string& label, const std::string& text, Tone tone) {
        out += fact(label, text, tone, paint);
    };
    if (pool.held) {
        warn("stopped", "by command, until reeve start " + harmless(pool.name), Tone::warning);
    }
    if (pool.degraded) warn("degraded", "workers fail again and again", Tone::bad);
    if (pool.config_diverged) out += diverged(paint);
    if (pool.configured && pool.desired && *pool.configured != *pool.desired && !pool.held) {
        warn("scaled",
             plain(pool.desired) + " workers, configured are " + plain(pool.configured) +
                 "; until the next reload",
             Tone::warning);
    }
    if (!pool.not_enforced.empty()) {
        warn("not enforced",
             harmless(config::join(pool.not_enforced)) + ": the workers do not tell enough",
             Tone::warning);
    }
    return out;
}

}  // namespace

std::string render_status(const DaemonStatus& status, const Paint& paint) {
    std::string out = first_line(status, paint);
    if (status.config_diverged) out += diverged(paint);
    out += reload_of(status.last_reload, paint);
    for (const auto& pool : status.pools) {
        out += "\n" + head_of(pool, paint) + warnings_of(pool, paint);
        const bool said = status.last_reload && pool.last_reload &&
                          status.last_reload->time == pool.last_reload->time;
        if (!said) out += reload_of(pool.last_reload, paint);
        out += death_of(pool, paint) + sockets_of(pool, paint) + workers_of(pool, paint);
    }
    return out;
}

int run_status(Client& client, const AskStatus& ask, const Paint& paint) {
    while (true) {
        const auto body = expect_good(client.get("/v1/status"));
        const auto text = ask.json ? body + (body.ends_with('\n') ? "" : "\n")
                                   : render_status(parse_status(body), paint);
        // Home and clear, in one write with the page, so that nothing flickers.
        const bool repaint = ask.watch && paint.terminal && !ask.json;
        std::cout << (repaint ? "\033[H\033[J" : "") + text << std::flush;
        if (!ask.watch || !std::cout) return exit_good;
        std::this_thread::sleep_for(watch_interval);
    }
}

}  // namespace reeve::cli
