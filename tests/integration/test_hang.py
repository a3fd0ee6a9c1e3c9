#!/usr/bin/env python3
"""Workers that stand still, are late, or take too long: found, described, ended, replaced."""
import signal

import net
import runner
from harness import check, equal, pause

QUICK = ('--timeout', '1500ms', '--abort-timeout', '300ms')


def _request(reeve, path):
    """A connection on which a request was sent and no answer is awaited yet."""
    connection = net.connect(reeve.address())
    net.request(connection, path)
    return connection


def _expect_end(connection):
    """The client of a worker that was ended sees the end of its connection."""
    with connection:
        try:
            data = connection.recv(1000)
        except ConnectionError:
            data = b''
    equal(data, b'', 'what the client of an ended worker gets')


def test_a_stopped_worker_is_killed(t):
    """A worker that is stopped (or stuck so that no signal reaches it) would stay for ever."""
    reeve = t.web(*QUICK, workers=2)
    reeve.wait_ready(2)
    sibling = reeve.worker(slot=0)
    victim = reeve.worker(slot=1)
    victim.signal(signal.SIGSTOP)
    hang = reeve.wait_for('hang', pid=victim.pid)
    check(hang['silence_seconds'] >= 1.5, 'silence', hang)
    equal(hang['limit_seconds'], 1.5, 'limit')
    reeve.wait_for('signal_sent', pid=victim.pid, signal='SIGABRT')
    kill = reeve.wait_for('kill', pid=victim.pid)
    equal(kill['reason'], 'hang', 'reason of the kill')
    death = reeve.death(victim)
    equal((death['signal'], death['cause'], death['reason']), ('SIGKILL', 'reeve', 'hang'),
          'the explanation')
    successor = reeve.successor(victim, slot=1)
    reeve.wait_pids(lambda seen: successor.pid in seen)
    check(not sibling.gone(), 'the sibling lives')
    reeve.never('worker_died', slot=0)


def test_a_hung_worker_is_described(t):
    """Nobody would know what a worker did when it was aborted for its silence."""
    reeve = t.web(*QUICK, workers=1)
    victim = reeve.worker()
    client = _request(reeve, '/hang')
    hang = reeve.wait_for('hang', pid=victim.pid)
    equal(hang['silent_process'], victim.pid, 'who is silent')
    description = reeve.wait_for('hang_description', pid=victim.pid)
    equal(description['threads'], 1, 'threads')
    check(f'thread {victim.pid} reeve-http-work S' in description['message'],
          'the state of its thread', description['message'])
    death = reeve.death(victim)
    equal((death['signal'], death['cause']), ('SIGABRT', 'reeve'), 'the explanation')
    check(description.at < death.at, 'it is described while it lives')
    _expect_end(client)
    reeve.successor(victim)
    reeve.get()


def test_an_endless_loop_is_found(t):
    """A worker that runs in a circle would burn a CPU and answer nobody."""
    reeve = t.web(*QUICK, workers=1)
    victim = reeve.worker()
    client = _request(reeve, '/spin')
    death = reeve.death(victim)
    equal((death['signal'], death['reason']), ('SIGABRT', 'hang'), 'the explanation')
    check(death['cpu_seconds'] > 0, 'it burnt CPU', death['cpu_seconds'])
    _expect_end(client)
    reeve.successor(victim)


def test_a_worker_whose_beats_cease_is_hung(t):
    """Silence alone must do: what else a worker still does, reeve cannot see."""
    reeve = t.web(*QUICK, workers=1, command=t.misbehave('silent', '--serve', '--on', 'usr1'))
    victim = reeve.worker()
    victim.signal(signal.SIGUSR1)
    equal(reeve.death(victim)['reason'], 'hang', 'reason')


def test_a_hung_child_behind_a_beating_master(t):
    """A master process that beats would hide that the child that does the work hangs."""
    reeve = t.web(*QUICK, workers=1,
                  command=t.misbehave('hang-child', t.path('child'), '--serve', '--on', 'usr1'))
    victim = reeve.worker()
    victim.signal(signal.SIGUSR1)
    child = int(t.wait_file('child')[0][1])
    hang = reeve.wait_for('hang', pid=victim.pid)
    equal(hang['silent_process'], child, 'who is silent')
    reeve.death(victim)


