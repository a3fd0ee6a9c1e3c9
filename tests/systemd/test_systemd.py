#!/usr/bin/env python3
"""reeve under a real systemd: what it tells it, and what becomes of the sockets meanwhile."""
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'integration'))

import net  # noqa: E402
import runner  # noqa: E402
from harness import Skipped, check, descendants, equal, patient, pause, stat_of  # noqa: E402
from machine import SOURCE, Machine, unit_text  # noqa: E402


# What a client may meet who comes after the stop: a closed port, or no answer to its handshake.
LATE = ('refused', 'late')


def _config(t, listen, command=None, workers=2, more=''):
    words = ', '.join(f'"{word}"' for word in command or t.http_worker)
    return (f'admin: {{path: {t.path("admin.sock")}}}\n'
            f'pools:\n  web:\n    command: [{words}]\n    workers: {workers}\n'
            f'    stable_after: 300ms\n    listen: {{web: "{listen}"}}\n{more}')


def _pids(t, address, count):
    """The workers who answer."""
    seen = set()

    def ask(_left):
        seen.add(int(net.get(address)))
        return len(seen) >= count
    patient(ask, f'answers of {count} workers')
    return seen


def _lost(report):
    return {kind: count for kind, count in report['failures'].items() if count}


def test_started_means_that_the_workers_are_ready(t):
    """Units that are ordered after reeve would start while nobody serves yet."""
    go = t.path('go')
    worker = t.file('late.sh', f'while ! [ -e {go} ]; do sleep 0.05; done\nexec "$@"\n')
    machine = Machine(t)
    unit = machine.reeve(config=_config(t, '127.0.0.1:0', ['sh', worker, *t.http_worker]))
    with machine:
        start = machine.begin('start', 'reeve')
        unit.wait_for('worker_started', count=2)
        equal(unit.show('ActiveState'), 'activating', 'before anybody is ready')
        check(start.alive(), 'systemctl start waits')
        t.file('go', '')
        equal(start.wait(), 0, 'systemctl start')
        equal(unit.show('ActiveState'), 'active', 'with ready workers')
        unit.wait_show('StatusText', 'web 2/2 ready')
        equal(unit.show('NFileDescriptorStore'), '1', 'sockets in the store')
        # The whole unit lives in one cgroup, and reeve itself is its main process.
        equal(stat_of(unit.main().pid)[2], 'reeve', 'the main process')
        machine.ctl('stop', 'reeve')
        equal(unit.show('Result'), 'success', 'the result')
        check(net.refused(unit.address()), 'the port is closed')


def test_reload_is_told_and_its_failure_too(t):
    """`systemctl reload` would succeed although the new configuration serves nobody."""
    machine = Machine(t)
    config = _config(t, '127.0.0.1:0')
    unit = machine.reeve(config=config,
                         service=f'Environment=REEVE_ADMIN={t.path("admin.sock")}')
    with machine:
        machine.ctl('start', 'reeve')
        before = _pids(t, unit.address(), 2)
        machine.ctl('reload', 'reeve')
        after = _pids(t, unit.address(), 2)
        check(not before & after, 'old workers answer after the reload', before, after)
        equal(unit.show('ActiveState'), 'active', 'the state')
        t.file('reeve.service.yaml', config + 'nonsense: 1\n')
        machine.ctl('reload', 'reeve', ok=False)
        equal(_pids(t, unit.address(), 2), after, 'who serves after a reload that failed')
        equal(unit.show('ActiveState'), 'active', 'the state after a reload that failed')
        # By a signal: the state shows that it was heard, and that it is over.
        t.file('reeve.service.yaml', config)
        mark = unit.mark()
        unit.main().signal(signal.SIGHUP)
        unit.wait_for('reload', since=mark)
        unit.wait_show('ActiveState', 'active')
        machine.ctl('stop', 'reeve')


def _restart_under_load(t, listen, address):
    machine = Machine(t)
    unit = machine.reeve(config=_config(t, listen))
    with machine:
        machine.ctl('start', 'reeve')
        load = t.loadgen(address or unit.address(), '--connections', 16, '--fresh', 8, '--idle', 4,
                         '--idle-ms', 100, '--seconds', 0, '--until-eof')
        began = time.monotonic()
        for _ in range(5):
            machine.ctl('restart', 'reeve')
        took = time.monotonic() - began
        unit.wait_for('socket_kept', count=5)
        report = t.load_report(load)
        equal(_lost(report), {}, 'lost requests')
        check(report['answers'] > 100, 'there was no load', report['answers'])
        equal(len(report['pids']) >= 8, True, 'generations that answered')
        print(f'      5 restarts in {took:.1f} s, {report["answers"]} answers, 0 lost, longest '
              f'gap {report["longest_gap_ms"]:.0f} ms')
        machine.ctl('stop', 'reeve')


