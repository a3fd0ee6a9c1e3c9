#!/usr/bin/env python3
"""Workers that die: each death is explained, and each slot is filled again."""
import os
import shutil
import signal
import socket
from datetime import datetime

import net
import runner
from harness import check, descriptors, equal, patient, pause, zombies


def stamp(event):
    """Seconds at which reeve wrote the line."""
    return datetime.strptime(event['time'], '%Y-%m-%dT%H:%M:%S.%fZ').timestamp()


def test_a_killed_worker_is_replaced(t):
    """A worker that somebody kills would stay away, and its siblings would carry its load."""
    reeve = t.web(workers=4)
    pids = reeve.wait_ready(4)
    equal(len(set(pids)), 4, 'pids')
    victim = reeve.worker(slot=2)
    victim.signal(signal.SIGKILL)
    death = reeve.death(victim)
    equal((death['cause'], death['signal'], death['slot']), ('foreign_signal', 'SIGKILL', 2),
          'the explanation')
    check('sent from outside, not by reeve' in death['message'], 'message', death['message'])
    successor = reeve.successor(victim, slot=2)
    started = reeve.wait_for('worker_started', pid=successor.pid)
    equal(started['reason'], 'crash', 'reason of the start')
    check(successor.pid not in pids, 'a new process')
    check(int(reeve.get()) != victim.pid, 'the dead do not answer')
    reeve.never('backoff')


def test_an_abort_is_explained_and_the_client_is_told(t):
    """A crash would be indistinguishable from a kill, and its client would hang."""
    reeve = t.web(workers=1)
    victim = reeve.worker()
    try:
        reeve.get('/crash')
        raise AssertionError('the crashed worker answered')
    except ConnectionError:
        pass
    death = reeve.death(victim)
    equal((death['cause'], death['signal']), ('crash', 'SIGABRT'), 'the explanation')
    check(death['was_ready'] and death['level'] == 'error', 'the rest of the record', death)
    reeve.successor(victim)
    reeve.get()


def test_exit_codes_are_told(t):
    """The exit code, which often is all that a program says of its end, would be lost."""
    reeve = t.web('--backoff-min', '1ms', '--backoff-max', '10ms', workers=1)
    for code in (1, 7, 255, 0):
        worker = reeve.worker(since=reeve.find('worker_died')[-1] if code != 1 else 0)
        try:
            reeve.get(f'/exit?code={code}')
        except ConnectionError:
            pass
        death = reeve.death(worker)
        equal(death['exit_code'], code, 'exit code')
        equal(death['cause'], 'exit_code' if code else 'own_exit', 'cause')
        equal(death['level'], 'error' if code else 'warning', 'level')
        check(f'exited with code {code}' in death['message'], 'message', death['message'])


def test_a_worker_that_leaves_cleanly_is_no_failure(t):
    """Workers that end by themselves after some work would be punished with a growing wait."""
    reeve = t.web('--backoff-min', '20s', workers=1,
                  command=t.misbehave('exit', 0, '--serve', '--on', 'ms:1300'))
    third = reeve.wait_for('worker_died', count=3, exit_code=0)
    equal(third['cause'], 'own_exit', 'cause')
    reeve.worker(since=third)
    reeve.never('backoff')
    reeve.never('pool_degraded')


def test_a_fatal_exit_code_stops_the_slot_alone(t):
    """A code that means `do not try again` would be answered with endless tries."""
    reeve = t.web('--fatal-exit-codes', '41,42', workers=2,
                  command=t.misbehave('exit', 42, '--serve', '--on', 'usr1'))
    reeve.wait_ready(2)
    fatal = reeve.worker(slot=0)
    fatal.signal(signal.SIGUSR1)
    failed = reeve.wait_for('slot_failed', slot=0, pid=fatal.pid, exit_code=42)
    check('fatal' in failed['message'], 'message', failed['message'])
    equal(reeve.wait_for('pool_degraded')['failing'], 1, 'failing slots')
    other = reeve.worker(slot=1)
    other.signal(signal.SIGKILL)
    reeve.worker(slot=1, since=reeve.death(other))
    reeve.never('worker_started', since=failed, slot=0)
    reeve.get()


def test_a_foreign_stop_signal_loses_no_request(t):
    """An operator who sends TERM to the workers by hand would cut requests off, or leave a gap."""
    reeve = t.web(workers=2)
    reeve.wait_ready(2)
    workers = [reeve.worker(slot=slot) for slot in (0, 1)]
    with net.connect(reeve.address()) as client:
        net.request(client, '/sleep?ms=2000')
        for slot, worker in enumerate(workers):
            worker.signal(signal.SIGTERM)
            reeve.successor(worker, slot)
            reeve.get()
        equal(net.answer(client)[0], 200, 'the request that was under way')
    for worker in workers:
        equal(reeve.death(worker)['exit_code'], 0, 'how it left')


