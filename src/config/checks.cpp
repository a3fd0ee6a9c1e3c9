// What no option can know alone: rules between options and pools, and limits that cannot be kept.
#include "config/checks.hpp"

#include <algorithm>
#include <array>
#include <map>

#include "config/address.hpp"
#include "config/checks_ready.hpp"
#include "config/placeholders.hpp"
#include "config/values.hpp"
#include "config/words.hpp"

namespace reeve::config {

namespace {

/// The rules of one pool.
class PoolCheck {
public:
    PoolCheck(core::PoolConfig& pool, Reading& reading) : pool_{pool}, reading_{reading} {}

    void run() {
        derive();
        check_command();
        check_placeholders();
        check_pairs();
        check_times();
        check_heartbeats();
        check_adopt();
        if (const auto problem = check_ready(pool_)) report(problem->option, problem->text);
        if (!pool_.process.compat.empty() && pool_.process.handoff != core::Handoff::inherit) {
            report("compat", "tells programs about the sockets that handoff: inherit gives them");
        }
        check_orphans();
    }

private:
    [[nodiscard]] std::string path(std::string_view key) const {
        return "pools." + pool_.name + "." + std::string{key};
    }

    void report(std::string_view key, const std::string& text) const {
        reading_.problems.add(reading_.place_of(path(key)), path(key), text);
    }

    [[nodiscard]] bool written(std::string_view key) const { return is_written(pool_, key); }

    /// The one of two options that was written, for the place of a complaint about both.
    [[nodiscard]] std::string_view written_of(std::string_view a, std::string_view b) const {
        return written(a) || !written(b) ? a : b;
    }

    void derive() {
        auto& policy = pool_.policy;
        policy.timeout_written = written("timeout");
        policy.has_sockets = !pool_.listen.empty();
        policy.adopts = pool_.process.handoff == core::Handoff::adopt;
        policy.has_on_hang = !pool_.on_hang.empty();
        policy.has_on_degraded = !pool_.on_degraded.empty();
        policy.has_before_start = !pool_.before_start.empty();
    }

    void check_command() const {
        if (pool_.process.command.empty() && !written("command")) {
            reading_.problems.add(reading_.place_of("pools." + pool_.name), path("command"),
                                  "is missing: which program should the workers run?");
        }
    }

    void check_placeholders() const {
        for (const auto& word : pool_.process.command) {
            check_placeholders_in(word, "command");
        }
        for (const auto& [name, value] : pool_.process.env) {
            check_placeholders_in(value, "env." + name);
        }
    }

    void check_placeholders_in(const std::string& text, const std::string& key) const {
        for (const auto& placeholder : find_placeholders(text)) {
            const auto problem = what_is_wrong(placeholder);
            if (!problem.empty()) {
                report(reading_.places.count(path(key)) != 0 ? key : key.substr(0, key.find('.')),
                       problem);
            }
        }
    }

    [[nodiscard]] std::string what_is_wrong(const Placeholder& placeholder) const {
        const bool is_fd = placeholder.kind == Placeholder::Kind::fd;
        const bool is_port = placeholder.kind == Placeholder::Kind::port;
        const bool is_addr = placeholder.kind == Placeholder::Kind::addr;
        if (!is_fd && !is_port && !is_addr) {
            return {};
        }
        const std::string text = std::string{is_fd     ? "{fd:"
                                             : is_port ? "{port:"
                                                       : "{addr:"} +
                                 placeholder.socket + "}";
        const auto socket =
            std::find_if(pool_.listen.begin(), pool_.listen.end(),
                         [&](const auto& listen) { return listen.name == placeholder.socket; });
        if (socket == pool_.listen.end()) {
            return text + ": the pool has no socket of this name" + socket_hint(placeholder.socket);
        }
        if (is_fd && pool_.process.handoff == core::Handoff::receive) {
            return text + " needs handoff: inherit; with receive a worker asks for its sockets";
        }
        if (is_fd && pool_.process.handoff == core::Handoff::adopt) {
            return text + " needs handoff: inherit; with adopt a worker binds its sockets itself";
        }
        if (is_port && socket->kind != core::Listen::Kind::tcp &&
            socket->kind != core::Listen::Kind::inherited) {
            return text + ": a Unix socket has no port";
        }
        return {};
    }

    [[nodiscard]] std::string socket_hint(const std::string& name) const {
        std::vector<std::string> names;
        for (const auto& listen : pool_.listen) {
            names.push_back(listen.name);
        }
        auto near = did_you_mean(name, names);
        if (!near.empty() || names.empty()) {
            return near;
        }
        return " (it has " + join(names) + ")";
    }

