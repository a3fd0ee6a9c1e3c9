#!/usr/bin/env python3
"""Planned replacement: the successor is ready first, and no request notices."""
import os
import signal

import runner
from change import never_fewer
from harness import check, equal

ROTATIONS = 100


def _rotate_under_load(t, max_requests, jitter, *load_options):
    reeve = t.web('--max-requests', max_requests, '--max-requests-jitter', jitter,
                  '--max-draining', 60, workers=4)
    reeve.wait_ready(4)
    load = t.loadgen(reeve.address(), '--connections', 32, '--seconds', 0, '--until-eof',
                     '--timeout-ms', 50000, *load_options)
    reeve.wait_for('rotation', count=ROTATIONS, reason='requests', seconds=240)
    report = t.load_report(load)
    reeve.stop()
    equal(report['failed'], 0, f'failed requests ({report["first_failures"]})')
    check(report['answers'] > ROTATIONS, 'answers', report['answers'])
    check(len(report['pids']) > 50, 'many workers answered', len(report['pids']))
    never_fewer(reeve, 4)
    for event in ('kill', 'hang', 'backoff', 'pool_degraded'):
        reeve.never(event)
    # A successor that the stop meets while it boots may die of it: it served nobody yet.
    reeve.never('worker_died',
                where=lambda event: event['was_ready'] and event.get('exit_code') != 0)
    equal(reeve.find('stopped')[-1]['killed'], 0, 'killed')


def test_rotation_under_a_mixed_load(t):
    """Each replacement of a worker would cost some client an error."""
    _rotate_under_load(t, 200, 100, '--fresh', 10, '--idle', 11, '--idle-ms', 6000)


def test_rotation_under_idle_keep_alive(t):
    """Clients that keep a connection would find it closed under their next request."""
    _rotate_under_load(t, 2, 2, '--idle', 32, '--idle-ms', 6000)


def test_rotation_under_busy_keep_alive(t):
    """Clients that send one request after the other would lose the one in between."""
    _rotate_under_load(t, 200, 100)


def test_rotation_under_fresh_connections(t):
    """New connections would fall into the gap between two workers."""
    _rotate_under_load(t, 200, 100, '--fresh', 32)


def test_rotation_by_age(t):
    """Workers that grow old would never be replaced."""
    reeve = t.web('--max-lifetime', '500ms', '--max-lifetime-jitter', '300ms', workers=3)
    first = set(reeve.wait_ready(3))
    reeve.wait_for('rotation', count=9, reason='lifetime')
    reeve.wait_pids(lambda seen: not seen & first)
    reeve.stop()
    never_fewer(reeve, 3)
    due = reeve.find('rotation_due', reason='lifetime')[0]
    check(0.5 <= due['limit_seconds'] <= 0.8, 'the limit with its jitter', due)


def test_rotation_by_memory(t):
    """A worker that leaks would take the machine's memory."""
    reeve = t.web('--max-memory', '96M', '--sample-interval', '100ms', workers=1)
    old = reeve.worker()
    reeve.get('/leak?mb=150')
    due = reeve.wait_for('rotation_due', pid=old.pid, reason='memory')
    check(due['value_bytes'] >= due['limit_bytes'] == 96 << 20, 'the numbers', due)
    reeve.wait_for('rotation', pid=old.pid)
    equal(reeve.death(old)['exit_code'], 0, 'it left politely')
    check(int(reeve.get()) != old.pid, 'another worker answers')
    never_fewer(reeve, 1)


def test_jitter_spreads_the_rotations(t):
    """Workers that started together would all be replaced together."""
    reeve = t.web('--max-requests', 100, '--max-requests-jitter', 100, workers=6,
                  command=t.misbehave('count', 300, '--serve'))
    reeve.wait_for('rotation_due', count=6, reason='requests')
    limits = {event['limit'] for event in reeve.find('rotation_due')}
    check(len(limits) > 1, 'different limits', limits)
    check(all(100 <= limit <= 200 for limit in limits), 'limits within the jitter', limits)


