// Puts together what a worker is started with.
#include "daemon/environment.hpp"

#include <array>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <sys/resource.h>
#include <unistd.h>

#include "config/placeholders.hpp"
#include "daemon/offer_dialects.hpp"
#include "daemon/preload.hpp"
#include "daemon/start_error.hpp"
#include "os/affinity.hpp"
#include "os/user.hpp"

namespace reeve::daemon {
namespace {

constexpr std::size_t env_file_size_max = 256UL * 1024;

struct LimitRow {
    std::string_view name;
    int resource;
};

constexpr std::array<LimitRow, 15> limit_rows{{
    {"as", RLIMIT_AS},
    {"core", RLIMIT_CORE},
    {"cpu", RLIMIT_CPU},
    {"data", RLIMIT_DATA},
    {"fsize", RLIMIT_FSIZE},
    {"locks", RLIMIT_LOCKS},
    {"memlock", RLIMIT_MEMLOCK},
    {"msgqueue", RLIMIT_MSGQUEUE},
    {"nice", RLIMIT_NICE},
    {"nofile", RLIMIT_NOFILE},
    {"nproc", RLIMIT_NPROC},
    {"rss", RLIMIT_RSS},
    {"rtprio", RLIMIT_RTPRIO},
    {"sigpending", RLIMIT_SIGPENDING},
    {"stack", RLIMIT_STACK},
}};

bool is_meant_for_reeve(std::string_view key) {
    for (const std::string_view prefix : {"WATCHDOG_", "LISTEN_", "REEVE_"}) {
        if (key.starts_with(prefix)) return true;
    }
    return key == "NOTIFY_SOCKET";
}

std::string trimmed(std::string_view text) {
    const auto first = text.find_first_not_of(" \t\r");
    if (first == std::string_view::npos) return {};
    return std::string{text.substr(first, text.find_last_not_of(" \t\r") - first + 1)};
}

/// KEY=VALUE lines as systemd and docker read them: comments, blank lines, "export ", one pair of
/// quotes.
os::Outcome<Variables> read_env_file(const std::string& path) {
    std::ifstream file{path};
    if (!file) return os::Failure{"env_file " + path, errno};
    Variables variables;
    std::string line;
    std::size_t size = 0;
    for (std::size_t number = 1; std::getline(file, line); ++number) {
        size += line.size() + 1;
        if (size > env_file_size_max) return os::Failure{"env_file " + path, EFBIG};
        std::string entry = trimmed(line);
        if (entry.empty() || entry[0] == '#') continue;
        if (entry.starts_with("export ")) entry = trimmed(entry.substr(7));
        const auto equals = entry.find('=');
        if (equals == std::string::npos || equals == 0) {
            return os::Failure{"env_file " + path + ":" + std::to_string(number), EINVAL,
                               "a line is KEY=VALUE"};
        }
        std::string value = trimmed(entry.substr(equals + 1));
        const bool quoted = value.size() >= 2 && value.front() == value.back() &&
                            (value.front() == '"' || value.front() == '\'');
        if (quoted) value = value.substr(1, value.size() - 2);
        variables[trimmed(entry.substr(0, equals))] = std::move(value);
    }
    return variables;
}

config::PlaceholderValues placeholder_values(const PoolSockets& sockets, const core::Spawn& spawn,
                                             bool inherits) {
    config::PlaceholderValues values;
    int fd = 3;
    for (const NamedListener& socket : sockets) {
        auto& value = values.sockets[socket.name];
        value.fd = inherits ? fd++ : -1;
        switch (socket.config.kind) {
            case core::Listen::Kind::tcp:
                value.address = socket.config.host;
                value.port = std::to_string(socket.listener->port());
                break;
            case core::Listen::Kind::unix_path: value.address = socket.config.path; break;
            case core::Listen::Kind::unix_abstract: value.address = "@" + socket.config.path; break;
            case core::Listen::Kind::inherited:
                value.address = socket.listener->host();
                value.port = std::to_string(socket.listener->port());
                break;
        }
    }
    values.slot = number(spawn.seat.slot);
    values.generation = number(spawn.generation);
    values.incarnation = number(spawn.incarnation);
    return values;
}

/// Before what is preloaded already, by the pool or by reeve's own environment.
void add_preload(Variables& variables, const std::string& library, const core::PoolPolicy& policy,
                 const PoolSockets& sockets, const core::Spawn& spawn) {
    const auto own = variables.find("LD_PRELOAD");
    const char* inherited = std::getenv("LD_PRELOAD");
    const std::string others = own != variables.end() ? own->second
                               : inherited != nullptr ? std::string{inherited}
                                                      : std::string{};
    variables["LD_PRELOAD"] = others.empty() ? library : library + ":" + others;
    std::string inodes;
    for (const NamedListener& socket : sockets) {
        inodes += (inodes.empty() ? "" : ",") +
                  std::to_string(socket.of(spawn.seat.slot, spawn.side)->inode());
    }
    variables["REEVE_SOCKET_INODES"] = inodes;
    variables["REEVE_STOP_SIGNAL"] = std::to_string(policy.stop_signal);
}

void add_identity(Variables& variables, const PoolIdentity& identity) {
    if (!identity.credentials) return;
    variables["HOME"] = identity.home;
    if (!identity.user_name.empty()) {
        variables["USER"] = identity.user_name;
        variables["LOGNAME"] = identity.user_name;
    }
}

void add_protocol(Variables& variables, const core::PoolConfig& pool, const core::Spawn& spawn,
                  const std::string& token) {
    const auto interval =
        std::chrono::duration_cast<std::chrono::milliseconds>(pool.policy.beat_interval).count();
    variables["REEVE_PROTOCOL"] = "1";
    variables["REEVE_BEAT_INTERVAL"] = std::to_string(interval);
    if (spawn.quota_requests != 0) variables["REEVE_QUOTA"] = std::to_string(spawn.quota_requests);
    if (pool.process.access_log != "none") {
        const bool json = pool.process.access_log_format == core::AccessLogFormat::json;
        variables["REEVE_ACCESS_LOG"] = pool.process.access_log;
        variables["REEVE_ACCESS_LOG_FORMAT"] = json ? "json" : "combined";
    }
    if (pool.policy.slow_request > core::Duration::zero()) {
        const auto limit = std::chrono::ceil<std::chrono::milliseconds>(pool.policy.slow_request);
        variables["REEVE_SLOW_REQUEST"] = std::to_string(limit.count());
    }
    variables["REEVE_TOKEN"] = token;
    variables["REEVE_POOL"] = pool.name;
    variables["REEVE_SLOT"] = std::to_string(number(spawn.seat.slot));
    variables["REEVE_GENERATION"] = std::to_string(number(spawn.generation));
}

std::string entry_of(const std::string& key, const std::string& value) {
    std::string entry = key;
    entry.append("=").append(value);
    return entry;
}

/// KEY=VALUE of what everybody inherits, put together once.
const std::vector<std::string>& inherited() {
    static const std::vector<std::string> entries = [] {
        std::vector<std::string> list;
        for (const auto& [key, value] : scrubbed_environment())
            list.push_back(entry_of(key, value));
        return list;
    }();
    return entries;
}

void set_environment(os::SpawnRequest& request, const Variables& own) {
    request.env_base = inherited();
    request.env.reserve(own.size() + 1);
    for (const auto& [key, value] : own) request.env.push_back(entry_of(key, value));
}

}  // namespace

std::vector<std::pair<std::string, std::string>> scrubbed_environment() {
    std::vector<std::pair<std::string, std::string>> variables;
    for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
        const std::string_view variable{*entry};
        const auto equals = variable.find('=');
        if (equals == std::string_view::npos) continue;
        const std::string_view key = variable.substr(0, equals);
        if (!is_meant_for_reeve(key)) variables.emplace_back(key, variable.substr(equals + 1));
    }
    return variables;
}

