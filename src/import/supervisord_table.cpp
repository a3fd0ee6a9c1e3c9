// supervisord's keys, and what becomes of them.
#include <algorithm>
#include <array>

#include "import/supervisord.hpp"

namespace reeve::imports {

namespace {

constexpr Fate different = Fate::different;
constexpr Fate none = Fate::none;

constexpr std::string_view p = "program";
constexpr std::string_view f = "fcgi-program";
constexpr std::string_view s = "supervisord";
constexpr std::string_view rotate = "The journal, logrotate or the container bounds its logs.";
constexpr std::string_view events = "`reeve events -f --json` says what happens.";

constexpr std::array keys{
    SupervisordKey{p, "command", Fate::carried, "command"},
    SupervisordKey{p, "process_name", different, "",
                   "A worker is called POOL/SLOT: `reeve restart web/0`."},
    SupervisordKey{p, "numprocs", Fate::carried, "workers"},
    SupervisordKey{p, "numprocs_start", different, "{slot}",
                   "Slots begin with 0. Another start gives each process a pool of its own."},
    SupervisordKey{p, "priority", different, "after",
                   "A pool starts when those of lower numbers serve, and stops before them; "
                   "supervisord only starts them in this order."},
    SupervisordKey{p, "autostart", different, "",
                   "false: the pool is written as a comment, since reeve starts all pools; `reeve "
                   "stop POOL` and `reeve start POOL` are there for one that is."},
    SupervisordKey{p, "autorestart", Fate::carried, "fatal_exit_codes",
                   "true: workers are always replaced. unexpected: those that end with one of "
                   "exitcodes are not. false: written as a comment, for it is no service."},
    SupervisordKey{p, "startsecs", different, "ready_after, stable_after",
                   "A worker without a sign of readiness is ready after so long, and one that dies "
                   "younger has failed to boot. Servers are ready when they listen."},
    SupervisordKey{p, "startretries", different, "give_up_after",
                   "After so many failed boots in a row the pool has failed: before it ever was "
                   "ready reeve ends with code 3, later it is degraded and tried further."},
    SupervisordKey{p, "exitcodes", Fate::carried, "fatal_exit_codes", "With autorestart."},
    SupervisordKey{p, "stopsignal", Fate::carried, "stop_signal"},
    SupervisordKey{p, "stopwaitsecs", Fate::carried, "graceful_timeout"},
    SupervisordKey{p, "stopasgroup", different, "",
                   "The stop signal goes to the worker alone. Where a shell runs it, begin the "
                   "command with exec."},
    SupervisordKey{p, "killasgroup", Fate::carried, "",
                   "SIGKILL always goes to the worker and everything below it."},
    SupervisordKey{p, "user", Fate::carried, "user",
                   "The worker has all groups of the user; supervisord's does too."},
    SupervisordKey{p, "directory", Fate::carried, "cwd"},
    SupervisordKey{p, "umask", Fate::carried, "umask"},
    SupervisordKey{p, "environment", Fate::carried, "env"},
    SupervisordKey{p, "redirect_stderr", different, "",
                   "stdout and stderr stay two streams, which the journal or the container's log "
                   "takes both."},
    SupervisordKey{p, "stdout_logfile", different, "",
                   "stdout is reeve's own: the journal or the container's log takes it, or "
                   "StandardOutput=append:PATH of the unit."},
    SupervisordKey{p, "stdout_logfile_maxbytes", none, "", rotate},
    SupervisordKey{p, "stdout_logfile_backups", none, "", rotate},
    SupervisordKey{p, "stdout_capture_maxbytes", none, "", events},
    SupervisordKey{p, "stdout_events_enabled", none, "", events},
    SupervisordKey{p, "stdout_syslog", none, "", "Under systemd the journal takes it."},
    SupervisordKey{p, "stderr_logfile", different, "output",
                   "stderr is copied to reeve's own, and its end shown when a worker dies; output: "
                   "prefix begins each line with pool and slot."},
    SupervisordKey{p, "stderr_logfile_maxbytes", none, "", rotate},
    SupervisordKey{p, "stderr_logfile_backups", none, "", rotate},
    SupervisordKey{p, "stderr_capture_maxbytes", none, "", events},
    SupervisordKey{p, "stderr_events_enabled", none, "", events},
    SupervisordKey{p, "stderr_syslog", none, "", "Under systemd the journal takes it."},
    SupervisordKey{p, "serverurl", none, "", "`reeve status --json` on the admin socket."},
    SupervisordKey{f, "socket", Fate::carried, "listen",
                   "reeve keeps the socket open while workers come and go. A program that expects "
                   "it as descriptor 0 gets it there from a shell that then becomes the program."},
    SupervisordKey{f, "socket_backlog", Fate::carried, "listen.backlog"},
    SupervisordKey{f, "socket_owner", Fate::carried, "listen.owner, listen.group"},
    SupervisordKey{f, "socket_mode", Fate::carried, "listen.mode",
                   "supervisord's default is 0700, reeve's 0660."},
    SupervisordKey{s, "loglevel", Fate::carried, "log.level"},
    SupervisordKey{s, "user", Fate::carried, "user", "For each pool that has none of its own."},
    SupervisordKey{s, "umask", Fate::carried, "umask", "For each pool that has none of its own."},
    SupervisordKey{s, "directory", Fate::carried, "cwd", "For each pool that has none of its own."},
    SupervisordKey{s, "environment", Fate::carried, "env", "In each pool."},
    SupervisordKey{s, "minfds", different, "rlimits.nofile",
                   "reeve raises its own limit itself. LimitNOFILE= of the unit, or rlimits of a "
                   "pool, is what workers get."},
    SupervisordKey{s, "minprocs", none, "", "LimitNPROC= of the unit."},
    SupervisordKey{s, "nodaemon", Fate::carried, "", "reeve always stays in the foreground."},
    SupervisordKey{s, "pidfile", none, "", "`systemctl show -p MainPID reeve`."},
    SupervisordKey{s, "logfile", different, "log.target",
                   "reeve logs to stderr, for the journal or the container's log."},
    SupervisordKey{s, "logfile_maxbytes", none, "", rotate},
    SupervisordKey{s, "logfile_backups", none, "", rotate},
    SupervisordKey{s, "silent", none, "", "log.level: error is quiet."},
    SupervisordKey{s, "identifier", different, "name", "Only where several reeves run."},
    SupervisordKey{s, "childlogdir", none, "", "There are no files for the output of workers."},
    SupervisordKey{s, "strip_ansi", none, "", "What workers write is not changed."},
    SupervisordKey{s, "nocleanup", none, "", "There are no files for the output of workers."},
};

constexpr std::array sections{
    SupervisordSection{"group", "Pools stand side by side; a command names each pool."},
    SupervisordSection{"eventlistener",
                       "No program of reeve's: what it learnt, `reeve events -f "
                       "--json` says, a JSON object a line."},
    SupervisordSection{"unix_http_server",
                       "reeve has an admin socket by default: see admin.path, "
                       "and lists of who may look and command."},
    SupervisordSection{"inet_http_server",
                       "There is no web page and no remote control: "
                       "metrics.listen shows figures, read-only."},
    SupervisordSection{"supervisorctl", "`reeve status`, `restart`, `stop`, `start`, `events`."},
    SupervisordSection{"rpcinterface", "The admin socket speaks HTTP and JSON: docs/admin.md."},
    SupervisordSection{"ctlplugin", "The admin socket speaks HTTP and JSON: docs/admin.md."},
    SupervisordSection{"include", "The files that it names were read."},
};

}  // namespace

std::span<const SupervisordKey> supervisord_keys() { return keys; }

const SupervisordKey* find_supervisord_key(std::string_view section, std::string_view name) {
    const auto found = std::find_if(keys.begin(), keys.end(), [&](const SupervisordKey& key) {
        return key.name == name && (key.section == section || (section == f && key.section == p));
    });
    return found == keys.end() ? nullptr : &*found;
}

std::span<const SupervisordSection> supervisord_sections() { return sections; }

}  // namespace reeve::imports
