#!/usr/bin/env python3
"""The command line against the running daemon: to ask it, and to command it."""
import json
import signal
import subprocess

import runner
from client import tell
from harness import Stream, check, equal, patient, pause

# The daemon renders the status at most so often, and what it answers is as old.
SNAPSHOT = 0.26

CONFIG = '''
pools:
  web:
    command: {command}
    workers: 2
    listen: 127.0.0.1:0
    stable_after: 300ms
'''


def _web(t, *options, workers=2, **more):
    """A reeve that takes commands, with all its workers ready; and the path of its socket."""
    admin = t.path('admin.sock')
    reeve = t.web('--admin', admin, *options, workers=workers, **more)
    reeve.wait_ready(workers)
    return reeve, admin


def _status(t, admin):
    return json.loads(tell(t, 'status', '--json', admin=admin).out)


def _pids(t, admin):
    """{slot: pid} of the workers that serve, as it is now."""
    pause(SNAPSHOT)
    workers = _status(t, admin)['pools']['web']['workers']
    return {worker['slot']: worker['pid'] for worker in workers
            if worker['state'] == 'serving' and worker['role'] == 'current'}


def test_status_shows_every_worker(t):
    """An operator would see a wrong or half a picture."""
    reeve, admin = _web(t)
    page = tell(t, 'status', admin=admin).out
    status = _status(t, admin)
    equal(status['pid'], reeve.pid, 'the pid in the JSON')
    check(f'pid {reeve.pid} ' in page and '2/2 ready' in page, 'the head:', page)
    check(reeve.address() in page, 'the socket:', page)
    for slot, pid in _pids(t, admin).items():
        line = next(line for line in page.split('\n') if f' {pid} ' in line)
        check(line.split()[:3] == [str(slot), str(pid), 'serving'], 'a line each:', line)
    check('\033' not in page, 'no colours in a pipe')
    equal(tell(t, 'status', env={'REEVE_ADMIN': admin}).code, 0, 'by the environment')


def test_health_is_the_exit_code(t):
    """A container without a ready worker would be called healthy, or a good one be restarted."""
    reeve, admin = _web(t)
    equal(tell(t, 'health', admin=admin).out, 'ready\n', 'the line')
    equal(tell(t, 'health', 'web', admin=admin).out, 'web: 2 of 2 ready\n', 'of the pool')
    tell(t, 'health', 'wbe', admin=admin, code=1)
    tell(t, 'stop', 'web', admin=admin)
    told = tell(t, 'health', 'web', admin=admin, code=1)
    check('stopped by command' in told.err, 'why:', told.err)
    reeve.stop()
    tell(t, 'health', admin=admin, code=1)


def test_events_show_a_crash_as_it_happens(t):
    """Who watches the events would not see what the log has."""
    reeve, admin = _web(t, workers=1)
    watch = t.start(t.built('src/cli/reeve'), 'events', '-f', '--json', '--admin', admin,
                    stdout=subprocess.PIPE)
    seen = Stream(watch.child.stdout)
    seen.start()
    victims = [reeve.worker()]

    def crash(_left):
        # Whether the stream is there already is not known, so there is more than one crash.
        victims[-1].signal(signal.SIGKILL)
        reeve.death(victims[-1])
        victims.append(reeve.successor(victims[-1]))
        pause(0.05)
        return [event for event in seen.events if event['event'] == 'worker_died']
    event = patient(crash, 'an event')[0]
    check(event['pid'] in [victim.pid for victim in victims], 'the pid:', event)
    equal((event['pool'], event['slot'], event['signal']), ('web', 0, 'SIGKILL'), 'the fields')
    watch.signal(signal.SIGTERM)
    watch.wait()
    seen.close()


def test_reload_replaces_the_workers_and_says_so(t):
    """A deployment could not know when the new code serves, or that it does not."""
    reeve, admin = _web(t, '--stable-after', '300ms')
    old = _pids(t, admin)
    plan = tell(t, 'reload', '--dry-run', admin=admin).out
    check('web' in plan, 'what would be done:', plan)
    equal(_pids(t, admin), old, 'a dry run changes nothing')
    told = tell(t, 'reload', admin=admin)
    check('web: 2/2 replaced' in told.err, 'progress:', told.err)
    new = _pids(t, admin)
    check(set(new) == {0, 1} and not set(new.values()) & set(old.values()), 'new ones:', old, new)
    equal(_status(t, admin)['pools']['web']['generation'], 2, 'generation')
    tell(t, 'reload', 'web', '--changed', admin=admin)
    equal(_pids(t, admin), new, 'nothing has changed')
    reeve.never('worker_died', signal='SIGKILL')


