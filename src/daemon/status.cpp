// The names in here are relied on by scripts; new ones may come, none may go.
#include "daemon/status.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>

#include <boost/json.hpp>

#include "daemon/log.hpp"
#include "daemon/utf8.hpp"
#include "os/signals.hpp"

namespace reeve::daemon {
namespace {

namespace json = boost::json;

json::string text(std::string_view view) { return json::string{valid_utf8(view)}; }

/// Milliseconds are enough for people, and keep the text short.
json::value rounded(core::Duration duration) { return std::round(seconds(duration) * 1000) / 1000; }

json::value rounded(const std::optional<core::Duration>& duration) {
    return duration ? rounded(*duration) : json::value(nullptr);
}

template <typename Number>
json::value value_of(const std::optional<Number>& number) {
    return number ? json::value(*number) : json::value(nullptr);
}

/// "none" is no reason to show.
json::value reason_of(core::Reason reason) {
    if (reason == core::Reason::none) return nullptr;
    return text(core::name(reason));
}

json::string time_of(WallTime time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::milliseconds>(time - day)};
    std::array<char, 64> buffer{};
    (void)std::snprintf(buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                        static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                        static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                        static_cast<int>(clock.minutes().count()),
                        static_cast<int>(clock.seconds().count()),
                        static_cast<int>(clock.subseconds().count()));
    return text(buffer.data());
}

json::value death_of(const std::optional<Death>& death) {
    if (!death) return nullptr;
    const auto* exited = std::get_if<core::ExitedWith>(&death->status);
    const auto* killed = std::get_if<core::KilledBy>(&death->status);
    return json::object{
        {"slot", death->slot},
        {"pid", death->pid},
        {"status", text(status_text(death->status))},
        {"exit_code", exited != nullptr ? json::value(exited->code) : nullptr},
        {"signal", killed != nullptr ? text(os::signal_name(killed->signal)) : json::value{}},
        {"reason", reason_of(death->reason)},
        {"cause", text(death->cause)},
        {"time", time_of(death->time)},
        {"last_output", text(death->last_output)},
    };
}

json::value reload_of(const std::optional<LastReload>& reload) {
    if (!reload) return nullptr;
    return json::object{
        {"result", text(name(reload->result))},
        {"time", time_of(reload->time)},
        {"took_seconds", rounded(reload->took)},
        {"why", reload->why.empty() ? json::value{} : text(reload->why)},
    };
}

std::string_view handoff_name(core::Handoff handoff) {
    switch (handoff) {
        case core::Handoff::inherit: return "inherit";
        case core::Handoff::receive: return "receive";
        case core::Handoff::adopt: return "adopt";
    }
    return "unknown";
}

/// Where its signs of life come from.
std::string_view liveness_of(const WorkerView& worker) {
    if (worker.beats) return worker.preloaded ? "preload" : "native";
    return worker.feeds_watchdog ? "notify" : "none";
}

json::object worker_of(const WorkerView& worker) {
    json::object object;
    object["slot"] = worker.slot;
    object["role"] = text(name(worker.role));
    object["pid"] = worker.pid > 0 ? json::value(worker.pid) : nullptr;
    object["state"] = text(core::name(worker.state));
    object["reason"] = reason_of(worker.reason);
    object["due"] = reason_of(worker.due);
    object["generation"] = worker.generation;
    object["incarnation"] = worker.incarnation;
    object["age_seconds"] = rounded(worker.age);
    object["beat_age_seconds"] = rounded(worker.beat_age);
    // Of who never beats it is not known how much it does.
    object["requests"] = worker.beats ? json::value(worker.requests) : nullptr;
    object["in_flight"] = worker.beats ? json::value(worker.in_flight) : nullptr;
    object["resident_bytes"] = worker.sample ? json::value(worker.sample->resident_bytes) : nullptr;
    object["cpu_seconds"] = worker.sample ? rounded(worker.sample->cpu_time) : nullptr;
    object["liveness"] = text(liveness_of(worker));
    object["ready_by"] = worker.ready_by ? text(core::name(*worker.ready_by)) : json::value{};
    object["status_text"] = worker.said.status.empty() ? json::value{} : text(worker.said.status);
    object["main_pid"] = worker.said.main_pid > 0 ? json::value(worker.said.main_pid) : nullptr;
    object["errno"] = worker.said.error != 0 ? json::value(worker.said.error) : nullptr;
    object["bus_error"] =
        worker.said.bus_error.empty() ? json::value{} : text(worker.said.bus_error);
    object["handoff"] = handoff_name(worker.handoff);
    json::array adopted;
    for (const std::string& name : worker.adopted) adopted.emplace_back(text(name));
    if (worker.handoff == core::Handoff::adopt) object["adopted"] = std::move(adopted);
    return object;
}

json::object socket_of(const SocketView& socket) {
    return {{"name", text(socket.name)},
            {"address", text(socket.address)},
            {"queue", value_of(socket.queue)},
            {"queue_max", value_of(socket.queue_max)}};
}

json::object pool_of(const PoolView& pool) {
    json::array missing;
    for (const SettingView& setting : pool.settings) {
        if (!setting.enforced) missing.emplace_back(text(setting.name));
    }
    json::array sockets;
    for (const SocketView& socket : pool.sockets) sockets.emplace_back(socket_of(socket));
    json::array workers;
    workers.reserve(pool.workers.size());
    for (const WorkerView& worker : pool.workers) workers.emplace_back(worker_of(worker));

    json::object object;
    object["generation"] = pool.generation;
    object["configured"] = pool.configured;
    object["desired"] = pool.desired;
    object["ready"] = pool.ready;
    object["draining"] = pool.draining;
    object["degraded"] = pool.degraded;
    object["held"] = pool.held;
    object["reloading"] = pool.reloading;
    object["restarts"] = pool.past.restarts;
    object["requests"] = pool.counters.requests;
    object["in_flight"] = pool.in_flight;
    object["last_death"] = death_of(pool.past.last_death);
    object["last_reload"] = reload_of(pool.past.last_reload);
    object["config_diverged"] = pool.past.diverged;
    object["not_enforced"] = std::move(missing);
    object["sockets"] = std::move(sockets);
    object["workers"] = std::move(workers);
    return object;
}

}  // namespace

std::string status_json(const View& view) {
    json::object pools;
    for (const PoolView& pool : view.pools) pools[pool.name] = pool_of(pool);
    json::object all;
    all["version"] = text(view.version);
    all["pid"] = view.pid;
    all["uptime_seconds"] = rounded(view.uptime);
    all["stopping"] = view.stopping;
    all["config_diverged"] = view.diverged;
    all["last_reload"] = reload_of(view.last_reload);
    all["resident_bytes"] = value_of(view.own.resident_bytes);
    all["log_lines_dropped"] = view.own.dropped_log_lines;
    all["pools"] = std::move(pools);
    return json::serialize(all);
}

}  // namespace reeve::daemon
