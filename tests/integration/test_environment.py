#!/usr/bin/env python3
"""What a pool's configuration makes of a worker's surroundings, as the worker itself reports it."""
import os
import pwd
import signal

import cgroup
import runner
from harness import check, equal

GAVE_UP, CONFIG = 3, 78


def _state(t, *options, words=(), **more):
    """(reeve, what its one worker found)."""
    command = t.misbehave('print-state', t.path('state'), '--serve', '--marker', t.path('marks'),
                          *words)
    reeve = t.web(*options, workers=1, command=command, **more)
    reeve.worker()
    return reeve, t.wait_json('state')


def test_a_broken_env_file_is_named_with_its_line(t):
    """A typo in a file of secrets would start nobody, and nobody would learn why."""
    file = t.file('secrets', 'A=1\n# fine\nthis is no pair\n')
    reeve = t.web('--env-file', file, workers=1)
    failure = reeve.wait_for('spawn_failure')
    check(f'{file}:3' in failure['reason'], 'file and line', failure['reason'])
    reeve.finish(GAVE_UP)
    reeve.never('worker_started')


def test_an_env_file_that_is_missing(t):
    """Workers would run without their secrets."""
    path = t.path('nowhere')
    code, text = t.run('--listen', '127.0.0.1:0', '--workers', 1, '--env-file', path,
                       command=t.http_worker)
    check(code in (GAVE_UP, CONFIG), 'exit code', code)
    check(path in text and 'No such file' in text, 'what is said', text)


def test_an_env_file_that_breaks_later_leaves_the_others(t):
    """A bad edit of the file of secrets would take down what still runs."""
    file = t.file('secrets', 'A=1\n')
    reeve = t.web('--env-file', file, '--backoff-min', '10ms', '--backoff-max', '50ms', workers=2)
    workers = [reeve.worker(slot=0), reeve.worker(slot=1)]
    t.file('secrets', 'broken\n')
    workers[0].signal(signal.SIGKILL)
    reeve.wait_for('spawn_failure', count=4)
    equal(int(reeve.get()), workers[1].pid, 'who serves')
    t.file('secrets', 'A=2\n')
    reeve.worker(slot=0, since=reeve.death(workers[0]))
    reeve.never('worker_died', pid=workers[1].pid)


def test_the_pid_variable_is_right_after_each_start(t):
    """A successor that is told its predecessor's pid would ignore its sockets."""
    reeve, first = _state(t)
    os.unlink(t.path('state'))
    worker = reeve.worker()
    worker.signal(signal.SIGKILL)
    reeve.worker(since=reeve.death(worker))
    second = t.wait_json('state')
    for state in (first, second):
        equal(int(state['env']['LISTEN_PID']), state['pid'], 'LISTEN_PID')
        equal((state['env']['LISTEN_FDS'], state['env']['LISTEN_FDNAMES']), ('1', 'web'), 'sockets')
    check(first['pid'] != second['pid'], 'two processes')


def test_an_orphan_of_another_user_gets_its_stop_signal(t):
    """A change of user clears the signal that a worker gets when reeve is killed: it would serve on
    for ever, with the port."""
    t.skip_unless_root()
    os.chmod(t.dir, 0o777)
    # It stays when its channel ends, so that the signal alone can end it.
    reeve, state = _state(t, '--user', 'nobody', '--stop-signal', 'QUIT', words=('--stay',))
    equal(state['uid'], [pwd.getpwnam('nobody').pw_uid] * 2, 'uid')
    worker = t.handle(state['pid'])
    reeve.kill()
    worker.wait_gone()
    check(['quit'] in [words[1:] for words in t.wait_file('marks')], 'it got the stop signal')


def test_limits_apply_to_workers_and_not_to_reeve(t):
    """A limit meant for a worker would stop its supervisor."""
    reeve, state = _state(t, '--rlimits', 'nofile=64', '--rlimits', 'nproc=1234')
    equal(state['rlimits']['nofile'], [64, 64], 'descriptors')
    equal(state['rlimits']['nproc'], [1234, 1234], 'processes')
    with open(f'/proc/{reeve.pid}/limits', encoding='utf-8') as file:
        limits = {line[:26].strip(): line[26:].split()[:2] for line in file}
    equal(limits['Max open files'][0], limits['Max open files'][1], "reeve's own limit is raised")
    check(int(limits['Max open files'][0]) > 64, 'descriptors of reeve', limits)


def test_affinity_stays_with_the_slot(t):
    """A restarted worker would share a CPU with another, and leave one idle."""
    reeve = t.web('--cpu-affinity', 'yes', workers=2,
                  command=t.misbehave('print-state', t.path('state.{slot}'), '--serve'))
    reeve.wait_ready(2)
    before = t.wait_json('state.1')['affinity']
    os.unlink(t.path('state.1'))
    worker = reeve.worker(slot=1)
    worker.signal(signal.SIGKILL)
    reeve.worker(slot=1, since=reeve.death(worker))
    equal(t.wait_json('state.1')['affinity'], before, 'CPUs of slot 1')


def test_workers_auto_honours_the_cgroup(t):
    """A container that may use one CPU of many would start workers for all of them."""
    t.skip_unless_root()
    before = cgroup.with_quota(t, 1)
    reeve = t.reeve('--listen', '127.0.0.1:0', '--workers', 'auto', before=before,
                    command=t.http_worker)
    reeve.wait_ready(3)
    equal(reeve.find('pool_ready', complete=True)[0]['wanted'], 3, 'workers')
    check(any('auto = 2 x 1 CPUs + 1 = 3' in note['message'] for note in reeve.find('note')),
          'the arithmetic is logged', reeve.find('note'))
    reeve.stop()


if __name__ == '__main__':
    runner.main(globals())