    void check_pairs() const {
        const auto& policy = pool_.policy;
        if (policy.max_surge == 0 && policy.max_unavailable == 0) {
            report(written_of("max_surge", "max_unavailable"),
                   "max_surge and max_unavailable cannot both be 0: nothing could be replaced");
        }
        if (policy.backoff_min > policy.backoff_max) {
            report(written_of("backoff_min", "backoff_max"),
                   "backoff_min (" + format_duration(policy.backoff_min) +
                       ") is more than backoff_max (" + format_duration(policy.backoff_max) + ")");
        }
        if (policy.min_ready > policy.workers) {
            report("min_ready", std::to_string(policy.min_ready) + " is more than workers (" +
                                    std::to_string(policy.workers) +
                                    "): the pool would never be ready");
        }
        if (policy.max_requests != 0 && policy.max_requests_jitter > policy.max_requests) {
            report("max_requests_jitter", "is more than max_requests");
        }
        if (policy.max_lifetime.count() != 0 && policy.max_lifetime_jitter > policy.max_lifetime) {
            report("max_lifetime_jitter", "is more than max_lifetime");
        }
        if (policy.max_memory_bytes != 0 &&
            policy.max_memory_jitter_bytes > policy.max_memory_bytes) {
            report("max_memory_jitter", "is more than max_memory");
        }
    }

    void check_times() {
        auto& policy = pool_.policy;
        const auto longest = policy.timeout / 3;
        if (policy.timeout.count() == 0 || policy.beat_interval <= longest) {
            return;
        }
        if (written("beat_interval")) {
            report("beat_interval", format_duration(policy.beat_interval) +
                                        " is more than a third of timeout (" +
                                        format_duration(policy.timeout) + ")");
        } else {
            policy.beat_interval =
                std::max<core::Duration>(std::chrono::floor<std::chrono::milliseconds>(longest),
                                         std::chrono::milliseconds{1});
        }
    }

    void check_heartbeats() const {
        const auto& policy = pool_.policy;
        if (policy.liveness == core::Liveness::required && policy.timeout.count() == 0) {
            report(written_of("liveness", "timeout"),
                   "liveness: required needs a timeout, which is off");
        }
        if (policy.liveness == core::Liveness::preload && pool_.listen.empty()) {
            report("liveness",
                   "preload watches a loop that waits for connections, and the pool has no socket");
        }
        const bool deaf =
            policy.liveness == core::Liveness::none || policy.liveness == core::Liveness::notify;
        if (deaf && policy.ready == core::ReadyBy::native &&
            pool_.process.handoff != core::Handoff::receive) {
            const bool none = policy.liveness == core::Liveness::none;
            report("ready", "native waits for a word that liveness: " +
                                std::string{none ? "none" : "notify"} + " does not listen to");
        }
        if (pool_.process.handoff == core::Handoff::receive && pool_.listen.empty()) {
            report("handoff", "receive hands over sockets, but the pool has none (listen)");
        }
    }

    void check_adopt() const {
        const auto& policy = pool_.policy;
        if (policy.ready == core::ReadyBy::listen && !policy.adopts) {
            report("ready", "listen needs handoff: adopt, where reeve sees the worker listen");
        }
        if (!policy.adopts) {
            return;
        }
        if (pool_.listen.empty()) {
            report("handoff",
                   "adopt replaces sockets that the worker binds by those of the pool, "
                   "but the pool has none (listen)");
        }
        if (pool_.process.orphans == core::Orphans::keep) {
            report(written_of("orphans", "handoff"),
                   "keep does not go with handoff: adopt: without reeve a worker could not bind "
                   "anything any more");
        }
    }

    void check_orphans() {
        auto& process = pool_.process;
        if (process.orphans != core::Orphans::keep ||
            process.output == core::WorkerOutput::inherit) {
            return;
        }
        if (written("output")) {
            report("output",
                   "orphans: keep needs output: inherit, as nobody reads the pipe after reeve");
        } else {
            process.output = core::WorkerOutput::inherit;
        }
    }

