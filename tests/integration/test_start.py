#!/usr/bin/env python3
"""Starting: what is wrong is said once, clearly, with the documented exit code."""
import os
import signal
import socket
import subprocess

import net
import runner
from harness import check, equal

USAGE, GAVE_UP, RESOURCE, CONFIG = 2, 3, 69, 78
LISTEN = ('--listen', '127.0.0.1:0', '--workers', '1')


def _expect(outcome, code, *words):
    """Checks exit code and words of a reeve that was to end by itself."""
    found, text = outcome
    equal(found, code, f'exit code with {text!r}')
    for word in words:
        check(word in text, f'{word!r} is not said in', text)


def test_a_command_that_is_not_there(t):
    """A typo in the command would start a reeve that serves nobody."""
    _expect(t.run(*LISTEN, command=['/no/such/program']), CONFIG, 'command', '/no/such/program')
    _expect(t.run(*LISTEN, command=['no-such-program']), CONFIG, 'no-such-program', 'PATH')
    file = t.file('plain.txt', 'no program\n')
    _expect(t.run(*LISTEN, command=[file]), CONFIG, file, 'not an executable')


def test_a_user_or_group_that_does_not_exist(t):
    """Workers would run as somebody else than was asked for."""
    _expect(t.run(*LISTEN, '--user', 'no-such-user', command=t.http_worker), CONFIG,
            'user', 'no-such-user')
    _expect(t.run(*LISTEN, '--group', 'no-such-group', command=t.http_worker), CONFIG,
            'group', 'no-such-group')


def test_an_unknown_option(t):
    """A misspelt option would be ignored."""
    _expect(t.run('--listen', '127.0.0.1:0', '--wrokers', 2, command=t.http_worker), USAGE,
            '--wrokers', '--workers')
    _expect(t.run(*LISTEN, '--timeout', 'soon', command=t.http_worker), CONFIG, 'timeout', 'soon')


def test_a_bad_file_names_the_place(t):
    """Somebody would search a long file for what reeve does not like."""
    _expect(t.run(config='pools:\n  web:\n    command: [x\n'), CONFIG, 'reeve.yaml:')
    _expect(t.run(config='pools:\n  web:\n    command: [/bin/true]\n    workres: 2\n'), CONFIG,
            'reeve.yaml:4', 'workres', 'workers')
    _expect(t.run('-c', t.path('nowhere.yaml')), CONFIG, 'nowhere.yaml')


def test_an_address_in_use(t):
    """Two services would fight for one port, and nobody would say so."""
    with socket.socket() as other:
        other.bind(('127.0.0.1', 0))
        other.listen()
        port = other.getsockname()[1]
        _expect(t.run('--listen', f'127.0.0.1:{port}', '--workers', 1, command=t.http_worker),
                RESOURCE, f'127.0.0.1:{port}', 'in use')
    _expect(t.run('--listen', '192.0.2.1:80', '--workers', 1, command=t.http_worker),
            RESOURCE, '192.0.2.1')


def test_a_second_reeve_leaves_the_first_alone(t):
    """A unit that is started twice would take the sockets of the one that serves."""
    path = t.path('web.sock')
    first = t.reeve('--listen', f'web=unix:{path}', '--listen', 'tcp=127.0.0.1:0', '--workers', 2,
                    command=t.http_worker)
    pids = set(first.wait_ready(2))
    inode = os.stat(path).st_ino
    for address in (f'unix:{path}', first.address('tcp')):
        _expect(t.run('--listen', address, '--workers', 1, command=t.http_worker), RESOURCE,
                address.removeprefix('unix:').removeprefix('tcp://'), 'in use')
    equal(os.stat(path).st_ino, inode, 'the socket file is the same')
    equal(first.wait_pids(lambda seen: len(seen) == 2), pids, 'who serves')
    first.wait_pids(lambda seen: len(seen) == 2, socket='tcp')
    first.stop()
    check(not os.path.exists(path), 'the first takes its file with it')


def test_a_stale_socket_file_is_taken_over(t):
    """After a crash of the machine or of reeve, the service would not start again."""
    path = t.path('web.sock')
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    reeve = t.reeve('--listen', f'unix:{path}', '--workers', 1, command=t.http_worker)
    reeve.wait_ready(1)
    reeve.get()


def test_a_file_that_is_no_socket_is_kept(t):
    """A wrong path in the configuration would cost somebody a file."""
    path = t.file('precious', 'data\n')
    _expect(t.run('--listen', f'unix:{path}', '--workers', 1, command=t.http_worker), RESOURCE,
            path)
    with open(path, encoding='utf-8') as file:
        equal(file.read(), 'data\n', 'its content')


def test_three_failed_boots_end_reeve(t):
    """A program that cannot start would be started for ever behind a service that looks alive."""
    reeve = t.web(workers=1, command=['/bin/sh', '-c',
                                      'echo boot begins >&2; echo no module named app >&2; exit 1'])
    gave_up = reeve.wait_for('pool_gave_up')
    reeve.finish(GAVE_UP)
    equal(gave_up['failures'], 3, 'failures')
    equal(gave_up['last_output'], 'boot begins\nno module named app\n', 'its last words')
    check('no module named app' in gave_up['message'], 'message', gave_up['message'])
    equal(len(reeve.find('worker_died', exit_code=1)), 3, 'boots')
    equal(reeve.find('stopped')[-1]['exit_code'], GAVE_UP, 'the end is explained')


def test_what_cannot_be_executed_ends_reeve(t):
    """A file without interpreter would fail at exec for ever."""
    program = t.file('program', 'no interpreter line\n', mode=0o755)
    reeve = t.web(workers=1, command=[program])
    failure = reeve.wait_for('spawn_failure', count=3)
    check(program in failure['reason'] and 'exec' in failure['reason'].lower(), 'reason', failure)
    reeve.finish(GAVE_UP)


