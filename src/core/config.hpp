// The configuration as values: what config/ makes from text and what core and the daemon act on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/time.hpp"

namespace reeve::core {

/// How the sockets get to the worker.
enum class Handoff { inherit, receive, adopt };

/// Whether the workers of a pool share one accept queue, or each has its own.
enum class Accept { shared, per_worker };

/// Where signs of life come from. `automatic` takes what comes; `required` also kills a worker that
/// never beat; `notify` is WATCHDOG=1 on NOTIFY_SOCKET; `queue` also looks at connections that
/// nobody accepts.
enum class Liveness { automatic, native, preload, notify, required, queue, none };

/// What makes a worker ready: whatever shows it first, or one kind of sign alone.
enum class ReadyBy { automatic, native, listen, notify, newline, tcp, http, delay };

/// How a worker is replaced: its successor first, or only once it is gone (a singleton).
enum class Update { rolling, recreate };

/// What reeve does when a pool that has been ready before cannot stay up.
enum class OnGiveUp { retry, exit };

/// What workers do when reeve dies under them.
enum class Orphans { stop, keep };

/// What happens to a worker's stderr: copied unchanged, prefixed by pool and slot, wrapped in JSON,
/// or inherited.
enum class WorkerOutput { tee, prefix, json, inherit };

/// How a line of the access log looks.
enum class AccessLogFormat { combined, json };

enum class LogFormat { text, json };
enum class LogLevel { trace, debug, info, warning, error, critical };
enum class LogTarget { standard_error, standard_output };

/// One listening socket as configured.
struct Listen {
    enum class Kind { tcp, unix_path, unix_abstract, inherited };
    std::string name;  ///< as the worker sees it in LISTEN_FDNAMES; unique in the pool
    Kind kind = Kind::tcp;
    std::string host;        ///< tcp: a literal address or a name; no brackets
    std::uint16_t port = 0;  ///< tcp: 0 lets the kernel pick
    std::string path;  ///< unix: file path, or abstract name without the '@'; inherited: its name
    int backlog = 2048;
    bool nodelay = true;       ///< TCP_NODELAY, inherited by accepted sockets
    bool v6only = false;       ///< for tcp on an IPv6 address
    bool nonblocking = false;  ///< O_NONBLOCK, which all holders of the socket share
    unsigned mode = 0660;      ///< unix path: permission bits
    std::string owner;         ///< unix path: user name or number, empty = reeve's
    std::string group;         ///< unix path: group name or number, empty = reeve's
    friend bool operator==(const Listen&, const Listen&) = default;
};

/// What decides over a pool's workers. Every duration of zero that may be zero means "off".
struct PoolPolicy {
    std::uint32_t workers = 1;

    Duration timeout = std::chrono::seconds{30};  ///< silence that makes a worker hung; 0 = off
    Duration start_timeout = std::chrono::seconds{60};  ///< for a worker that owes a Ready
    Duration graceful_timeout = std::chrono::seconds{30};
    Duration abort_timeout = std::chrono::seconds{1};
    Duration core_timeout = std::chrono::seconds{60};
    Duration kill_grace = std::chrono::seconds{5};
    Duration request_timeout{};                        ///< 0 = off
    Duration slow_request{};                           ///< 0 = off
    Duration beat_interval = std::chrono::seconds{1};  ///< already capped at timeout/3
    Duration stable_after = std::chrono::seconds{10};
    Duration ready_after = std::chrono::seconds{2};
    Duration ready_for = std::chrono::milliseconds{100};
    Duration backoff_min = std::chrono::milliseconds{100};
    Duration backoff_max = std::chrono::seconds{30};
    Duration sample_interval =
        std::chrono::seconds{5};  ///< how often memory is looked at; used with max_memory
    Duration hook_timeout = std::chrono::seconds{10};

    std::uint64_t max_requests = 0;  ///< 0 = off
    std::uint64_t max_requests_jitter = 0;
    Duration max_lifetime{};  ///< 0 = off
    Duration max_lifetime_jitter{};
    std::uint64_t max_memory_bytes = 0;  ///< resident, of the worker's process group; 0 = off
    std::uint64_t max_memory_jitter_bytes = 0;

    std::uint32_t max_surge = 1;
    std::uint32_t max_unavailable = 0;
    std::uint32_t max_draining = 0;  ///< 0 = as many as workers
    std::uint32_t min_ready = 1;
    std::uint32_t start_concurrency = 0;  ///< 0 = unbounded
    std::uint32_t give_up_after = 3;      ///< failed boots