def test_a_worker_that_dies_of_a_signal_it_does_not_know(t):
    """A death by a stray signal would look like a crash of the worker's own making."""
    reeve = t.web(workers=1, command=t.plain_worker)
    worker = reeve.worker()
    worker.signal(signal.SIGHUP)
    death = reeve.death(worker)
    equal((death['cause'], death['signal']), ('foreign_signal', 'SIGHUP'), 'the explanation')
    reeve.worker(since=death)


def test_a_hundred_crashes_in_a_row(t):
    """A worker that cannot live would make reeve a fork bomb, or use up its descriptors."""
    reeve = t.web('--backoff-min', '1ms', '--backoff-max', '40ms', workers=2,
                  command=t.misbehave('exit', 1, '--serve', '--on', f'file:{t.path("crash")}'))
    reeve.wait_ready(2)
    patient(lambda left: len(reeve.find('transition', to='serving')) == 2, 'both serve')
    before = descriptors(reeve.pid)
    t.file('crash', '')
    reeve.wait_for('worker_died', count=100, exit_code=1)
    os.unlink(t.path('crash'))
    calm = reeve.mark()

    def recovered(left):
        current = {event['slot']: event['pid'] for event in reeve.find('worker_ready')}
        dead = {event['pid'] for event in reeve.find('worker_died')}
        pause(min(left, 0.05))
        return len(current) == 2 and not dead & set(current.values())
    patient(recovered, 'workers that live')
    reeve.wait_descriptors(len(before))
    equal(zombies(reeve.pid), [], 'zombies')
    _check_backoff(reeve)
    deaths = len(reeve.find('worker_died'))
    check(len(reeve.find('worker_started')) <= deaths + 2, 'a start for each death, no more')
    check(calm > 0 and reeve.find('pool_degraded'), 'the pool was called degraded')
    reeve.wait_pids(lambda seen: len(seen) == 2)


def _check_backoff(reeve):
    """Each wait is kept, grows with the failures, and is capped."""
    for slot in (0, 1):
        waits = reeve.find('backoff', slot=slot)
        check(len(waits) > 20, 'waits', len(waits))
        for earlier, later in zip(waits, waits[1:]):
            check(later['failures'] > earlier['failures'], 'failures are counted')
        early, late = waits[0]['delay_seconds'], waits[-1]['delay_seconds']
        check(late > 4 * early, 'the wait grows', early, late)
        check(max(wait['delay_seconds'] for wait in waits) <= 0.040, 'the wait is capped')
        # The stamps are of the writing of the lines, so each is a little late: their sum must do.
        start = reeve.find('transition', since=waits[-1], slot=slot, to='starting')[0]
        waited = sum(wait['delay_seconds'] for wait in waits)
        check(stamp(start) - stamp(waits[0]) >= 0.8 * waited, 'the waits are kept', waited)


def test_orphans_of_a_worker_are_reaped(t):
    """Grandchildren would pile up as zombies, or their exit codes be taken for a worker's."""
    reeve = t.web('--fatal-exit-codes', '3', workers=1,
                  command=t.misbehave('double-fork', t.path('orphans'), '--serve'))
    worker = reeve.worker()
    pids = dict((name, int(pid)) for name, pid in t.wait_file('orphans', lines=2))
    three = reeve.wait_for('orphan_reaped', pid=pids['three'])
    check('exited with code 3' in three['message'], 'message', three['message'])
    apart = t.handle(pids['apart'])
    check(not apart.gone(), 'an orphan in a session of its own is left alone')
    equal(int(reeve.get()), worker.pid, 'the worker serves on')
    apart.signal(signal.SIGKILL)
    reeve.wait_for('orphan_reaped', pid=pids['apart'])
    equal(zombies(reeve.pid), [], 'zombies')
    reeve.never('slot_failed')
    reeve.never('worker_died')


def test_the_children_of_a_dead_worker_go_with_it(t):
    """Children of a crashed worker would hold its sockets and its memory for ever."""
    reeve = t.web(workers=1, command=t.misbehave('fork-children', 3, t.path('children'), '--serve'))
    worker = reeve.worker()
    children = [t.handle(int(pid)) for _name, pid in t.wait_file('children', lines=3)]
    worker.signal(signal.SIGKILL)
    death = reeve.death(worker)
    for child in children:
        child.wait_gone()
    reeve.worker(since=death)


