#!/usr/bin/env python3
"""A queue for each worker: whoever is ready gets connections, evenly, and no queue is forgotten."""
import os
import signal
import subprocess

import net
import runner
from change import never_fewer, reload
from harness import Skipped, check, descriptors, equal, patient, pause

UVICORN = '/usr/bin/uvicorn'
RELOADS = 5
ROTATIONS = 30

APP = '''
import os


async def app(scope, receive, send):
    if scope['type'] != 'http':
        return
    body = str(os.getpid()).encode()
    await send({'type': 'http.response.start', 'status': 200,
                'headers': [(b'content-length', str(len(body)).encode())]})
    await send({'type': 'http.response.body', 'body': body})
'''

BLOCK = '''    if scope['path'] == '/block':
        print('blocked', file=open('said', 'w'), flush=True)
        __import__('threading').Event().wait()
'''

POOL = '''
pools:
  web:
    command: {command}
    workers: {workers}
    listen: 127.0.0.1:0
    accept: per-worker
    stable_after: 100ms
    max_draining: 60
    {extra}
'''


def _uvicorn(t):
    if not os.path.exists(UVICORN):
        raise Skipped('needs the package python3-uvicorn')
    t.file('app.py', APP)
    return [UVICORN, 'app:app', '--fd', '{fd:web}', '--log-level', 'warning']


def _pool(t, command, workers=4, extra='', env=None):
    text = POOL.format(command=command, workers=workers, extra=extra)
    return t.reeve(config=text, env={'PYTHONDONTWRITEBYTECODE': '1', **(env or {})})


def _fresh_load(t, reeve, connections=32):
    """Each request on a connection of its own."""
    return t.loadgen(reeve.address(), '--connections', connections, '--fresh', connections,
                     '--seconds', 0, '--until-eof', '--timeout-ms', 50000)


def _none_lost(t, reeve, load, pids):
    report = t.load_report(load)
    reeve.stop()
    equal(report['failed'], 0, f'failed requests ({report["first_failures"]})')
    check(len(report['pids']) >= pids, 'many workers answered', len(report['pids']))
    for event in ('kill', 'hang', 'backoff', 'pool_degraded', 'steering_failed', 'queue_left'):
        reeve.never(event)
    return report


def _reloads_and_rotations(t, command):
    reeve = _pool(t, command, env={'REEVE_ADMIN': t.path('admin.sock')})
    reeve.wait_ready(4)
    load = _fresh_load(t, reeve)
    for _ in range(RELOADS):
        reload(reeve)
    while len(reeve.find('rotation', reason='requested')) < ROTATIONS:
        _restart(t, reeve)
    _none_lost(t, reeve, load, ROTATIONS)
    never_fewer(reeve, 4)