def test_a_program_that_becomes_another_is_not_hung(t):
    """A wrapper that beats and then executes the real program would have it killed for silence."""
    reeve = t.web('--timeout', '900ms', workers=1,
                  command=t.misbehave('exec', '--serve', '--on', 'usr1'))
    worker = reeve.worker()
    worker.signal(signal.SIGUSR1)
    # Three times as long as a silence would be borne.
    pause(3)
    equal(int(reeve.get()), worker.pid, 'the same process serves on')
    reeve.never('hang')


def test_liveness_none_never_finds_a_hang(t):
    """`liveness: none` would not mean what it says."""
    reeve = t.web('--liveness', 'none', '--timeout', '300ms', workers=1,
                  command=t.misbehave('silent', '--serve'))
    worker = reeve.worker()
    pause(1.5)
    equal(int(reeve.get()), worker.pid, 'the same process serves on')
    reeve.never('hang')


def test_liveness_required_ends_the_mute(t):
    """With `liveness: required`, a worker without heartbeats would never be found hung."""
    reeve = t.web('--liveness', 'required', *QUICK, workers=1,
                  command=t.misbehave('mute', '--serve'))
    victim = reeve.worker()
    hang = reeve.wait_for('hang', pid=victim.pid)
    equal(hang['silent_process'], 0, 'nobody ever beat')
    reeve.death(victim)


def test_a_limit_without_heartbeats_is_said(t):
    """A limit that nobody can enforce would be ignored in silence."""
    reeve = t.web('--timeout', '1s', '--max-requests', 5, workers=1, command=t.plain_worker)
    for setting in ('timeout', 'max_requests'):
        said = reeve.wait_for('not_enforced', setting=setting)
        equal(said['level'], 'warning', 'level')
    reeve.get('/')


def test_a_worker_that_is_never_ready(t):
    """A boot that hangs would leave a pool that looks alive and serves nobody."""
    reeve = t.web('--start-timeout', '300ms', workers=1, command=t.misbehave('never-ready'))
    for number in (1, 2, 3):
        late = reeve.wait_for('start_timeout', count=number)
        equal(late['limit_seconds'], 0.3, 'limit')
        equal(reeve.death(late['pid'])['reason'], 'start_timeout', 'reason')
    gave_up = reeve.wait_for('pool_gave_up')
    equal(gave_up['failures'], 3, 'failures')
    reeve.finish(3)


def test_a_late_worker_is_waited_for(t):
    """A slow boot would be killed by `timeout`, which is for workers that serve."""
    reeve = t.web('--timeout', '600ms', '--start-timeout', '50s', workers=1,
                  command=t.misbehave('late', 2000, '--serve'))
    ready = reeve.wait_for('worker_ready')
    equal(ready['by'], 'word', 'what made it ready')
    check(ready['took_seconds'] >= 2, 'it took its time', ready['took_seconds'])
    reeve.never('worker_died')


def test_a_slow_request_is_reported_once(t):
    """A request that takes long would be seen by nobody but its client."""
    reeve = t.web('--slow-request', '300ms', '--beat-interval', '50ms', workers=1)
    reeve.worker()
    reeve.get('/sleep?ms=1500')
    slow = reeve.find('slow_request')
    equal(len(slow), 1, 'reports')
    check(slow[0]['seconds'] >= 0.3, 'how long it took', slow[0])
    equal(slow[0]['limit_seconds'], 0.3, 'limit')
    equal((slow[0]['method'], slow[0]['target']), ('GET', '/sleep?ms=1500'), 'what was asked')
    reeve.never('worker_died')


def test_a_request_over_its_limit_ends_the_worker(t):
    """One request that never ends would hold a worker for ever, its loop being alive."""
    reeve = t.web('--request-timeout', '500ms', '--beat-interval', '50ms', workers=1)
    victim = reeve.worker()
    client = _request(reeve, '/sleep?ms=600000')
    late = reeve.wait_for('request_timeout', pid=victim.pid)
    check(late['age_seconds'] >= 0.5, 'age', late)
    death = reeve.death(victim)
    equal((death['signal'], death['reason']), ('SIGABRT', 'request_timeout'), 'the explanation')
    _expect_end(client)
    reeve.successor(victim)
    reeve.never('hang')