def _skip_without_core_files(t):
    with open('/proc/sys/kernel/core_pattern', encoding='utf-8') as file:
        pattern = file.read().strip()
    t.skip_unless(not pattern.startswith(('|', '/')), f'core_pattern is {pattern}')
    t.skip_unless(shutil.disk_usage(t.dir).free > 3 << 30, 'needs 3 GiB on the disk')


def _core_size(t):
    sizes = [os.stat(t.path(name)).st_size for name in os.listdir(t.dir)
             if name.startswith('core')]
    equal(len(sizes), 1, 'core files')
    return sizes[0]


def test_a_crash_while_a_large_core_is_dumped(t):
    """The seat of a worker that dumps its memory would stay empty for as long as that takes."""
    _skip_without_core_files(t)
    reeve = t.web('--cwd', t.dir, '--rlimits', 'core=unlimited', '--beat-interval', '20ms',
                  workers=1,
                  command=t.misbehave('segv-big-core', 256, '--core', '--serve', '--on', 'usr1'))
    victim = reeve.worker()
    victim.signal(signal.SIGUSR1)
    dump = reeve.wait_for('core_dump', pid=victim.pid)
    successor = reeve.successor(victim)
    death = reeve.death(victim)
    equal((death['signal'], death['core_dumped'], death['cause']), ('SIGSEGV', True, 'crash'),
          'the explanation')
    started = reeve.wait_for('worker_started', pid=successor.pid)
    check(started.at < death.at, 'the successor was started before the dump was over')
    check(_core_size(t) >= 256 << 20, 'the dump is whole')
    reeve.never('kill')


def test_the_core_of_a_hung_worker_is_not_cut_off(t):
    """The trace that a hung worker was asked for would be cut short by the kill that follows."""
    _skip_without_core_files(t)
    reeve = t.web('--cwd', t.dir, '--rlimits', 'core=unlimited', '--timeout', '3s',
                  '--beat-interval', '50ms', '--abort-timeout', '500ms', workers=1)
    victim = reeve.worker()
    reeve.get('/leak?mb=512')
    with socket.socket() as client:
        client.connect(('127.0.0.1', int(reeve.address().rsplit(':', 1)[1])))
        client.sendall(b'GET /hang HTTP/1.1\r\nHost: x\r\n\r\n')
        reeve.wait_for('hang', pid=victim.pid)
        death = reeve.death(victim)
    equal((death['signal'], death['core_dumped']), ('SIGABRT', True), 'the explanation')
    check(_core_size(t) >= 512 << 20, 'the dump is whole')


def _memory_cgroup(t):
    """A memory cgroup below our own, with room for a sanitized reeve; skips where none can be."""
    t.skip_unless_root()
    with open('/proc/self/cgroup', encoding='utf-8') as file:
        own = {line.split(':', 2)[1]: line.strip().split(':', 2)[2] for line in file}
    places = [('/sys/fs/cgroup/memory' + own.get('memory', '/'), 'memory.limit_in_bytes'),
              ('/sys/fs/cgroup' + own.get('', '/'), 'memory.max')]
    for parent, limit in places:
        folder = os.path.join(parent, f'reeve-test-{os.getpid()}')
        try:
            os.mkdir(folder)
        except OSError:
            continue
        t.cleanups.append(lambda: os.rmdir(folder))
        try:
            for name in (limit, 'memory.swap.max'):
                if name == limit or os.path.exists(os.path.join(folder, name)):
                    with open(os.path.join(folder, name), 'w', encoding='utf-8') as file:
                        file.write(str(384 << 20) if name == limit else '0')
            return folder
        except OSError:
            continue
    t.skip_unless(False, 'no memory cgroup can be made here')
    return None


def test_an_oom_kill_is_explained(t):
    """Who runs out of memory would read of a SIGKILL from nowhere."""
    folder = _memory_cgroup(t)
    join = f'echo $$ > {folder}/cgroup.procs && exec "$@"'
    reeve = t.web(workers=1, before=['/bin/sh', '-c', join, 'sh'])
    victim = reeve.worker()
    try:
        reeve.get('/leak?mb=1600')
    except ConnectionError:
        pass
    death = reeve.death(victim)
    equal((death['cause'], death['oom_killed']), ('oom', True), 'the explanation')
    check('out of memory' in death['message'], 'message', death['message'])
    successor = reeve.successor(victim)
    successor.signal(signal.SIGKILL)
    equal(reeve.death(successor)['cause'], 'foreign_signal', 'a kill not by the OOM killer')
    reeve.stop()


if __name__ == '__main__':
    runner.main(globals())