def _switch(t, broken):
    """Command of a worker that is good, or `broken` (a command line) once the file is there."""
    script = f'if [ -e {t.path("broken")} ]; then {broken}; fi; exec "$@"'
    return ['/bin/sh', '-c', script, 'sh', *t.http_worker]


def test_a_successor_that_cannot_start_costs_nothing(t):
    """A broken release would take the workers down that still serve, one by one."""
    reeve = t.web('--max-lifetime', '1s', '--backoff-min', '50ms', '--backoff-max', '300ms',
                  workers=2, command=_switch(t, 'exit 1'))
    reeve.wait_ready(2)
    t.file('broken', '')
    mark = reeve.mark()
    reeve.wait_for('worker_died', since=mark, count=4, exit_code=1)
    current = {event['slot']: event['pid'] for event in reeve.find('worker_ready')}
    equal(reeve.wait_pids(lambda seen: len(seen) == 2), set(current.values()), 'who serves')
    os.unlink(t.path('broken'))
    since = reeve.mark()
    reeve.wait_for('rotation', since=since, slot=0)
    reeve.wait_for('rotation', since=since, slot=1)
    reeve.stop()
    never_fewer(reeve, 2)


def test_a_successor_that_dies_after_ready_costs_nothing(t):
    """A successor that says ready and dies would already have cost its predecessor."""
    dies = ' '.join(t.misbehave('exit', 1, '--serve', '--on', 'ready'))
    reeve = t.web('--max-lifetime', '1s', '--ready-for', '3s', '--backoff-min', '50ms',
                  '--backoff-max', '300ms', workers=1, command=_switch(t, f'exec {dies}'))
    old = reeve.worker()
    t.file('broken', '')
    reeve.wait_for('worker_died', count=3, exit_code=1, was_ready=True)
    check(not old.gone(), 'the old one serves on')
    os.unlink(t.path('broken'))
    reeve.wait_for('rotation', pid=old.pid)
    reeve.stop()
    never_fewer(reeve, 1)


def test_rotation_without_surge(t):
    """Where there is no room for a further worker, none could ever be replaced."""
    reeve = t.web('--max-lifetime', '500ms', '--max-surge', 0, '--max-unavailable', 1, workers=3)
    first = set(reeve.wait_ready(3))
    for pid in first:
        reeve.death(pid)
    reeve.wait_pids(lambda seen: not seen & first)
    reeve.stop()
    never_fewer(reeve, 2)
    live = most = 0
    for event in reeve.events:
        live += {'worker_started': 1, 'worker_died': -1}.get(event['event'], 0)
        most = max(most, live)
    equal(most, 3, 'processes at a time')


def test_a_crash_in_the_middle_of_a_rotation(t):
    """A worker that dies while its successor boots would leave the slot empty, or with two."""
    reeve = t.web('--max-lifetime', '1s', workers=1, command=[
        '/bin/sh', '-c', 'if [ -e "$0" ]; then exec "$@" --on "file:$0.go"; fi; '
        'exec "$@" --on start',
        t.path('slow'), *t.misbehave('late', '--serve')])
    old = reeve.worker()
    t.file('slow', '')
    rotation = reeve.wait_for('rotation_start', pid=old.pid)
    old.signal(signal.SIGKILL)
    reeve.death(old)
    t.file('slow.go', '')
    ready = reeve.wait_for('worker_ready', since=rotation, incarnation=rotation['successor'])
    reeve.wait_pids(lambda seen: ready['pid'] in seen)


def test_many_draining_workers_hold_up_further_rolls(t):
    """Workers that take long to leave would pile up without a bound."""
    reeve = t.web('--max-requests', 20, '--max-draining', 2, '--graceful-timeout', '3s',
                  workers=2, command=t.misbehave('count', 100, '--serve', '--drain-ms', 60000))
    reeve.wait_for('roll_wait', limit=2)
    reeve.wait_for('rotation', count=5)
    draining = most = 0
    for event in reeve.find('transition'):
        draining += (event['to'] in ('draining', 'killing')) - (event['from'] in
                                                              ('draining', 'killing'))
        most = max(most, draining)
    check(most <= 2, 'draining at a time', most)


if __name__ == '__main__':
    runner.main(globals())