def test_one_bad_pool_stops_nobody_else(t):
    """One broken program of several would take the whole machine's service down."""
    reeve = t.reeve(config=f"""
pools:
  bad: {{command: [/bin/sh, -c, "exit 1"], workers: 2, backoff_max: 200ms}}
  good: {{command: {t.http_worker}, workers: 2, listen: "127.0.0.1:0"}}
""")
    reeve.wait_ready(2, pool='good')
    reeve.wait_for('pool_degraded', pool='bad')
    reeve.wait_for('worker_died', pool='bad', count=8)
    reeve.wait_pids(lambda seen: len(seen) == 2, pool='good', socket='good')
    reeve.never('pool_degraded', pool='good')
    reeve.never('worker_died', pool='good')
    reeve.stop()


def test_a_pool_that_gives_up_can_end_reeve(t):
    """`on_give_up: exit` would not do what it says once the pool has been ready."""
    reeve = t.web('--on-give-up', 'exit', '--backoff-min', '1ms', '--backoff-max', '5ms', workers=1,
                  command=t.misbehave('exit', 1, '--serve', '--on', f'file:{t.path("crash")}'))
    reeve.wait_ready(1)
    t.file('crash', '')
    reeve.wait_for('pool_gave_up')
    reeve.finish(GAVE_UP)


def test_a_degraded_pool_is_said_and_recovers(t):
    """A pool that fails again and again would do so in silence, and its recovery too."""
    hook = t.file('hook', '#!/bin/sh\necho "$REEVE_EVENT $REEVE_POOL"\n', mode=0o755)
    reeve = t.web('--on-degraded', hook, '--backoff-min', '1ms', '--backoff-max', '100ms',
                  '--stable-after', '500ms', workers=2,
                  command=t.misbehave('exit', 1, '--serve', '--on', f'file:{t.path("crash")}'))
    reeve.wait_ready(2)
    t.file('crash', '')
    degraded = reeve.wait_for('pool_degraded')
    equal(degraded['level'], 'critical', 'level')
    reeve.wait_for('hook_output', hook='on_degraded', message='degraded web')
    os.unlink(t.path('crash'))
    recovered = reeve.wait_for('pool_recovered', since=degraded)
    equal((recovered['ready'], recovered['wanted']), (2, 2), 'ready')


def test_start_concurrency_bounds_the_boots(t):
    """Forty workers would import at once and starve whatever else runs on the machine."""
    reeve = t.web('--start-concurrency', 2, workers=7,
                  command=t.misbehave('late', 150, '--serve'))
    reeve.wait_ready(7)
    booting, most = set(), 0
    for event in reeve.find('transition'):
        if event['to'] == 'starting':
            booting.add(event['incarnation'])
        elif event['from'] == 'starting':
            booting.discard(event['incarnation'])
        most = max(most, len(booting))
    equal(most, 2, 'boots at a time')


def test_all_start_at_once_without_a_bound(t):
    """Workers would boot one after the other, and a start would take ages."""
    reeve = t.web(workers=4, command=t.misbehave('late', '--serve', '--on',
                                                 f'file:{t.path("go")}'))
    reeve.wait_for('worker_started', count=4)
    reeve.never('worker_ready')
    t.file('go', '')
    reeve.wait_ready(4)


def test_stderr_that_nobody_holds_open(t):
    """reeve would die of SIGPIPE when the reader of its log goes away."""
    read, write = os.pipe()
    address = 'unix:' + t.path('web.sock')
    reeve = t.reeve('--listen', address, '--workers', 1, command=t.http_worker, stderr=write,
                    read=False)
    os.close(write)
    t.wait_socket(address, reeve)
    os.close(read)
    pid = int(net.get(address))
    t.handle(pid).signal(signal.SIGKILL)
    check(int(net.get(address)) != pid, 'another worker answers')
    reeve.stop()


def test_a_log_that_cannot_be_written(t):
    """A full disk would stop the supervision."""
    with open('/dev/full', 'wb') as full:
        reeve = t.reeve('--listen', 'unix:' + t.path('web.sock'), '--workers', 1,
                        command=t.http_worker, stderr=full, read=False)
    address = 'unix:' + t.path('web.sock')
    t.wait_socket(address, reeve)
    pid = int(net.get(address))
    t.handle(pid).signal(signal.SIGKILL)
    check(int(net.get(address)) != pid, 'another worker answers')
    reeve.stop()


def test_closed_standard_descriptors(t):
    """A reeve started without stdin, stdout and stderr would use their numbers for its sockets."""
    address = 'unix:' + t.path('web.sock')
    before = ['/bin/sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh']
    reeve = t.reeve('--listen', address, '--workers', 1, before=before, read=False,
                    command=t.http_worker, stderr=subprocess.DEVNULL)
    t.wait_socket(address, reeve)
    pid = int(net.get(address))
    check(int(net.get(address)) == pid, 'it serves')
    reeve.stop()


def test_check_finds_the_same_without_starting(t):
    """`reeve check` would approve of what `reeve run` then refuses."""
    reeve = t.built('src/cli/reeve')
    done = subprocess.run([reeve, 'check', '--listen', '127.0.0.1:0', '--', '/no/such/program'],
                          capture_output=True, check=False, text=True)
    equal(done.returncode, CONFIG, 'exit code')
    done = subprocess.run([reeve, 'check', '--listen', '127.0.0.1:0', '--', '/bin/true'],
                          capture_output=True, check=False, text=True)
    equal(done.returncode, 0, 'exit code')


if __name__ == '__main__':
    runner.main(globals())
