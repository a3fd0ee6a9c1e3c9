#!/usr/bin/env python3
"""Workers that send rubbish to reeve: it concerns them alone."""
import array
import fcntl
import os
import signal
import termios

import runner
from harness import check, equal, patient, pause

PATIENT = ('--timeout', '3s', '--beat-interval', '200ms')


def _web(t, *mode, workers=3, options=PATIENT):
    """A pool whose workers misbehave when they get SIGUSR1; and the one that did."""
    reeve = t.web(*options, workers=workers,
                  command=t.misbehave(*mode, '--serve', '--on', 'usr1'))
    pids = reeve.wait_ready(workers)
    return reeve, pids


def _siblings_live_on(reeve, pids, victim):
    """No sibling was ended, and all still answer."""
    siblings = set(pids) - {victim.pid}
    reeve.wait_pids(lambda seen: siblings <= seen)
    for pid in siblings:
        for event in ('hang', 'worker_died', 'rotation_due', 'garbage'):
            reeve.never(event, pid=pid)


def test_a_flooder_is_replaced_and_its_siblings_lose_no_beat(t):
    """One mad worker would drown the heartbeats of all, who would be killed for silence."""
    reeve, pids = _web(t, 'flood')
    victim = reeve.worker(slot=1)
    victim.signal(signal.SIGUSR1)
    flood = reeve.wait_for('flood', pid=victim.pid)
    check(flood['packets'] > 200, 'packets', flood)
    due = reeve.wait_for('rotation_due', pid=victim.pid)
    equal(due['reason'], 'flood', 'reason')
    reeve.wait_for('rotation', pid=victim.pid)
    reeve.death(victim)
    pause(4)    # longer than a silence would be borne
    _siblings_live_on(reeve, pids, victim)


def test_garbage_on_the_heartbeat(t):
    """Bytes that are no beat would be believed, or bring reeve down."""
    reeve, pids = _web(t, 'garbage')
    victim = reeve.worker(slot=1)
    victim.signal(signal.SIGUSR1)
    garbage = reeve.wait_for('garbage', pid=victim.pid, channel='heartbeat')
    check(garbage['count'] >= 1, 'count', garbage)
    reeve.wait_for('flood', pid=victim.pid)
    reeve.death(victim)
    equal(len(reeve.find('garbage', pid=victim.pid)), 1, 'it is said once')
    _siblings_live_on(reeve, pids, victim)


def test_a_full_pipe_blocks_nobody(t):
    """A heartbeat pipe that reeve does not empty for a while would block its worker."""
    reeve, pids = _web(t, 'fill')
    victim = reeve.worker(slot=1)
    place = [place for place in os.listdir(f'/proc/{victim.pid}/fd')
             if os.readlink(f'/proc/{victim.pid}/fd/{place}').startswith('pipe:')
             and int(place) > 2]
    equal(len(place), 1, 'heartbeat pipes')
    pipe = os.open(f'/proc/{victim.pid}/fd/{place[0]}', os.O_RDONLY | os.O_NONBLOCK)
    waiting = array.array('i', [0])
    reeve.signal(signal.SIGSTOP)
    victim.signal(signal.SIGUSR1)

    def full(left):
        fcntl.ioctl(pipe, termios.FIONREAD, waiting)
        return waiting[0] >= 4 * 200 or pause(min(left, 0.02))
    try:
        patient(full, 'a full pipe')
    finally:
        os.close(pipe)
        reeve.signal(signal.SIGCONT)
    pause(4)
    reeve.wait_pids(lambda seen: seen == set(pids))
    reeve.never('worker_died')
    reeve.never('garbage')


def test_garbage_on_the_control_channel(t):
    """Nonsense in the conversation would be acted on, or end a worker that serves well."""
    reeve, pids = _web(t, 'control-garbage')
    victim = reeve.worker(slot=1)
    victim.signal(signal.SIGUSR1)
    reeve.wait_for('garbage', pid=victim.pid, channel='control')
    _siblings_live_on(reeve, pids, victim)
    reeve.wait_pids(lambda seen: victim.pid in seen)
    reeve.never('worker_died')


def test_a_closed_heartbeat_is_no_silence(t):
    """A worker that closes what it does not know would be killed for it."""
    reeve, pids = _web(t, 'close-heartbeat', options=('--timeout', '900ms'))
    victim = reeve.worker(slot=1)
    victim.signal(signal.SIGUSR1)
    pause(3)
    reeve.wait_pids(lambda seen: victim.pid in seen)
    reeve.never('hang', pid=victim.pid)
    reeve.never('worker_died', pid=victim.pid)
    check(victim.pid in pids, 'it was there from the start')


def test_a_closed_heartbeat_is_silence_where_beats_are_required(t):
    """With `liveness: required`, a worker could escape by closing its heartbeat."""
    reeve, _pids = _web(t, 'close-heartbeat',
                        options=('--timeout', '1500ms', '--liveness', 'required'))
    victim = reeve.worker(slot=1)
    victim.signal(signal.SIGUSR1)
    equal(reeve.death(victim)['reason'], 'hang', 'reason')


if __name__ == '__main__':
    runner.main(globals())