PoolIdentity find_identity(const core::PoolConfig& pool, const os::ResourceLimit& own_nofile) {
    const core::ProcessConfig& process = pool.process;
    const std::string place = "pools." + pool.name + ".";
    PoolIdentity identity;
    if (!process.user.empty()) {
        const auto user = os::find_user(process.user);
        if (!user) throw StartError(exit_code_config, place + "user: " + user.error().text());
        identity.credentials = os::Credentials{user->uid, user->gid, user->groups};
        identity.user_name = user->name;
        identity.home = user->home;
    }
    if (!process.group.empty()) {
        const auto group = os::find_group(process.group);
        if (!group) throw StartError(exit_code_config, place + "group: " + group.error().text());
        if (!identity.credentials)
            identity.credentials = os::Credentials{getuid(), *group, {*group}};
        identity.credentials->gid = *group;
        identity.credentials->groups.push_back(*group);
    }
    if (identity.credentials && getuid() != 0 && identity.credentials->uid != getuid()) {
        throw StartError(
            exit_code_config,
            place + "user: only root can start workers as another user (" + process.user + ")");
    }
    if (!process.rlimits.contains("nofile")) identity.limits.push_back(own_nofile);
    for (const auto& [name, value] : process.rlimits) {
        for (const LimitRow& row : limit_rows) {
            if (row.name != name) continue;
            const rlim_t limit = value == UINT64_MAX ? RLIM_INFINITY : static_cast<rlim_t>(value);
            identity.limits.push_back({row.resource, limit, limit});
        }
    }
    if (process.cpu_affinity) identity.cpus = os::allowed_cpus();
    if (pool.policy.liveness == core::Liveness::preload) {
        identity.preload = find_preload_library(place + "liveness");
    }
    return identity;
}

