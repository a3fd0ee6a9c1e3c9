# bash completion of reeve; written by completions/generate.py

_reeve_pools()
{
    local i
    local -a whom=()
    for ((i = 2; i + 1 < COMP_CWORD; i++)); do
        case ${COMP_WORDS[i]} in
            --admin | --name) whom+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
        esac
    done
    timeout 2 "${COMP_WORDS[0]}" status --json "${whom[@]}" 2>/dev/null | awk '
{ text = text $0 }
END {
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (quoted) {
            if (c == "\\") i++
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
}

_reeve_flags()
{
    case $1 in
        run) echo \
            -h --help -c --config --name --stop-delay --queue-grace --log-format --log-level \
            --log-target --log-buffer --admin --admin-mode --admin-owner --admin-group \
            --admin-read-users --admin-read-groups --admin-command-users --admin-command-groups \
            --metrics --workers --listen --handoff --accept --liveness --ready --ready-address \
            --ready-path --compat --ready-after --ready-for --timeout --start-timeout \
            --graceful-timeout --abort-timeout --core-timeout --kill-grace --request-timeout \
            --slow-request --beat-interval --sample-interval --stable-after --backoff-min \
            --backoff-max --give-up-after --on-give-up --fatal-exit-codes --max-requests \
            --max-requests-jitter --max-lifetime --max-lifetime-jitter --max-memory \
            --max-memory-jitter --max-surge --max-unavailable --max-draining --update --after \
            --before-start --before-start-timeout --min-ready --start-concurrency --on-hang \
            --on-degraded --hook-timeout --stop-signal --fast-stop-signal --hang-signal --env \
            --env-file --cwd --user --group --umask --nice --rlimits --cpu-affinity --orphans \
            --output --access-log ;;
        check) echo \
            -h --help -c --config --name --stop-delay --queue-grace --log-format --log-level \
            --log-target --log-buffer --admin --admin-mode --admin-owner --admin-group \
            --admin-read-users --admin-read-groups --admin-command-users --admin-command-groups \
            --metrics --workers --listen --handoff --accept --liveness --ready --ready-address \
            --ready-path --compat --ready-after --ready-for --timeout --start-timeout \
            --graceful-timeout --abort-timeout --core-timeout --kill-grace --request-timeout \
            --slow-request --beat-interval --sample-interval --stable-after --backoff-min \
            --backoff-max --give-up-after --on-give-up --fatal-exit-codes --max-requests \
            --max-requests-jitter --max-lifetime --max-lifetime-jitter --max-memory \
            --max-memory-jitter --max-surge --max-unavailable --max-draining --update --after \
            --before-start --before-start-timeout --min-ready --start-concurrency --on-hang \
            --on-degraded --hook-timeout --stop-signal --fast-stop-signal --hang-signal --env \
            --env-file --cwd --user --group --umask --nice --rlimits --cpu-affinity --orphans \
            --output --access-log ;;
        explain) echo \
            -h --help -c --config --json --name --stop-delay --queue-grace --log-format \
            --log-level --log-target --log-buffer --admin --admin-mode --admin-owner --admin-group \
            --admin-read-users --admin-read-groups --admin-command-users --admin-command-groups \
            --metrics --workers --listen --handoff --accept --liveness --ready --ready-address \
            --ready-path --compat --ready-after --ready-for --timeout --start-timeout \
            --graceful-timeout --abort-timeout --core-timeout --kill-grace --request-timeout \
            --slow-request --beat-interval --sample-interval --stable-after --backoff-min \
            --backoff-max --give-up-after --on-give-up --fatal-exit-codes --max-requests \
            --max-requests-jitter --max-lifetime --max-lifetime-jitter --max-memory \
            --max-memory-jitter --max-surge --max-unavailable --max-draining --update --after \
            --before-start --before-start-timeout --min-ready --start-concurrency --on-hang \
            --on-degraded --hook-timeout --stop-signal --fast-stop-signal --hang-signal --env \
            --env-file --cwd --user --group --umask --nice --rlimits --cpu-affinity --orphans \
            --output --access-log ;;
        config) echo \
            -h --help -c --config --name --stop-delay --queue-grace --log-format --log-level \
            --log-target --log-buffer --admin --admin-mode --admin-owner --admin-group \
            --admin-read-users --admin-read-groups --admin-command-users --admin-command-groups \
            --metrics --workers --listen --handoff --accept --liveness --ready --ready-address \
            --ready-path --compat --ready-after --ready-for --timeout --start-timeout \
            --graceful-timeout --abort-timeout --core-timeout --kill-grace --request-timeout \
            --slow-request --beat-interval --sample-interval --stable-after --backoff-min \
            --backoff-max --give-up-after --on-give-up --fatal-exit-codes --max-requests \
            --max-requests-jitter --max-lifetime --max-lifetime-jitter --max-memory \
            --max-memory-jitter --max-surge --max-unavailable --max-draining --update --after \
            --before-start --before-start-timeout --min-ready --start-concurrency --on-hang \
            --on-degraded --hook-timeout --stop-signal --fast-stop-signal --hang-signal --env \
            --env-file --cwd --user --group --umask --nice --rlimits --cpu-affinity --orphans \
            --output --access-log --reference --schema --print ;;
        import) echo \
            -h --help -o --output --force --report --python --client --table ;;
        status) echo \
            -h --help --json --watch --admin --name ;;
        health) echo \
            -h --help --admin --name ;;
        events) echo \
            -h --help -f --follow --json --admin --name ;;
        reload) echo \
            -h --help --changed --dry-run --no-wait --admin --name ;;
        scale) echo \
            -h --help --no-wait --admin --name ;;
        start) echo \
            -h --help --no-wait --admin --name ;;
        stop) echo \
            -h --help --no-wait --admin --name ;;
        restart) echo \
            -h --help --no-wait --admin --name ;;
        signal) echo \
            -h --help --admin --name ;;
        log-level) echo \
            -h --help --admin --name ;;
        shutdown) echo \
            -h --help --fast --no-wait --admin --name ;;
    esac
}