    core::PoolConfig& pool_;
    Reading& reading_;
};

constexpr std::array needs_heartbeats{"timeout", "request_timeout", "slow_request", "max_requests"};

bool is_off(const core::PoolPolicy& policy, std::string_view setting) {
    return (setting == "timeout" && policy.timeout.count() == 0) ||
           (setting == "request_timeout" && policy.request_timeout.count() == 0) ||
           (setting == "slow_request" && policy.slow_request.count() == 0) ||
           (setting == "max_requests" && policy.max_requests == 0);
}

void add_heartbeat_limits(const core::PoolConfig& pool, std::vector<Unenforced>& out) {
    const auto liveness = pool.policy.liveness;
    const bool watchdog = liveness == core::Liveness::notify;
    if (!watchdog && liveness != core::Liveness::none && liveness != core::Liveness::automatic &&
        liveness != core::Liveness::queue) {
        return;
    }
    const bool certain = liveness == core::Liveness::none;
    for (const auto* setting : needs_heartbeats) {
        if (setting == std::string_view{"timeout"} && liveness == core::Liveness::queue) continue;
        if (!is_written(pool, setting) || is_off(pool.policy, setting)) {
            continue;
        }
        if (watchdog) {
            const bool timed = std::string_view{setting} == "timeout";
            out.push_back({setting, !timed,
                           timed ? "works only if the worker sends WATCHDOG=1 to NOTIFY_SOCKET"
                                 : "liveness: notify counts no requests; use liveness: native with "
                                   "a worker that sends heartbeats"});
            continue;
        }
        out.push_back({setting, certain,
                       certain ? "liveness: none listens to no heartbeats; use liveness: auto, or "
                                 "native with a worker that sends them"
                               : "works only if the worker sends heartbeats (libreeve-worker or a "
                                 "client library); liveness: required insists on them"});
    }
}

void add_without_effect(const core::PoolConfig& pool, std::vector<Unenforced>& out) {
    const auto& policy = pool.policy;
    const auto add = [&](bool applies, const char* setting, const char* remedy) {
        if (applies && is_written(pool, setting)) {
            out.push_back({setting, true, remedy});
        }
    };
    add(policy.max_requests == 0 && policy.max_requests_jitter != 0, "max_requests_jitter",
        "has no effect while max_requests is off");
    add(policy.max_lifetime.count() == 0 && policy.max_lifetime_jitter.count() != 0,
        "max_lifetime_jitter", "has no effect while max_lifetime is off");
    add(policy.max_memory_bytes == 0 && policy.max_memory_jitter_bytes != 0, "max_memory_jitter",
        "has no effect while max_memory is off");
    add(policy.ready == core::ReadyBy::delay, "start_timeout",
        "has no effect with ready: delay, where no worker owes a sign of readiness");
    const bool probes = policy.ready == core::ReadyBy::tcp || policy.ready == core::ReadyBy::http;
    add(!probes, "ready_address", "has no effect: only ready: tcp and http connect somewhere");
    add(policy.ready != core::ReadyBy::http, "ready_path",
        "has no effect: only ready: http asks for something");
    add(policy.has_on_hang &&
            (policy.timeout.count() == 0 || policy.liveness == core::Liveness::none),
        "on_hang", "never runs: without timeout and heartbeats no worker is found hung");
}

}  // namespace

bool is_written(const core::PoolConfig& pool, std::string_view option) {
    return std::find(pool.written.begin(), pool.written.end(), option) != pool.written.end();
}

void check_pool(core::PoolConfig& pool, Reading& reading) {
    PoolCheck{pool, reading}.run();
    check_accept(pool, reading);
}

namespace {

const core::PoolConfig* find_pool(const core::Config& config, const std::string& name) {
    const auto found = std::find_if(config.pools.begin(), config.pools.end(),
                                    [&](const auto& pool) { return pool.name == name; });
    return found == config.pools.end() ? nullptr : &*found;
}

/// Whether `pool` comes after itself; `depth` bounds the walk where another circle is met.
bool comes_after(const core::Config& config, const core::PoolConfig& pool,
                 const std::string& itself, std::size_t depth) {
    return std::any_of(pool.after.begin(), pool.after.end(), [&](const std::string& name) {
        if (name == itself) return true;
        const auto* earlier = find_pool(config, name);
        return earlier != nullptr && depth < config.pools.size() &&
               comes_after(config, *earlier, itself, depth + 1);
    });
}

}  // namespace

void check_order(const core::Config& config, Reading& reading) {
    for (const auto& pool : config.pools) {
        const auto path = "pools." + pool.name + ".after";
        const auto report = [&](const std::string& text) {
            reading.problems.add(reading.place_of(path), path, text);
        };
        for (const auto& name : pool.after) {
            if (find_pool(config, name) == nullptr) report("there is no pool " + name);
        }
        if (comes_after(config, pool, pool.name, 0)) report("the pool would wait for itself");
    }
}

void check_addresses(const core::Config& config, Reading& reading) {
    std::map<std::string, std::string> taken;
    if (!config.admin.path.empty()) taken["unix:" + config.admin.path] = "admin.path";
    if (config.metrics.listen && config.metrics.listen->port != 0) {
        taken[format_address(*config.metrics.listen)] = "metrics.listen";
    }
    for (const auto& pool : config.pools) {
        for (const auto& listen : pool.listen) {
            if (listen.kind == core::Listen::Kind::tcp && listen.port == 0) {
                continue;
            }
            const auto path = "pools." + pool.name + ".listen." + listen.name;
            const auto address = format_address(listen);
            const auto [first, is_new] = taken.try_emplace(address, path);
            if (!is_new) {
                reading.problems.add(reading.place_of(path), path,
                                     address + " is already the address of " + first->second);
            }
        }
    }
}

std::vector<Unenforced> find_unenforced(const core::PoolConfig& pool) {
    std::vector<Unenforced> out;
    add_heartbeat_limits(pool, out);
    add_without_effect(pool, out);
    return out;
}

}  // namespace reeve::config