def test_a_failed_reload_says_why_and_the_status_remembers(t):
    """A deployment would go on with the old code and nobody would know."""
    good = json.dumps(t.http_worker)
    admin = t.path('admin.sock')
    reeve = t.reeve('--admin', admin, config=CONFIG.format(command=good))
    reeve.wait_ready(2)
    old = _pids(t, admin)
    t.file('reeve.yaml', CONFIG.format(command='[sh, -c, "echo no module named app >&2; exit 7"]'))
    told = tell(t, 'reload', admin=admin, code=1)
    check('code 7' in told.err and 'no module named app' in told.err, 'why:', told.err)
    equal(_pids(t, admin), old, 'the old ones serve')
    page = tell(t, 'status', admin=admin).out
    check('diverged' in page and 'rolled_back' in page, 'the page:', page)
    t.file('reeve.yaml', 'pools: {web: {comand: x}}\n')
    told = tell(t, 'reload', admin=admin, code=1)
    check('reeve.yaml:1' in told.err and 'command' in told.err, 'the place:', told.err)
    t.file('reeve.yaml', CONFIG.format(command=good))
    tell(t, 'reload', admin=admin)
    check('diverged' not in tell(t, 'status', admin=admin).out, 'all is well again')


def test_scale_lasts_until_the_next_reload(t):
    """More load could not be met without an edit of the configuration."""
    _reeve, admin = _web(t)
    tell(t, 'scale', 'web=4', admin=admin)
    equal(len(_pids(t, admin)), 4, 'workers')
    check('4 workers, configured are 2' in tell(t, 'status', admin=admin).out, 'both numbers')
    tell(t, 'scale', '-1', admin=admin)
    tell(t, 'scale', '+2', '--no-wait', admin=admin)
    equal(_status(t, admin)['pools']['web']['desired'], 5, 'desired')
    for wrong in ('web=many', 'web=', 'wbe=3'):
        told = tell(t, 'scale', wrong, admin=admin, code=1)
        check(told.err.startswith('reeve: '), 'why:', told.err)


def test_stop_start_and_restart_take_a_pool_or_a_slot(t):
    """One bad worker could only be replaced with all the others."""
    _reeve, admin = _web(t)
    first = _pids(t, admin)
    tell(t, 'restart', 'web/1', admin=admin)
    second = _pids(t, admin)
    check(second[0] == first[0] and second[1] != first[1], 'only the slot:', first, second)
    tell(t, 'stop', 'web/0', admin=admin)
    equal(set(_pids(t, admin)), {1}, 'who is left')
    tell(t, 'start', 'web/0', admin=admin)
    equal(set(_pids(t, admin)), {0, 1}, 'who is back')
    tell(t, 'stop', 'web', admin=admin)
    equal(_pids(t, admin), {}, 'who is left')
    tell(t, 'start', 'web', admin=admin)
    equal(len(_pids(t, admin)), 2, 'who is back')


def test_wrong_names_are_refused_with_a_reason(t):
    """A mistyped name would be taken for a success, or for another pool."""
    _reeve, admin = _web(t, workers=1)
    for words in (['reload', 'wbe'], ['restart', 'wbe'], ['stop', 'web/9'], ['start', 'web/x'],
                  ['signal', 'wbe', 'USR1'], ['signal', 'web', 'USRX'], ['log-level', 'loud']):
        told = tell(t, *words, admin=admin, code=1)
        check(told.err.startswith('reeve: ') and told.out == '', 'why:', told)


def test_signal_and_log_level_reach_their_aim(t):
    """What a worker does on a signal, or what reeve decides, could not be looked at."""
    reeve, admin = _web(t)
    victim = reeve.worker(1)
    tell(t, 'signal', 'web/1', 'KILL', admin=admin)
    reeve.death(victim, signal='SIGKILL')
    reeve.successor(victim, 1)
    tell(t, 'log-level', 'warning', admin=admin)
    mark = reeve.mark()
    tell(t, 'restart', 'web', admin=admin)
    tell(t, 'log-level', 'debug', admin=admin)
    reeve.never('worker_ready', since=mark)


def test_shutdown_returns_when_reeve_is_gone(t):
    """What is started next would find the port taken."""
    for words in (['shutdown'], ['shutdown', '--fast']):
        reeve, admin = _web(t)
        told = tell(t, *words, admin=admin)
        check(not reeve.alive(), 'reeve is still there')
        equal(told.out, 'reeve has ended\n', 'what is said')
        reeve.finish(0)
        tell(t, 'status', admin=admin, code=69)


def test_who_is_in_no_list_may_neither_look_nor_command(t):
    """Any user of the machine could stop the service."""
    t.skip_unless_root()
    reeve, admin = _web(t, '--admin-mode', '0666', workers=1)
    for words in (['status'], ['reload'], ['shutdown'], ['events', '-f']):
        told = tell(t, *words, admin=admin, user=65534, code=77)
        check('65534' in told.err, 'who:', told.err)
    tell(t, 'health', admin=admin, user=65534, code=1)
    reeve.wait_for('admin_refused', uid=65534)


if __name__ == '__main__':
    runner.main(globals())