_reeve_values()
{
    case $1 in
        -c | --config) return 1 ;;
        --name) ;;
        --stop-delay) ;;
        --queue-grace) ;;
        --log-format) echo "text json" ;;
        --log-level) echo "trace debug info warning error critical" ;;
        --log-target) echo "stderr stdout" ;;
        --log-buffer) ;;
        --admin) return 1 ;;
        --admin-mode) ;;
        --admin-owner) ;;
        --admin-group) ;;
        --admin-read-users) ;;
        --admin-read-groups) ;;
        --admin-command-users) ;;
        --admin-command-groups) ;;
        --metrics) ;;
        --workers) ;;
        --listen) ;;
        --handoff) echo "inherit receive adopt" ;;
        --accept) echo "shared per-worker" ;;
        --liveness) echo "auto native preload notify required queue none" ;;
        --ready) echo "auto native listen notify newline tcp http delay" ;;
        --ready-address) ;;
        --ready-path) return 1 ;;
        --compat) ;;
        --ready-after) ;;
        --ready-for) ;;
        --timeout) ;;
        --start-timeout) ;;
        --graceful-timeout) ;;
        --abort-timeout) ;;
        --core-timeout) ;;
        --kill-grace) ;;
        --request-timeout) ;;
        --slow-request) ;;
        --beat-interval) ;;
        --sample-interval) ;;
        --stable-after) ;;
        --backoff-min) ;;
        --backoff-max) ;;
        --give-up-after) ;;
        --on-give-up) echo "retry exit" ;;
        --fatal-exit-codes) ;;
        --max-requests) ;;
        --max-requests-jitter) ;;
        --max-lifetime) ;;
        --max-lifetime-jitter) ;;
        --max-memory) ;;
        --max-memory-jitter) ;;
        --max-surge) ;;
        --max-unavailable) ;;
        --max-draining) ;;
        --update) echo "rolling recreate" ;;
        --after) ;;
        --before-start) ;;
        --before-start-timeout) ;;
        --min-ready) ;;
        --start-concurrency) ;;
        --on-hang) ;;
        --on-degraded) ;;
        --hook-timeout) ;;
        --stop-signal) ;;
        --fast-stop-signal) ;;
        --hang-signal) ;;
        --env) ;;
        --env-file) return 1 ;;
        --cwd) return 1 ;;
        --user) ;;
        --group) ;;
        --umask) ;;
        --nice) ;;
        --rlimits) ;;
        --cpu-affinity) echo "yes no" ;;
        --orphans) echo "stop keep" ;;
        --output) echo "tee prefix json inherit" ;;
        --access-log) return 1 ;;
        --report) echo "text json none" ;;
        --python) return 1 ;;
        *) return 2 ;;
    esac
}

_reeve()
{
    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
    local command=${COMP_WORDS[1]} words i place=0
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        words="run check explain config import status health events reload scale start stop restart \
            signal log-level shutdown --help --version"
        COMPREPLY=($(compgen -W "$words" -- "$current"))
        return
    fi
    for ((i = 2; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == -- ]] && return
        _reeve_values "${COMP_WORDS[i]}" >/dev/null
        (($? < 2)) && ((++i)) && continue
        [[ ${COMP_WORDS[i]} == -* ]] || ((place++))
    done
    words=$(_reeve_values "$before")
    case $? in
        0) COMPREPLY=($(compgen -W "$words" -- "$current")); return ;;
        1) COMPREPLY=($(compgen -f -- "$current")); return ;;
    esac
    if [[ $current == -* ]]; then
        COMPREPLY=($(compgen -W "$(_reeve_flags "$command")" -- "$current"))
        return
    fi
    words=
    case $command:$place in
        health:0) words=$(_reeve_pools) ;;
        reload:0) words=$(_reeve_pools) ;;
        scale:0)
            words=$(_reeve_pools)
            words=${words//$'\n'/= }${words:+=}
            compopt -o nospace 2>/dev/null
            ;;
        start:0) words=$(_reeve_pools) ;;
        stop:0) words=$(_reeve_pools) ;;
        restart:0) words=$(_reeve_pools) ;;
        signal:0) words=$(_reeve_pools) ;;
        signal:1) words="HUP INT QUIT ABRT USR1 USR2 TERM CONT STOP WINCH KILL" ;;
        log-level:0) words="trace debug info warning error critical" ;;
        import:0) words="gunicorn supervisord procfile" ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
}

complete -F _reeve -o bashdefault -o default reeve