os::Outcome<os::SpawnRequest> make_request(const core::PoolConfig& pool,
                                           const PoolIdentity& identity, const PoolSockets& sockets,
                                           const core::Spawn& spawn, const WorkerEnds& ends,
                                           const std::string& token) {
    const core::ProcessConfig& process = pool.process;
    const bool inherits = process.handoff == core::Handoff::inherit;
    auto values = placeholder_values(sockets, spawn, inherits);
    if (ends.ready >= 0) values.ready_fd = 3 + (inherits ? static_cast<int>(sockets.size()) : 0);
    Variables variables;
    add_identity(variables, identity);
    if (!process.env_file.empty()) {
        auto file = read_env_file(process.env_file);
        if (!file) return file.error();
        for (auto& [key, value] : *file) variables[key] = std::move(value);
    }
    for (const auto& [key, value] : process.env) variables[key] = config::expand(value, values);
    add_protocol(variables, pool, spawn, token);
    if (!identity.preload.empty()) {
        add_preload(variables, identity.preload, pool.policy, sockets, spawn);
    }

    os::SpawnRequest request;
    int target = 3;
    if (inherits && !sockets.empty()) {
        std::string names;
        for (const NamedListener& socket : sockets) {
            request.fds.push_back({socket.of(spawn.seat.slot, spawn.side)->fd(), target++});
            names += (names.empty() ? "" : ":") + socket.name;
        }
        variables["LISTEN_FDS"] = std::to_string(sockets.size());
        variables["LISTEN_FDNAMES"] = names;
        request.pid_variables.emplace_back("LISTEN_PID");
    }
    target = offer_dialects({pool, sockets, spawn, ends}, target, variables, request);
    if (ends.control >= 0) {
        variables["REEVE_CONTROL_FD"] = std::to_string(target);
        request.fds.push_back({ends.control, target++});
    }
    if (ends.heartbeat >= 0) {
        variables["REEVE_HEARTBEAT_FD"] = std::to_string(target);
        request.fds.push_back({ends.heartbeat, target++});
    }
    for (const std::string& argument : process.command) {
        request.argv.push_back(config::expand(argument, values));
    }
    set_environment(request, variables);
    request.standard_error = ends.standard_error;
    request.cwd = process.cwd;
    request.credentials = identity.credentials;
    if (process.umask) request.umask = static_cast<mode_t>(*process.umask);
    request.nice = process.nice;
    request.limits = identity.limits;
    if (!identity.cpus.empty()) {
        request.cpus = {identity.cpus[number(spawn.seat.slot) % identity.cpus.size()]};
    }
    if (process.orphans == core::Orphans::stop)
        request.parent_death_signal = pool.policy.stop_signal;
    return request;
}

os::SpawnRequest make_hook_request(const core::PoolConfig& pool, const PoolIdentity& identity,
                                   const std::vector<std::string>& command,
                                   const std::vector<std::pair<std::string, std::string>>& facts) {
    Variables variables;
    add_identity(variables, identity);
    for (const auto& [key, value] : pool.process.env) variables[key] = value;
    for (const auto& [key, value] : facts) variables[key] = value;
    os::SpawnRequest request;
    request.argv = command;
    set_environment(request, variables);
    request.cwd = pool.process.cwd;
    request.credentials = identity.credentials;
    request.limits = identity.limits;
    request.parent_death_signal = SIGKILL;
    return request;
}

}  // namespace reeve::daemon