    int stop_signal = 15;
    int fast_stop_signal = 15;
    int hang_signal = 6;
    std::vector<int> fatal_exit_codes;

    Accept accept = Accept::shared;
    Liveness liveness = Liveness::automatic;
    ReadyBy ready = ReadyBy::automatic;
    OnGiveUp on_give_up = OnGiveUp::retry;
    Update update = Update::rolling;
    Duration before_start_timeout = std::chrono::seconds{60};
    bool timeout_written = false;  ///< the user asked for `timeout`, so its absence matters
    bool has_sockets = false;
    bool adopts = false;  ///< its listen() on a socket of the pool is seen: handoff adopt
    bool has_on_hang = false;
    bool has_on_degraded = false;
    bool has_before_start = false;
    friend bool operator==(const PoolPolicy&, const PoolPolicy&) = default;
};

/// How one worker process is made.
struct ProcessConfig {
    std::vector<std::string> command;        ///< argv; placeholders not yet replaced
    std::map<std::string, std::string> env;  ///< added to, and winning over, the daemon's own
    std::string env_file;                    ///< KEY=VALUE lines; read at each spawn; below `env`
    std::string cwd;
    std::string user;   ///< name or number; empty = unchanged
    std::string group;  ///< name or number; empty = the user's own
    std::optional<unsigned> umask;
    std::optional<int> nice;
    std::map<std::string, std::uint64_t>
        rlimits;                ///< "nofile" -> soft and hard limit; UINT64_MAX = unlimited
    bool cpu_affinity = false;  ///< slots spread over the CPUs, one each
    Handoff handoff = Handoff::inherit;
    std::string ready_address;        ///< where a probe connects; placeholders not yet replaced
    std::string ready_path = "/";     ///< what an HTTP probe asks for
    std::vector<std::string> compat;  ///< "einhorn", "server-starter"
    Orphans orphans = Orphans::stop;
    WorkerOutput output = WorkerOutput::tee;
    std::string access_log = "none";  ///< or "-" = the worker's stdout, or a path
    AccessLogFormat access_log_format = AccessLogFormat::combined;
    friend bool operator==(const ProcessConfig&, const ProcessConfig&) = default;
};

struct PoolConfig {
    std::string name;
    PoolPolicy policy;
    ProcessConfig process;
    std::vector<Listen> listen;
    std::vector<std::string> on_hang;  ///< argv, no shell; empty = none
    std::vector<std::string> on_degraded;
    std::vector<std::string> before_start;  ///< run once per start and reload
    std::vector<std::string> after;         ///< pools that must be ready before this one starts
    std::vector<std::string> written;       ///< options that the user set, by key
    friend bool operator==(const PoolConfig&, const PoolConfig&) = default;
};

struct LogConfig {
    LogFormat format = LogFormat::text;
    LogLevel level = LogLevel::info;
    LogTarget target = LogTarget::standard_error;
    std::uint64_t buffer_bytes =
        std::uint64_t{256} * 1024;  ///< what may wait for a slow reader before lines are dropped
    friend bool operator==(const LogConfig&, const LogConfig&) = default;
};

/// The socket on which reeve takes commands and tells what it sees.
struct AdminConfig {
    bool enabled = true;
    std::string path;                         ///< empty = the place that is usual for who runs it
    unsigned mode = 0660;                     ///< of the socket's file
    std::string owner;                        ///< user name or number, empty = reeve's
    std::string group;                        ///< group name or number, empty = reeve's
    std::vector<std::string> read_users;      ///< may look, by name or number
    std::vector<std::string> read_groups;     ///< the same for groups, also supplementary ones
    std::vector<std::string> command_users;   ///< may look and command
    std::vector<std::string> command_groups;  ///< the same for groups
    friend bool operator==(const AdminConfig&, const AdminConfig&) = default;
};

/// The read-only HTTP address for scrapers and probes.
struct MetricsConfig {
    std::optional<Listen> listen;  ///< a TCP address; nothing = off
    friend bool operator==(const MetricsConfig&, const MetricsConfig&) = default;
};

struct Config {
    std::string name;  ///< of the instance; empty = the only one
    std::vector<PoolConfig> pools;
    LogConfig log;
    AdminConfig admin;
    MetricsConfig metrics;
    Duration stop_delay{};  ///< between TERM and the first refused connection
    Duration queue_grace =
        std::chrono::seconds{5};  ///< how long queued connections may keep a stop waiting
    friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace reeve::core