def test_restart_under_load_refuses_nobody(t):
    """Each upgrade of reeve would turn clients away."""
    _restart_under_load(t, '127.0.0.1:0', None)


def test_restart_under_load_on_a_unix_socket(t):
    """Behind a proxy on a Unix socket each upgrade would answer with errors."""
    path = t.path('web.sock')
    _restart_under_load(t, 'unix:' + path, 'unix:' + path)
    check(not os.path.exists(path), 'the path is left after a stop')


def test_a_hung_reeve_is_killed_and_started_again(t):
    """A supervisor that no longer turns would supervise nobody, and nobody would notice."""
    machine = Machine(t)
    unit = machine.reeve(config=_config(t, '127.0.0.1:0'),
                         service='WatchdogSec=1s\nTimeoutAbortSec=1s')
    with machine:
        machine.ctl('start', 'reeve')
        # It feeds the watchdog as long as it turns.
        first = unit.main()
        pause(2.5)
        check(not first.gone(), 'killed although it turns')
        first.signal(signal.SIGSTOP)
        first.wait_gone()
        unit.wait_show('NRestarts', '1')
        unit.wait_show('ActiveState', 'active')
        unit.wait_for('socket_kept')
        net.get(unit.address())
        machine.ctl('stop', 'reeve')


def test_socket_activation(t):
    """A connection to the socket unit would wait for ever, or reeve would not find its socket."""
    port = net.free_port()
    machine = Machine(t)
    unit = machine.reeve(config=_config(t, 'systemd:web', workers=1))
    with open(os.path.join(SOURCE, 'systemd/reeve.socket'), encoding='utf-8') as file:
        machine.unit('reeve.socket', file.read())
    machine.unit('reeve.socket.d/test.conf',
                 f'[Socket]\nListenStream=\nListenStream=127.0.0.1:{port}\n')
    address = f'tcp://127.0.0.1:{port}'
    with machine:
        machine.ctl('start', 'reeve.socket')
        equal(unit.show('ActiveState'), 'inactive', 'before the first connection')
        first = net.get(address)
        unit.wait_show('ActiveState', 'active')
        equal(unit.address(), address, 'the address that is logged')
        equal(unit.show('NFileDescriptorStore'), '0', 'the socket unit keeps it, not the store')
        # A stop leaves the socket as it is: who comes then waits for the next reeve.
        load = t.loadgen(address, '--connections', 4, '--fresh', 4, '--seconds', 0, '--until-eof')
        machine.ctl('stop', 'reeve')
        unit.wait_for('reeve_started', count=2)
        second = net.get(address)
        check(first != second, 'the same worker')
        equal(_lost(t.load_report(load)), {}, 'lost requests')
        machine.ctl('stop', 'reeve.socket', 'reeve.service')
        check(net.refused(address), 'the port is closed')


def test_a_socket_that_systemd_does_not_pass(t):
    """The operator would not learn which name is wrong."""
    machine = Machine(t)
    unit = machine.reeve(config=_config(t, 'systemd:wbe', workers=1), service='Restart=no')
    with open(os.path.join(SOURCE, 'systemd/reeve.socket'), encoding='utf-8') as file:
        machine.unit('reeve.socket', file.read())
    machine.unit('reeve.socket.d/test.conf',
                 f'[Socket]\nListenStream=\nListenStream=127.0.0.1:{net.free_port()}\n')
    with machine:
        machine.ctl('start', 'reeve.socket')
        machine.ctl('start', 'reeve', ok=False)
        equal(unit.show('ExecMainStatus'), '69', 'the exit code')
        line = unit.wait_line('systemd:wbe')
        check('pools.web.listen.web' in line and 'systemd passed these: web' in line, line)


