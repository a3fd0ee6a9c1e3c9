// Gunicorn's settings that concern processes, sockets and logs, and its signals.
#include <algorithm>
#include <array>
#include <vector>

#include "import/gunicorn.hpp"
#include "import/gunicorn_rows.hpp"

namespace reeve::imports {

namespace {

using Takes = Setting::Takes;

constexpr Fate different = Fate::different;
constexpr Fate none = Fate::none;

constexpr std::array rows{
    Setting{.name = "config",
            .flags = "-c|--config",
            .becomes = "the file itself",
            .note = "It was executed, and is needed no more. With another worker class gunicorn "
                    "still reads it."},
    Setting{.name = "wsgi_app", .becomes = "command"},
    Setting{.name = "bind",
            .flags = "-b|--bind",
            .takes = Takes::many,
            .becomes = "listen",
            .note = "reeve opens the sockets. uvicorn takes one: each further address becomes a "
                    "pool of its own. fd://N: a socket unit's sockets are listen: systemd:NAME.",
            .moved = true},
    Setting{.name = "backlog", .flags = "--backlog", .becomes = "listen.backlog", .moved = true},
    Setting{.name = "workers",
            .flags = "-w|--workers",
            .becomes = "workers",
            .note = "auto is 2 x CPUs + 1 and honours a container's CPU quota. An environment "
                    "variable that the file reads stays one: ${GUNICORN_WORKERS:-auto}.",
            .moved = true,
            .off = "--workers 1"},
    Setting{.name = "worker_class",
            .flags = "-k|--worker-class",
            .becomes = "command",
            .note = "A Uvicorn worker becomes uvicorn itself, or with --client `python3 -m "
                    "reeve.uvicorn`. Any other class: gunicorn is the worker, one process each."},
    Setting{.name = "threads",
            .flags = "--threads",
            .fate = none,
            .note = "uvicorn has one event loop; what is not async runs in its thread pool."},
    Setting{.name = "worker_connections",
            .flags = "--worker-connections",
            .fate = different,
            .becomes = "--limit-connections (--client)",
            .note = "A Uvicorn worker never looked at it. With --client it holds; plain uvicorn "
                    "has --limit-concurrency, which answers 503 above the limit."},
    Setting{.name = "max_requests",
            .flags = "--max-requests",
            .becomes = "max_requests",
            .note = "The successor is ready before the old worker goes.",
            .moved = true,
            .off = "--max-requests 0"},
    Setting{.name = "max_requests_jitter",
            .flags = "--max-requests-jitter",
            .becomes = "max_requests_jitter",
            .moved = true,
            .off = "--max-requests-jitter 0"},
    Setting{.name = "timeout",
            .flags = "-t|--timeout",
            .becomes = "timeout",
            .note = "Silence of the event loop, or of a sync worker: its longest request. "
                    "request_timeout is a limit on requests; start_timeout one on the boot.",
            .moved = true,
            .off = "--timeout 0"},
    Setting{.name = "graceful_timeout",
            .flags = "--graceful-timeout",
            .becomes = "graceful_timeout",
            .moved = true},
    Setting{.name = "keepalive",
            .flags = "--keep-alive",
            .becomes = "--timeout-keep-alive",
            .note = "gunicorn's default is 2 seconds, uvicorn's 5."},
    Setting{.name = "reload",
            .flags = "--reload",
            .takes = Takes::nothing,
            .fate = none,
            .note = "For development: run `uvicorn --reload` by hand. In service `reeve reload` "
                    "takes new code without a lost request.",
            .moved = true},
    Setting{.name = "reload_engine",
            .flags = "--reload-engine",
            .fate = none,
            .note = "See reload.",
            .moved = true},
    Setting{.name = "reload_extra_files",
            .flags = "--reload-extra-file",
            .takes = Takes::many,
            .fate = none,
            .note = "See reload.",
            .moved = true},
    Setting{.name = "spew",
            .flags = "--spew",
            .takes = Takes::nothing,
            .fate = none,
            .note = "A debugging aid; on_hang can run a stack dumper."},
    Setting{.name = "check_config",
            .flags = "--check-config",
            .takes = Takes::nothing,
            .fate = different,
            .becomes = "reeve check",
            .moved = true},
    Setting{.name = "print_config",
            .flags = "--print-config",
            .takes = Takes::nothing,
            .fate = different,
            .becomes = "reeve config --print",
            .moved = true},
    Setting{.name = "preload_app",
            .flags = "--preload",
            .takes = Takes::nothing,
            .fate = none,
            .note = "Each worker loads the application itself, so a reload always takes new code, "
                    "and memory is not shared: see docs/from-gunicorn.md.",
            .moved = true},
    Setting{.name = "sendfile",
            .flags = "--no-sendfile",
            .takes = Takes::off,
            .fate = none,
            .note = "A matter of gunicorn's own responses."},
    Setting{.name = "reuse_port",
            .flags = "--reuse-port",
            .takes = Takes::nothing,
            .fate = different,
            .becomes = "accept: per-worker",
            .note = "A queue for each worker, and none is lost with its worker.",
            .moved = true},
    Setting{.name = "chdir", .flags = "--chdir", .becomes = "cwd"},
    Setting{.name = "daemon",
            .flags = "-D|--daemon",
            .takes = Takes::nothing,
            .fate = none,
            .note = "reeve stays in the foreground; systemd or a container keeps it running.",
            .moved = true},
    Setting{.name = "raw_env",
            .flags = "-e|--env",
            .takes = Takes::many,
            .becomes = "env",
            .moved = true},
    Setting{.name = "pidfile",
            .flags = "-p|--pid",
            .fate = none,
            .note = "Ask `systemctl show -p MainPID reeve`; to command it, `reeve status`, "
                    "`reeve reload` and others need no pid.",
            .moved = true},
    Setting{.name = "worker_tmp_dir",
            .flags = "--worker-tmp-dir",
            .fate = none,
            .note = "Heartbeats go through a pipe: no file, so nothing to tune."},
    Setting{.name = "user", .flags = "-u|--user", .becomes = "user", .moved = true},
    Setting{.name = "group", .flags = "-g|--group", .becomes = "group", .moved = true},
    Setting{.name = "umask",
            .flags = "-m|--umask",
            .becomes = "umask",
            .note = "gunicorn's default is 0; reeve leaves the mask that it was started with.",
            .moved = true},
    Setting{.name = "initgroups",
            .flags = "--initgroups",
            .takes = Takes::nothing,
            .becomes = "user",
            .note = "A worker with `user` and no `group` always has all groups of the user.",
            .moved = true},
    Setting{.name = "accesslog",
            .flags = "--access-logfile",
            .becomes = "access_log",
            .note = "Stdout or a file, in gunicorn's own form; uvicorn's is off then. A file is "
                    "opened by the workers, as their user."},
    Setting{.name = "access_log_format",
            .flags = "--access-logformat",
            .fate = different,
            .becomes = "access_log_format",
            .note = "combined, which is gunicorn's own form, or json. A Uvicorn worker ignored "
                    "it."},
    Setting{.name = "errorlog",
            .flags = "--error-logfile|--log-file",
            .fate = different,
            .becomes = "stderr",
            .note = "reeve and the workers write to stderr. A file: let systemd "
                    "(StandardError=append:PATH) or the container's log take it."},
    Setting{.name = "loglevel",
            .flags = "--log-level",
            .becomes = "log.level, --log-level",
            .note = "The same names, warning and critical too."},
    Setting{.name = "capture_output",
            .flags = "--capture-output",
            .takes = Takes::nothing,
            .becomes = "output",
            .note = "What workers print is kept anyway: stderr is copied and its end shown when "
                    "one dies."},
    Setting{.name = "logger_class",
            .flags = "--logger-class",
            .fate = none,
            .note = "uvicorn's logging is configured with --log-config."},
    Setting{.name = "logconfig",
            .flags = "--log-config",
            .fate = different,
            .becomes = "--log-config",
            .note = "uvicorn takes the file too, but its loggers are uvicorn.error and "
                    "uvicorn.access."},
    Setting{.name = "logconfig_dict",
            .fate = none,
            .note = "Write it to a JSON file for uvicorn's --log-config, or configure logging in "
                    "the application."},
    Setting{.name = "logconfig_json",
            .flags = "--log-config-json",
            .fate = different,
            .becomes = "--log-config",
            .note = "uvicorn takes the file if its name ends in .json; its loggers are "
                    "uvicorn.error and uvicorn.access."},
    Setting{.name = "syslog",
            .flags = "--log-syslog",
            .takes = Takes::nothing,
            .fate = none,
            .note = "Under systemd the journal takes both streams, with their levels."},
    Setting{.name = "syslog_addr", .flags = "--log-syslog-to", .fate = none, .note = "See syslog."},
    Setting{.name = "syslog_prefix",
            .flags = "--log-syslog-prefix",
            .fate = none,
            .note = "See syslog; SyslogIdentifier= of the unit."},
    Setting{.name = "syslog_facility",
            .flags = "--log-syslog-facility",
            .fate = none,
            .note = "See syslog; SyslogFacility= of the unit."},
    Setting{.name = "disable_redirect_access_to_syslog",
            .flags = "--disable-redirect-access-to-syslog",
            .takes = Takes::nothing,
            .fate = none,
            .note = "See syslog."},
    Setting{.name = "enable_stdio_inheritance",
            .flags = "-R|--enable-stdio-inheritance",
            .takes = Takes::nothing,
            .becomes = "output",
            .note = "Workers always have reeve's stdout."},
    Setting{.name = "statsd_host",
            .flags = "--statsd-host",
            .fate = different,
            .becomes = "metrics.listen",
            .note = "Prometheus reads the figures from /metrics: see etc/prometheus."},
    Setting{.name = "statsd_prefix",
            .flags = "--statsd-prefix",
            .fate = none,
            .note = "See statsd_host."},
    Setting{.name = "dogstatsd_tags",
            .flags = "--dogstatsd-tags",
            .fate = none,
            .note = "See statsd_host."},
    Setting{.name = "enable_backlog_metric",
            .flags = "--enable-backlog-metric",
            .takes = Takes::nothing,
            .fate = different,
            .becomes = "metrics.listen",
            .note = "reeve_accept_queue is always there."},
    Setting{
        .name = "proc_name",
        .flags = "-n|--name",
        .fate = none,
        .note = "Workers keep their own command line in `ps`; `reeve status` shows who is who."},
    Setting{.name = "default_proc_name", .fate = none, .note = "See proc_name."},
    Setting{.name = "pythonpath", .flags = "--pythonpath", .becomes = "env.PYTHONPATH"},
    Setting{.name = "control_socket",
            .flags = "--control-socket",
            .fate = different,
            .becomes = "admin.path",
            .note = "reeve has one by default, for `reeve status` and others.",
            .moved = true},
    Setting{.name = "control_socket_mode",
            .flags = "--control-socket-mode",
            .fate = different,
            .becomes = "admin.mode",
            .note = "0660 by default, and lists of users and groups who may look or command.",
            .moved = true},
    Setting{.name = "control_socket_disable",
            .flags = "--no-control-socket",
            .takes = Takes::nothing,
            .fate = different,
            .becomes = "admin.path: none",
            .moved = true},
};

constexpr std::array signals{
    SignalRow{"HUP", "reloads the configuration and replaces the workers",
              "HUP, `reeve reload` or `systemctl reload reeve`: worker by worker, each when its "
              "successor serves; what does not work is rolled back. The command waits and fails "
              "where HUP only logs."},
    SignalRow{"TTIN", "one worker more", "TTIN (with one pool), or `reeve scale web=+1`."},
    SignalRow{"TTOU", "one worker fewer", "TTOU (with one pool), or `reeve scale web=-1`."},
    SignalRow{"USR1", "opens the log files anew",
              "USR1: reeve's own log and the access logs. A program that has logs of its own is "
              "told by `reeve signal web USR1`."},
    SignalRow{"USR2", "starts a new master beside the old one",
              "Not needed: under systemd `systemctl restart reeve` keeps the sockets, and no "
              "connection is refused; new code takes a reload."},
    SignalRow{"WINCH", "a daemon's workers end, the master stays",
              "`reeve stop web`, and `reeve start web` to go on."},
    SignalRow{"QUIT", "ends at once", "QUIT or `reeve shutdown --fast`."},
    SignalRow{"INT", "ends at once", "INT or `reeve shutdown --fast`."},
    SignalRow{"TERM", "finishes the open requests and ends",
              "TERM, `reeve shutdown` or `systemctl stop reeve`: new connections are refused "
              "first, the queues are served empty, then the workers drain."},
};

}  // namespace

std::span<const Setting> gunicorn_settings() {
    static const auto all = [] {
        std::vector<Setting> both{rows.begin(), rows.end()};
        const auto others = gunicorn_server_rows();
        both.insert(both.end(), others.begin(), others.end());
        return both;
    }();
    return all;
}

const Setting* find_gunicorn_setting(std::string_view name) {
    const auto all = gunicorn_settings();
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const Setting& setting) { return setting.name == name; });
    return found == all.end() ? nullptr : &*found;
}

std::span<const SignalRow> gunicorn_signals() { return signals; }

}  // namespace reeve::imports