def _restart(t, reeve):
    """Each worker is replaced, one after the other; until that is done."""
    command = t.start(t.built('src/cli/reeve'), 'restart', 'web', '--admin', t.path('admin.sock'),
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    equal(command.wait(240), 0, 'exit code of the command')
    check(reeve.alive(), 'reeve has ended')


def test_uvicorn_unchanged_loses_nothing(t):
    """Reloads and rotations would cost clients of a server that knows nothing of reeve."""
    _reloads_and_rotations(t, _uvicorn(t))


def test_a_plain_worker_loses_nothing(t):
    """Reloads and rotations would cost clients of the smallest worker there is."""
    _reloads_and_rotations(t, t.plain_worker)


def test_the_load_is_even(t):
    """One worker would have most of the work while the others sleep."""
    reeve = _pool(t, _uvicorn(t))
    pids = set(reeve.wait_ready(4))
    load = _fresh_load(t, reeve, 16)
    patient(lambda left: pause(min(left, 0.2)) or _served(reeve) > 150, 'enough of the load', 240)
    report = _none_lost(t, reeve, load, 4)
    counts = report['answers_by_pid']
    equal({int(pid) for pid in counts}, pids, 'who answered')
    mean = report['answers'] / 4
    # A draw, not a turn: the spread shrinks with the number. Six standard deviations, or a tenth.
    spread = max(0.1 * mean, 6 * (mean * 0.75) ** 0.5)
    for pid, count in counts.items():
        check(abs(count - mean) <= spread, 'an even share', pid, counts)


def _served(reeve):
    """CPU ticks that all workers have used."""
    ticks = 0
    for event in reeve.find('worker_ready'):
        with open(f'/proc/{event["pid"]}/stat', encoding='utf-8') as file:
            words = file.read().rsplit(')', 1)[1].split()
        ticks += int(words[11]) + int(words[12])
    return ticks


def test_what_is_queued_outlives_a_crash(t):
    """Clients that wait for a worker would be cut off when it dies."""
    reeve = _pool(t, t.plain_worker, workers=1)
    worker = reeve.worker()
    worker.signal(signal.SIGSTOP)
    waiting = [net.connect(reeve.address()) for _ in range(10)]
    for connection in waiting:
        net.request(connection, '/pid')
    worker.signal(signal.SIGKILL)
    successor = reeve.successor(worker)
    for connection in waiting:
        equal(net.answer(connection), (200, f'{successor.pid}\n'), 'the answer')
        connection.close()
    reeve.stop()


def test_who_is_not_ready_gets_nothing(t):
    """New connections would wait for a worker that boots, while others are idle."""
    reeve = _pool(t, t.plain_worker, workers=2)
    first, second = reeve.worker(0), reeve.worker(1)
    second.signal(signal.SIGSTOP)
    second.signal(signal.SIGKILL)
    reeve.death(second)
    for _ in range(50):
        check(int(reeve.get()) != second.pid, 'a dead worker answers')
    check(first.pid in reeve.wait_pids(lambda seen: len(seen) == 2), 'the first one serves')
    reeve.stop()


def test_scaling_loses_nothing(t):
    """More workers, or fewer, would cost some client an error."""
    reeve = _pool(t, _uvicorn(t), workers=2)
    reeve.wait_ready(2)
    load = _fresh_load(t, reeve, 16)
    for number, wanted in [(signal.SIGTTIN, 3), (signal.SIGTTOU, 2)] * 3:
        since = reeve.mark()
        reeve.signal(number)
        reeve.wait_for('scale', since=since, to=wanted)
        if wanted == 3:
            third = reeve.worker(2, since=since)
            reeve.wait_pids(lambda seen, third=third: third.pid in seen)
        else:
            reeve.wait_for('worker_died', since=since, slot=2)
    _none_lost(t, reeve, load, 3)


def test_a_request_in_flight_is_awaited(t):
    """A worker that dies of its stop signal at once would cut the request that it works on."""
    reeve = _pool(t, t.plain_worker, workers=1, extra='stop_signal: KILL')
    old = reeve.worker()
    with net.connect(reeve.address()) as connection:
        net.request(connection, '/sleep?ms=1500')
        patient(lambda left: _accepted(old.pid) or pause(min(left, 0.02)), 'it is taken')
        reload(reeve)
        equal(net.answer(connection), (200, 'hello\n'), 'the answer')
    old.wait_gone()
    reeve.stop()


def _accepted(pid):
    """Whether the process has a connection besides its listening socket."""
    return sum(1 for target in descriptors(pid).values() if target.startswith('socket:')) >= 2


HANGS = 'liveness: queue\n    timeout: 1s\n    hang_signal: KILL'


def test_a_worker_that_accepts_no_more_is_found(t):
    """Clients of a worker that stands still would wait for ever."""
    reeve = _pool(t, t.plain_worker, workers=1, extra=HANGS)
    worker = reeve.worker()
    worker.signal(signal.SIGSTOP)
    with net.connect(reeve.address()) as connection:
        net.request(connection, '/pid')
        hang = reeve.wait_for('hang', pid=worker.pid)
        equal(hang['waiting'], 1, 'connections that wait')
        check(1.0 <= hang['silence_seconds'], 'not before its time', hang)
        status, body = net.answer(connection)
        equal(status, 200, 'status')
        check(int(body) != worker.pid, 'another worker answers')
    equal(reeve.death(worker)['reason'], 'hang', 'why it died')
    reeve.stop()


def test_a_blocked_event_loop_is_found(t):
    """A server whose event loop waits for something else would be found by nobody."""
    command = _uvicorn(t)
    t.file('app.py', APP.replace('    body = str', BLOCK + '    body = str'))
    reeve = _pool(t, command, workers=1, extra=HANGS)
    worker = reeve.worker()
    with net.connect(reeve.address()) as blocked:
        net.request(blocked, '/block')
        t.wait_file('said')
        with net.connect(reeve.address()) as connection:
            net.request(connection, '/pid')
            reeve.wait_for('hang', pid=worker.pid)
            equal(net.answer(connection)[0], 200, 'the answer of its successor')
    reeve.stop()


def test_idle_and_busy_ones_are_left_alone(t):
    """A worker that has nothing to do, or much, would be killed."""
    busy = t.file('busy.py', 'while True:\n    sum(range(10000))\n')
    reeve = _pool(t, ['/usr/bin/python3', busy], workers=1,
                  extra=HANGS + '\n    ready: delay\n    ready_after: 100ms')
    worker = reeve.worker()
    with net.connect(reeve.address()):
        pause(5)
    check(not worker.gone(), 'the busy one was killed')
    reeve.stop()
    idle = _pool(t, t.plain_worker, workers=1, extra=HANGS)
    worker = idle.worker()
    pause(5)
    equal(int(idle.get()), worker.pid, 'who answers')
    idle.stop()
    for each in (reeve, idle):
        each.never('hang')


def test_what_cannot_be_is_refused(t):
    """A pool would run otherwise than its configuration says."""
    for options, why in ((('--listen', 'unix:/tmp/x'), 'a Unix socket'),
                         (('--listen', '127.0.0.1:0', '--accept', 'shared', '--liveness', 'queue'),
                          'accept: per-worker'),
                         ((), 'no socket')):
        code, errors = t.run('--accept', 'per-worker', '--workers', 1, *options,
                             command=['/bin/true'])
        equal(code, 78, 'exit code')
        check(why in errors, 'the reason', errors)


if __name__ == '__main__':
    runner.main(globals())