def test_stop_under_load_answers_what_it_took(t):
    """`systemctl stop` would cut off requests that are under way."""
    machine = Machine(t)
    unit = machine.reeve(config=_config(t, '127.0.0.1:0'))
    with machine:
        machine.ctl('start', 'reeve')
        load = t.loadgen(unit.address(), '--connections', 16, '--fresh', 16, '--seconds', 0,
                         '--until-eof', '--timeout-ms', 1000)
        _pids(t, unit.address(), 2)
        machine.ctl('stop', 'reeve')
        equal(unit.show('Result'), 'success', 'the result')
        equal(unit.show('ActiveState'), 'inactive', 'the state')
        report = t.load_report(load)
        # Who comes late is refused, or waits in vain for the handshake.
        lost = {kind: count for kind, count in _lost(report).items() if kind not in LATE}
        equal(lost, {}, 'requests that were taken and not answered')
        check(net.refused(unit.address()), 'the port is closed')


def test_kill_9_keeps_the_sockets(t):
    """A crash of reeve would be an outage: refused connections until it is back."""
    machine = Machine(t)
    unit = machine.reeve(config=_config(t, '127.0.0.1:0'))
    with machine:
        machine.ctl('start', 'reeve')
        address = unit.address()
        load = t.loadgen(address, '--connections', 8, '--fresh', 8, '--seconds', 0, '--until-eof')
        before = _pids(t, address, 2)
        first = unit.main()
        first.signal(signal.SIGKILL)
        first.wait_gone()
        unit.wait_for('socket_kept')
        unit.wait_show('ActiveState', 'active')
        patient(lambda _left: not before & _pids(t, address, 2), 'answers of new workers only')
        report = t.load_report(load)
        failures = _lost(report)
        check('refused' not in failures, 'refused connections', failures)
        print(f'      kill -9: {report["longest_gap_ms"]:.0f} ms without an answer, '
              f'{report["answers"]} answers, failed: {failures or 0}')
        machine.ctl('stop', 'reeve')


def test_workers_that_outlive_reeve_are_ended_by_the_next(t):
    """Workers of a reeve that was killed would go on for ever beside the new ones."""
    machine = Machine(t)
    stubborn = t.misbehave('ignore-term', '--no-drains', '--serve', '--on', 'start')
    unit = machine.reeve(config=_config(t, '127.0.0.1:0', stubborn,
                                        more='    graceful_timeout: 1s\n'))
    with machine:
        machine.ctl('start', 'reeve')
        unit.wait_for('worker_ready', count=2)
        old = [t.handle(machine.outside(event['pid']))
               for event in unit.find('worker_ready')]
        mark = unit.mark()
        unit.main().signal(signal.SIGKILL)
        unit.wait_for('left_over', count=2, since=mark)
        unit.wait_for('pool_ready', since=mark)
        for worker in old:
            worker.wait_gone()
        unit.wait_for('left_over_kill', count=2, since=mark)
        machine.ctl('stop', 'reeve')


def test_a_singleton_that_outlives_reeve_is_ended_before_its_successor_starts(t):
    """Two schedulers would run at once, and every job twice."""
    machine = Machine(t)
    stubborn = t.misbehave('ignore-term', '--no-drains', '--serve', '--on', 'start')
    unit = machine.reeve(config=_config(
        t, '127.0.0.1:0', stubborn, workers=1,
        more='    graceful_timeout: 500ms\n    update: recreate\n'))
    with machine:
        machine.ctl('start', 'reeve')
        old = t.handle(machine.outside(unit.wait_for('worker_ready')['pid']))
        mark = unit.mark()
        unit.main().signal(signal.SIGKILL)
        unit.wait_for('worker_started', since=mark)
        check(old.gone(), 'the old one lives when its successor starts')
        machine.ctl('stop', 'reeve')


def _limit_memory(t, machine, pids, limit):
    """Where systemd cannot do it, because the controller is in a hierarchy of version 1."""
    with open('/proc/self/cgroup', encoding='utf-8') as file:
        places = [line.strip().split(':', 2)[2] for line in file if ':memory:' in line]
    folder = os.path.join('/sys/fs/cgroup/memory', (places or [''])[0].lstrip('/'),
                          os.path.basename(machine.cgroup))
    try:
        os.mkdir(folder)
        t.cleanups.append(lambda: os.rmdir(folder))
        for name, values in (('memory.limit_in_bytes', [limit]), ('cgroup.procs', pids)):
            for value in values:
                with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
                    file.write(str(value))
    except OSError as error:
        raise Skipped(f'no memory controller, neither version 2 nor 1: {error}') from None