HOOK = """#!/bin/sh
echo "hook of $REEVE_EVENT in $REEVE_POOL/$REEVE_SLOT looks at $REEVE_PID"
kill -0 "$REEVE_PID" && echo it is alive
echo a line on stderr >&2
"""


def test_the_hang_hook_sees_the_living(t):
    """A stack dumper would come too late, or its findings be lost."""
    hook = t.file('hook', HOOK, mode=0o755)
    reeve = t.web(*QUICK, '--on-hang', hook, workers=1)
    victim = reeve.worker()
    victim.signal(signal.SIGSTOP)
    hang = reeve.wait_for('hang', pid=victim.pid)
    lines = [f'hook of hang in web/0 looks at {victim.pid}', 'it is alive', 'a line on stderr']
    for line in lines:
        said = reeve.wait_for('hook_output', since=hang, hook='on_hang', message=line)
    ended = reeve.wait_for('hook_ended', hook='on_hang')
    check('exited with code 0' in ended['message'], 'message', ended['message'])
    abort = reeve.wait_for('signal_sent', pid=victim.pid, signal='SIGABRT')
    check(said.at < ended.at < abort.at, 'the hook comes first')
    reeve.death(victim)


def test_a_hang_hook_that_never_ends_is_bounded(t):
    """A stuck stack dumper would keep the hung worker, and with it the seat."""
    hook = t.file('hook', '#!/bin/sh\necho begun\nsleep 1000 &\nsleep 1000\n', mode=0o755)
    reeve = t.web(*QUICK, '--on-hang', hook, '--hook-timeout', '400ms', workers=2)
    reeve.wait_ready(2)
    victim = reeve.worker(slot=0)
    victim.signal(signal.SIGSTOP)
    reeve.wait_for('hook_output', message='begun')
    ended = reeve.wait_for('hook_ended', hook='on_hang')
    check('hook_timeout' in ended['message'], 'message', ended['message'])
    equal(reeve.death(victim)['reason'], 'hang', 'reason')
    reeve.successor(victim)
    reeve.never('worker_died', slot=1)


def test_a_hang_hook_that_cannot_run(t):
    """A hook that was deleted or is broken would keep a hung worker from being ended."""
    hook = t.file('hook', 'no program\n', mode=0o755)
    reeve = t.web(*QUICK, '--on-hang', hook, workers=1)
    victim = reeve.worker()
    victim.signal(signal.SIGSTOP)
    reeve.death(victim, reason='hang')
    check(reeve.find('hook_ended') or reeve.find('hook_failed'), 'the hook is accounted for')


def test_reeve_away_for_longer_than_timeout(t):
    """After a pause of the machine, reeve would kill every worker for its own absence."""
    reeve = t.web('--timeout', '3s', workers=4)
    pids = set(reeve.wait_ready(4))
    reeve.signal(signal.SIGSTOP)
    pause(5)
    reeve.signal(signal.SIGCONT)
    late = reeve.wait_for('lateness')
    check(late['late_seconds'] > 1, 'how late', late)
    # Whoever was to be blamed would be by now.
    pause(4)
    equal(reeve.wait_pids(lambda seen: len(seen) == 4), pids, 'who serves')
    reeve.never('hang')
    reeve.never('worker_died')


def test_all_that_hang_at_once_are_replaced(t):
    """A dependency that blocks every worker at once would leave no one who serves, for long."""
    reeve = t.web(*QUICK, workers=6)
    reeve.wait_ready(6)
    victims = [reeve.worker(slot=slot) for slot in range(6)]
    for victim in victims:
        victim.signal(signal.SIGSTOP)
    for victim in victims:
        reeve.wait_for('hang', pid=victim.pid)
        equal(reeve.death(victim)['reason'], 'hang', 'reason')
    alive = reeve.wait_pids(lambda seen: len(seen - {victim.pid for victim in victims}) == 6)
    check(not alive & {victim.pid for victim in victims}, 'the dead do not answer')


if __name__ == '__main__':
    runner.main(globals())
