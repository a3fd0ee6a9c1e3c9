#!/usr/bin/env python3
"""The bounds of replacement: surge and draining, kinds of sockets, successors that never come."""
import os

import runner
from harness import check, equal

WORKERS = 4


def _least_ready(reeve, pool='web'):
    """The fewest ready workers from the completion of the pool to the stop, from the records."""
    least, complete = None, False
    for event in list(reeve.events):
        if event.get('event') == 'stop_start':
            break
        if event.get('event') == 'pool_ready' and event['pool'] == pool and event['complete']:
            complete = True
        elif complete and event.get('event') == 'transition' and event['pool'] == pool:
            equal(event['wanted'], WORKERS, 'wanted')
            least = event['ready'] if least is None else min(least, event['ready'])
    return least


def _most(reeve, *states):
    """The most workers that were in these states at a time, from the records."""
    inside, most = set(), 0
    for event in list(reeve.events):
        if event.get('event') == 'transition':
            (inside.add if event['to'] in states else inside.discard)(event['incarnation'])
            most = max(most, len(inside))
    return most


def _rotates_under_load(t, reeve, rotations, *load):
    """Loads the pool until so many workers were replaced; checks that nothing was lost."""
    reeve.wait_ready(WORKERS)
    generator = t.loadgen(reeve.address(), *load)
    reeve.wait_for('rotation', count=rotations, seconds=240)
    report = t.load_report(generator)
    check(report['failed'] == 0, 'failed requests', report['failures'], report['first_failures'])
    check(report['answers'] > 0, 'answers', report)
    reeve.stop()
    equal(_least_ready(reeve), WORKERS, 'the fewest ready workers')
    reeve.never('worker_died', cause='crash')
    equal(reeve.find('stopped')[-1]['killed'], 0, 'killed')
    return report


def test_rotations_with_the_default_bounds(t):
    """One at a time, the replacements would leave a seat empty or lose what waits in the queue."""
    for options in ((), ('--handoff', 'receive')):
        reeve = t.web('--max-requests', 50, '--max-requests-jitter', 50, *options, workers=WORKERS)
        _rotates_under_load(t, reeve, 15, '--connections', 32, '--fresh', 16, '--until-eof',
                            '--seconds', 0)
        check(_most(reeve, 'starting') <= WORKERS, 'boots at a time')


def test_rotations_behind_a_unix_socket(t):
    """Behind a proxy on a Unix socket, rotation would show as errors."""
    reeve = t.reeve('--listen', 'unix:' + t.path('web.sock'), '--workers', WORKERS,
                    '--max-requests', 50, '--max-requests-jitter', 50, command=t.http_worker)
    _rotates_under_load(t, reeve, 10, '--connections', 16, '--fresh', 8, '--until-eof',
                        '--seconds', 0)


def _unlucky(t, *broken):
    """The example worker, or this command as long as the file `broken` is there."""
    file = t.file('worker', '#!/bin/sh\nif test -e "%s"; then exec %s; fi\nexec %s\n' % (
        t.path('broken'), ' '.join(broken), t.http_worker[0]), mode=0o755)
    return [file]


def test_a_successor_that_is_never_ready(t):
    """A successor that hangs while it boots would block the rotation for ever."""
    reeve = t.web('--max-requests', 3, '--start-timeout', '300ms', '--backoff-min', '10ms',
                  '--backoff-max', '50ms', '--graceful-timeout', '1s', workers=1,
                  command=_unlucky(t, *t.misbehave('never-ready')))
    old = reeve.worker()
    t.file('broken', '')
    for _ in range(4):
        equal(int(reeve.get()), old.pid, 'who answers')
    reeve.wait_for('worker_died')
    equal(int(reeve.get()), old.pid, 'who answers meanwhile')
    os.unlink(t.path('broken'))
    reeve.wait_for('rotation', pid=old.pid)


def test_surge_and_draining_are_bounded(t):
    """Replacements would use the memory of many more workers than the machine was sized for."""
    reeve = t.web('--max-lifetime', '300ms', '--max-surge', 2, '--max-draining', 3,
                  workers=WORKERS, command=t.misbehave('late', 50, '--serve', '--drain-ms', 1500))
    reeve.wait_ready(WORKERS)
    wait = reeve.wait_for('roll_wait')
    equal((wait['limit'], wait['level']), (3, 'warning'), 'what is said')
    check(1 <= wait['draining'] <= 3, 'how many leave', wait)
    reeve.wait_for('rotation', since=wait, count=6)
    reeve.stop()
    complete = reeve.find('pool_ready', complete=True)[0].at
    stop = reeve.find('stop_start')[0].at
    alive, leaving, booting, most, most_leaving, most_booting = set(), set(), set(), 0, 0, 0
    for event in reeve.events[:stop]:
        if event.get('event') != 'transition':
            continue
        who = event['incarnation']
        gone = event['to'] in ('down', 'backoff', 'failed')
        (alive.discard if gone else alive.add)(who)
        (leaving.add if event['to'] in ('draining', 'killing') else leaving.discard)(who)
        (booting.add if event['to'] == 'starting' else booting.discard)(who)
        most, most_leaving = max(most, len(alive)), max(most_leaving, len(leaving))
        if event.at > complete:
            most_booting = max(most_booting, len(booting))
    equal((most_booting, most_leaving), (2, 3), 'most booting and leaving at a time')
    check(most <= WORKERS + 2 + 3, 'most processes', most)
    equal(_least_ready(reeve), WORKERS, 'the fewest ready workers')


if __name__ == '__main__':
    runner.main(globals())