def test_an_oom_kill_costs_one_worker(t):
    """A worker that runs out of memory would end the whole service."""
    limit = 200 << 20
    machine = Machine(t)
    unit = machine.reeve(config=_config(t, '127.0.0.1:0'), service=f'MemoryMax={limit}')
    with machine:
        machine.ctl('start', 'reeve')
        unit.wait_for('worker_ready', count=2)
        main = unit.main()
        if not machine.has_memory:
            print('      MemoryMax= has no effect here: the memory controller is of version 1')
            _limit_memory(t, machine, [main.pid, *descendants(main.pid)], limit)
        try:
            net.get(unit.address(), '/leak?mb=1600')
        except ConnectionError:
            pass
        death = unit.wait_for('worker_died')
        equal((death['cause'], death['oom_killed']), ('oom', True), 'the explanation')
        unit.wait_for('worker_ready', count=3)
        net.get(unit.address())
        equal(unit.show('ActiveState'), 'active', 'the service')
        equal((unit.show('NRestarts'), len(unit.find('worker_died'))), ('0', 1), 'who died')
        machine.ctl('stop', 'reeve')


def test_several_instances(t):
    """Two reeves on one machine would share a configuration or an admin socket."""
    machine = Machine(t)
    text = unit_text('reeve@.service', os.path.join(t.build, 'src/cli'))
    machine.unit('reeve@.service', text.replace('/etc/reeve/', t.dir + '/'))
    for name in ('blue', 'green'):
        t.file(f'{name}.yaml', _config(t, '127.0.0.1:0', workers=1).split('\n', 1)[1])
    with machine:
        machine.ctl('start', 'reeve@blue', 'reeve@green')
        for name in ('blue', 'green'):
            done = machine.run(os.path.join(t.build, 'src/cli/reeve'), 'status', '--json',
                               '--admin', f'/run/reeve/{name}/admin.sock')
            equal(done.returncode, 0, f'status of {name}: {done.stderr}')
            machine.ctl('reload', f'reeve@{name}')
        machine.ctl('stop', 'reeve@blue')
        check(not os.path.exists(machine.path('/run/reeve/blue/admin.sock')), 'blue is left')
        check(os.path.exists(machine.path('/run/reeve/green/admin.sock')), 'green is gone')
        machine.ctl('stop', 'reeve@green')


def test_the_strict_sandbox(t):
    """Whoever hardens the service would learn in production what it takes away from reeve."""
    machine = Machine(t)
    unit = machine.reeve(config=_config(t, '127.0.0.1:0', more='    user: nobody\n').replace(
        t.path('admin.sock'), '/run/reeve/admin.sock'))
    with open(os.path.join(SOURCE, 'systemd/reeve.service.d/hardening.conf'),
              encoding='utf-8') as file:
        machine.unit('reeve.service.d/hardening.conf', file.read())
    # The test's own files must be seen inside, although /tmp is private.
    machine.unit('reeve.service.d/see.conf',
                 f'[Service]\nBindReadOnlyPaths={t.dir} {t.build}\n')
    with machine:
        machine.ctl('start', 'reeve')
        before = _pids(t, unit.address(), 2)
        machine.ctl('reload', 'reeve')
        check(not before & _pids(t, unit.address(), 2), 'old workers answer after the reload')
        # It may signal and look at workers of another user, and take its sockets along.
        unit.main().signal(signal.SIGKILL)
        unit.wait_for('socket_kept')
        unit.wait_show('ActiveState', 'active')
        net.get(unit.address())
        machine.ctl('stop', 'reeve')
        for event in unit.find('worker_died'):
            equal(event.get('signal'), None, 'how a worker ended')


def test_the_units_have_no_mistakes(t):
    """systemd ignores a line that it does not understand, and only the log says so."""
    where = t.path('verify')
    os.makedirs(where + '/reeve.service.d')
    bindir = os.path.join(t.build, 'src/cli')
    for name in ('reeve.service', 'reeve@.service'):
        t.file(f'verify/{name}', unit_text(name, bindir))
    for name in ('reeve.socket', 'reeve.service.d/hardening.conf'):
        with open(os.path.join(SOURCE, 'systemd', name), encoding='utf-8') as file:
            t.file(f'verify/{name}', file.read())
    try:
        done = subprocess.run(
            ['systemd-analyze', 'verify', '--man=no', f'{where}/reeve.service',
             f'{where}/reeve@.service', f'{where}/reeve.socket'],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60)
    except FileNotFoundError:
        raise Skipped('systemd-analyze is not installed') from None
    complaints = [line for line in done.stderr.splitlines() if 'reeve' in line]
    equal((done.returncode, complaints), (0, []), 'complaints')


if __name__ == '__main__':
    runner.main(globals())
