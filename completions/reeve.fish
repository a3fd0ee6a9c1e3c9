# fish completion of reeve; written by completions/generate.py

function __reeve_pools
    set -l whom
    set -l words (commandline -opc)
    for i in (seq (math (count $words) - 1))
        switch $words[$i]
            case --admin --name
                set -a whom $words[$i] $words[(math $i + 1)]
        end
    end
    timeout 2 reeve status --json $whom 2>/dev/null | awk '
{ text = text $0 }
END {
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (quoted) {
            if (c == "\\\\") i++
            else if (c == "\"") quoted = 0
            else word = word c
        } else if (c == "\"") { quoted = 1; word = "" }
        else if (c == ":") {
            if (depth == 1) top = word
            if (depth == 2 && top == "pools") print word
        }
        else if (c == "{" || c == "[") depth++
        else if (c == "}" || c == "]") depth--
    }
}
'
end

complete -c reeve -f
complete -c reeve -n __fish_use_subcommand -s h -l help -d 'Show the help'
complete -c reeve -n __fish_use_subcommand -l version -d 'Show the version'
complete -c reeve -n __fish_use_subcommand -a run -d 'Start the workers and stay in the foreground'
complete -c reeve -n __fish_use_subcommand -a check -d 'Validate a configuration, start nothing'
complete -c reeve -n __fish_use_subcommand -a explain -d 'Say what suits a program as a worker'
complete -c reeve -n __fish_use_subcommand -a config -d 'Show what can be, or is, configured'
complete -c reeve -n __fish_use_subcommand -a import -d 'Write a configuration from another manager\'s'
complete -c reeve -n __fish_use_subcommand -a status -d 'Show pools, workers and sockets'
complete -c reeve -n __fish_use_subcommand -a health -d 'Tell whether it serves: exit code 0 or 1'
complete -c reeve -n __fish_use_subcommand -a events -d 'Show what happens, a line each'
complete -c reeve -n __fish_use_subcommand -a reload -d 'Read the configuration again and replace the workers'
complete -c reeve -n __fish_use_subcommand -a scale -d 'Run more or fewer workers until the next reload'
complete -c reeve -n __fish_use_subcommand -a start -d 'Let run what was stopped'
complete -c reeve -n __fish_use_subcommand -a stop -d 'Stop workers until they are started again'
complete -c reeve -n __fish_use_subcommand -a restart -d 'Replace workers, each when its successor is ready'
complete -c reeve -n __fish_use_subcommand -a signal -d 'Send a signal to workers'
complete -c reeve -n __fish_use_subcommand -a log-level -d 'Change how much reeve logs'
complete -c reeve -n __fish_use_subcommand -a shutdown -d 'Drain all workers and end reeve'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config import status health events reload scale start stop restart signal log-level shutdown" -s h -l help -d 'Print this help message and exit'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -s c -l config -r -F -d 'Configuration file'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l name -x -d 'Name of this instance, which keeps several reeves on one machine'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l stop-delay -x -d 'How long reeve goes on serving as before after it was asked to'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l queue-grace -x -d 'How long a stop waits for the workers to take the connections'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l log-format -x -a 'text json' -d 'Form of reeve\'s own log lines (text)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l log-level -x -a 'trace debug info warning error critical' -d 'The least important record that is still logged (info)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l log-target -x -a 'stderr stdout' -d 'Where reeve\'s own log goes (stderr)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l log-buffer -x -d 'How much of the log may wait for a slow reader (256K)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l admin -r -F -d 'The Unix socket on which reeve takes commands and tells what it'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l admin-mode -x -d 'Permission bits of the socket\'s file, in octal (0660)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l admin-owner -x -d 'User, by name or number, who owns the socket\'s file'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l admin-group -x -d 'Group, by name or number, of the socket\'s file'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l admin-read-users -x -d 'Users, by name or number, who may look: status, events, metrics,'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l admin-read-groups -x -d 'Groups, by name or number, whose members may look'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l admin-command-users -x -d 'Users, by name or number, who may look and command'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l admin-command-groups -x -d 'Groups, by name or number, whose members may look and command'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l metrics -x -d 'HOST:PORT on which everybody may read /metrics, /healthz and'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l workers -x -d 'How many workers (auto)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l listen -x -d 'The sockets that reeve opens for the pool'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l handoff -x -a 'inherit receive adopt' -d 'How the sockets get to the worker (inherit)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l accept -x -a 'shared per-worker' -d 'Where connections wait for a worker (shared)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l liveness -x -a 'auto native preload notify required queue none' -d 'Where signs of life come from (auto)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l ready -x -a 'auto native listen notify newline tcp http delay' -d 'What makes a started worker ready (auto)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l ready-address -x -d 'Where ready: tcp and http connect: an IP address with a port, or'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l ready-path -r -F -d 'What ready: http asks for (/)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l compat -x -d 'Protocols of other socket managers that workers are offered too:'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l ready-after -x -d 'How long a worker that gives no sign must be alive to count as'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l ready-for -x -d 'How long a successor must have been ready before the worker that'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l timeout -x -d 'Silence after which a worker is hung: it gets hang_signal and is'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l start-timeout -x -d 'How long a worker that owes a sign of readiness may take to boot'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l graceful-timeout -x -d 'How long a worker may finish what it has begun after its stop'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l abort-timeout -x -d 'How long a hung worker may take to die of hang_signal before it'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l core-timeout -x -d 'How long a dying worker may take to write its core dump before'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l kill-grace -x -d 'How long a killed worker may take to be gone before reeve says'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l request-timeout -x -d 'How long one request may take before its worker is replaced'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l slow-request -x -d 'How long one request may take before it is logged as slow, with'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l beat-interval -x -d 'How often a worker is asked to send a heartbeat'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l sample-interval -x -d 'How often the workers\' memory is looked at (5s)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l stable-after -x -d 'A worker that dies younger than this counts as a failed boot,'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l backoff-min -x -d 'First wait before a worker that keeps failing is started again'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l backoff-max -x -d 'Longest wait before a worker that keeps failing is started again'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l give-up-after -x -d 'Failed boots in a row after which a pool has failed: reeve exits'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l on-give-up -x -a 'retry exit' -d 'What happens when a pool that has been ready before cannot stay'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l fatal-exit-codes -x -d 'Exit codes that no restart can cure: a worker that ends with one'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l max-requests -x -d 'Requests after which a worker is replaced, successor first (off)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l max-requests-jitter -x -d 'Up to so many requests more, drawn for each worker, so that they'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l max-lifetime -x -d 'Age at which a worker is replaced, successor first (off)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l max-lifetime-jitter -x -d 'Up to so much more, drawn for each worker (off)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l max-memory -x -d 'Resident memory of a worker and its children at which it is'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l max-memory-jitter -x -d 'Up to so much more, drawn for each worker (off)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l max-surge -x -d 'How many workers more than workers there may be while some are'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l max-unavailable -x -d 'How many workers fewer than workers may be ready while some are'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l max-draining -x -d 'How many workers may be finishing their last requests at a time'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l update -x -a 'rolling recreate' -d 'How a worker is replaced (rolling)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l after -x -d 'Pools that must be available before this one starts'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l before-start -x -d 'Command that is run once before the pool starts and before each'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l before-start-timeout -x -d 'How long before_start may run before it is killed and has failed'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l min-ready -x -d 'How many workers must be ready for the pool to count as ready'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l start-concurrency -x -d 'How many workers may boot at the same time (unbounded)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l on-hang -x -d 'Command that is run, as the pool\'s user and with the facts in'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l on-degraded -x -d 'Command that is run, in the same way, when the pool becomes'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l hook-timeout -x -d 'How long on_hang and on_degraded may run before they are killed'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l stop-signal -x -d 'Tells a worker to finish what it has begun and exit (TERM)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l fast-stop-signal -x -d 'Tells a worker to exit when reeve itself was stopped by INT or'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l hang-signal -x -d 'What a hung worker gets first, so that it leaves a trace (ABRT)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l env -x -d 'Environment variables of the workers, a map NAME: VALUE, added'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l env-file -r -F -d 'File of NAME=VALUE lines, read whenever a worker is started'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l cwd -r -F -d 'Working directory of the workers'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l user -x -d 'User, by name or number, that the workers run as'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l group -x -d 'Group, by name or number, that the workers run as'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l umask -x -d 'File mode creation mask of the workers, in octal'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l nice -x -d 'Scheduling priority of the workers, from -20 (first) to 19'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l rlimits -x -d 'Resource limits of the workers, a map NAME: LIMIT with the names'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l cpu-affinity -x -a 'yes no' -d 'Bind each worker to one CPU'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l orphans -x -a 'stop keep' -d 'What the workers do when reeve dies under them (stop)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l output -x -a 'tee prefix json inherit' -d 'What happens to the workers\' stderr (tee)'
complete -c reeve -n "__fish_seen_subcommand_from run check explain config" -l access-log -r -F -d 'Where the workers write a line for each request: - (their'
complete -c reeve -n "__fish_seen_subcommand_from explain" -l json -d 'As one JSON object'
complete -c reeve -n "__fish_seen_subcommand_from config" -l reference -d 'Every option, with its default and what it does'
complete -c reeve -n "__fish_seen_subcommand_from config" -l schema -d 'JSON Schema of the configuration file, for editors'
complete -c reeve -n "__fish_seen_subcommand_from config" -l print -d 'The resolved configuration'
complete -c reeve -n "__fish_seen_subcommand_from import" -s o -l output -r -F -d 'Where to write'
complete -c reeve -n "__fish_seen_subcommand_from import" -l force -d 'Replace a file that is there'
complete -c reeve -n "__fish_seen_subcommand_from import" -l report -x -a 'text json none' -d 'What became of each setting, on standard error'
complete -c reeve -n "__fish_seen_subcommand_from import" -l python -r -F -d 'Interpreter that executes gunicorn.conf.py'
complete -c reeve -n "__fish_seen_subcommand_from import" -l client -d 'Workers run reeve\'s Python client, not plain uvicorn'
complete -c reeve -n "__fish_seen_subcommand_from import" -l table -d 'Only print what becomes of every setting'
complete -c reeve -n "__fish_seen_subcommand_from status" -l json -d 'As the daemon says it'
complete -c reeve -n "__fish_seen_subcommand_from status" -l watch -d 'Again each second'
complete -c reeve -n "__fish_seen_subcommand_from status health events reload scale start stop restart signal log-level shutdown" -l admin -r -F -d 'Admin socket of the daemon'
complete -c reeve -n "__fish_seen_subcommand_from status health events reload scale start stop restart signal log-level shutdown" -l name -x -d 'Name of the daemon, as in its configuration'
complete -c reeve -n "__fish_seen_subcommand_from events" -s f -l follow -d 'Go on until the daemon ends, as it does without'
complete -c reeve -n "__fish_seen_subcommand_from events" -l json -d 'One JSON object a line'
complete -c reeve -n "__fish_seen_subcommand_from reload" -l changed -d 'Only pools whose configuration differs'
complete -c reeve -n "__fish_seen_subcommand_from reload" -l dry-run -d 'Only say what would be done'
complete -c reeve -n "__fish_seen_subcommand_from reload scale start stop restart shutdown" -l no-wait -d 'Do not wait until it is done'
complete -c reeve -n "__fish_seen_subcommand_from shutdown" -l fast -d 'Drain nothing'
complete -c reeve -n "__fish_seen_subcommand_from health" -a '(__reeve_pools)'
complete -c reeve -n "__fish_seen_subcommand_from reload" -a '(__reeve_pools)'
complete -c reeve -n "__fish_seen_subcommand_from scale" -a '(__reeve_pools)='
complete -c reeve -n "__fish_seen_subcommand_from start" -a '(__reeve_pools)'
complete -c reeve -n "__fish_seen_subcommand_from stop" -a '(__reeve_pools)'
complete -c reeve -n "__fish_seen_subcommand_from restart" -a '(__reeve_pools)'
complete -c reeve -n "__fish_seen_subcommand_from signal" -a '(__reeve_pools)'
complete -c reeve -n "__fish_seen_subcommand_from signal" -a 'HUP INT QUIT ABRT USR1 USR2 TERM CONT STOP WINCH KILL'
complete -c reeve -n "__fish_seen_subcommand_from log-level" -a 'trace debug info warning error critical'
complete -c reeve -n "__fish_seen_subcommand_from import" -a 'gunicorn supervisord procfile'
