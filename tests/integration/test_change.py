#!/usr/bin/env python3
"""What operators do to a running reeve, in the order and at the moments that nobody planned for."""
import json
import os
import signal
import subprocess

import admin
import net
import runner
from change import never_fewer, no_loss, reload, rewrite
from client import tell
from harness import check, descriptors, equal, patient, pause

CONFIG = '''
pools:
  web:
    command: {command}
    workers: {workers}
    listen: {listen}
    stable_after: 100ms
'''


def _start(t, workers=2, command=None, listen='127.0.0.1:0', extra='', ready=True):
    """A reeve that takes commands, with all its workers ready."""
    text = CONFIG.format(command=json.dumps(command or t.http_worker), workers=workers,
                         listen=listen)
    reeve = t.reeve('--admin', t.path('admin.sock'), config=text + extra)
    if ready:
        reeve.wait_ready(workers)
    return reeve


def _admin(t):
    return t.path('admin.sock')


def _begin(t, *words):
    """A command of a client, not waited for."""
    return t.start(t.built('src/cli/reeve'), *words, '--admin', _admin(t),
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _end(client):
    """(exit code, what it said on stderr) of such a command."""
    said = client.child.stderr.read().decode()
    return client.wait(), said


def _gated(t, *words):
    """Command of a worker that is ready at once, or once the file `go` is there, if `slow` is."""
    script = 'if [ -e slow ]; then exec "$@" --on file:go; fi; exec "$@" --on start'
    return ['/bin/sh', '-c', script, 'sh', *t.misbehave('late', '--serve', *words)]


def _threads(pid):
    return len(os.listdir(f'/proc/{pid}/task'))


def _live(reeve):
    """The pids of those that were started and have not died."""
    started = {event['pid'] for event in reeve.find('worker_started')}
    return started - {event['pid'] for event in reeve.find('worker_died')}


def _wait_live(reeve, count):
    """Waits until so many processes are left, and nobody is on the way."""
    patient(lambda left: len(_live(reeve)) == count or pause(min(left, 0.02)), f'{count} workers')
    return _live(reeve)


# Signals

def test_fewer_than_one_is_refused(t):
    """One TTOU too many would turn the service off."""
    reeve = _start(t, workers=2)
    first, last = reeve.worker(0), reeve.worker(1)
    reeve.signal(signal.SIGTTOU)
    reeve.wait_for('command_answer', command='scale', verdict='done')
    reeve.death(last)
    for _ in range(3):
        since = reeve.mark()
        reeve.signal(signal.SIGTTOU)
        reeve.wait_for('command_answer', since=since, command='scale', verdict='invalid')
    tell(t, 'scale', '-1', admin=_admin(t), code=1)
    equal(reeve.wait_pids(bool), {first.pid}, 'who is left')
    reeve.signal(signal.SIGTTIN)
    reeve.wait_pids(lambda pids: len(pids) == 2)


def test_signals_to_scale_several_pools_are_refused(t):
    """A signal that does not say which pool would change any of them."""
    more = '  queue: {command: [/bin/sleep, "600"], ready_after: 50ms, stable_after: 50ms}\n'
    reeve = _start(t, workers=1, extra=more)
    for number in (signal.SIGTTIN, signal.SIGTTOU):
        since = reeve.mark()
        reeve.signal(number)
        answer = reeve.wait_for('command_answer', since=since, command='scale')
        equal(answer['verdict'], 'invalid', 'the verdict')
        check('web=' in answer['message'], 'how it is said', answer['message'])
    reeve.never('scale')


def test_busy_workers_that_are_stopped_from_outside(t):
    """Workers that a stranger stops while they are busy would hang, or lose what they do."""
    reeve = _start(t, workers=2)
    address = reeve.address()
    workers, clients = [reeve.worker(slot) for slot in (0, 1)], []
    before = {worker.pid: len(descriptors(worker.pid)) for worker in workers}

    def is_busy(worker):
        return len(descriptors(worker.pid)) > before[worker.pid]

    def make_busy(_left):
        clients.append(net.connect(address))
        net.request(clients[-1], '/sleep?ms=3000')
        pause(0.02)
        return all(is_busy(worker) for worker in workers)
    patient(make_busy, 'two busy workers')
    for slot, worker in enumerate(workers):
        worker.signal(signal.SIGTERM)
        reeve.successor(worker, slot)
    for client in clients:
        with client:
            equal(net.answer(client)[0], 200, 'a request that was under way')
    for worker in workers:
        equal(reeve.death(worker)['exit_code'], 0, 'how it left')


def test_a_hangup_for_each_of_many_changes(t):
    """Whoever saves a file often, or has it done by a script, would stack up reloads."""
    reeve = _start(t, workers=3)
    for _ in range(30):
        reeve.signal(signal.SIGHUP)
    reeve.wait_for('reload', succeeded=True)
    # The last one counts: what the file says when it comes is what runs in the end.
    rewrite(reeve, CONFIG.format(command=json.dumps(t.http_worker), workers=4,
                                 listen='127.0.0.1:0'))
    reeve.signal(signal.SIGHUP)
    patient(lambda left: len(_live(reeve)) == 4 or pause(min(left, 0.02)), 'four workers')
    reeve.wait_pids(lambda pids: len(pids) >= 4)
    _wait_live(reeve, 4)
    never_fewer(reeve, 3)


# Reload

def test_reloads_leave_nothing_behind(t):
    """Each reload would cost reeve a descriptor or a thread, until it has no more."""
    reeve = _start(t, workers=6)
    reload(reeve)
    _wait_live(reeve, 6)
    before = (len(descriptors(reeve.pid)), _threads(reeve.pid))
    for _ in range(8):
        reload(reeve)
    _wait_live(reeve, 6)
    patient(lambda left: (len(descriptors(reeve.pid)), _threads(reeve.pid)) == before
            or pause(min(left, 0.02)), f'{before} descriptors and threads')


def test_reloads_behind_a_unix_socket(t):
    """Behind a proxy on a Unix socket, each reload would answer with errors."""
    reeve = _start(t, workers=3, listen='"unix:' + t.path('web.sock') + '"')
    load = t.loadgen(reeve.address(), '--connections', 32, '--fresh', 16, '--seconds', 0,
                     '--until-eof', '--timeout-ms', 50000)
    for _ in range(10):
        reload(reeve)
    no_loss(t, reeve, load, 20)
    never_fewer(reeve, 3)


def test_a_reload_takes_leave_of_those_who_never_go(t):
    """Old workers that do not listen would be there for ever, or keep the reload waiting."""
    reeve = _start(t, workers=2, command=t.misbehave('ignore-term', '--serve', '--no-drains'),
                   extra='    graceful_timeout: 500ms\n')
    old = [reeve.worker(slot) for slot in (0, 1)]
    tell(t, 'reload', admin=_admin(t))
    for worker in old:
        equal(reeve.death(worker, signal='SIGKILL')['reason'], 'reload', 'why')
    equal(len(reeve.find('kill', reason='reload')), 2, 'kills')
    check(not _wait_live(reeve, 2) & {worker.pid for worker in old}, 'who is left')


def test_workers_that_die_in_the_middle_of_a_reload(t):
    """A worker that dies while its successor boots would leave an empty seat, or two in one."""
    reeve = _start(t, workers=2, command=_gated(t))
    old = [reeve.worker(slot) for slot in (0, 1)]
    t.file('slow', '')
    client = _begin(t, 'reload')
    reeve.wait_for('worker_started', generation=2)
    for worker in old:
        worker.signal(signal.SIGKILL)
        reeve.death(worker)
    t.file('go', '')
    equal(_end(client)[0], 0, 'exit code of the reload')
    reeve.wait_for('reload', succeeded=True)
    pids = _wait_live(reeve, 2)
    equal(reeve.wait_pids(lambda seen: len(seen) == 2), pids, 'who serves')


def test_commands_during_a_reload_are_refused(t):
    """Two deployments at once would each undo half of the other."""
    reeve = _start(t, workers=2, command=_gated(t))
    t.file('slow', '')
    client = _begin(t, 'reload')
    reeve.wait_for('worker_started', generation=2)
    for words in (['reload'], ['scale', '3'], ['restart', 'web'], ['stop', 'web'],
                  ['start', 'web']):
        told = tell(t, *words, admin=_admin(t), code=1)
        check('a reload is under way' in told.err, 'why:', words, told.err)
    tell(t, 'status', admin=_admin(t))
    tell(t, 'signal', 'web', 'WINCH', admin=_admin(t))
    t.file('go', '')
    equal(_end(client)[0], 0, 'exit code of the first')
    tell(t, 'scale', '3', admin=_admin(t))
    equal(len(_wait_live(reeve, 3)), 3, 'workers')


def test_the_admin_socket_outlives_reloads(t):
    """After a reload nobody could ask or command reeve any more."""
    reeve = _start(t)
    inode = os.stat(_admin(t)).st_ino
    for generation in (2, 3):
        tell(t, 'reload', admin=_admin(t))
        answer = admin.call(_admin(t), 'GET', '/v1/status')
        equal(answer.json['pid'], reeve.pid, 'who answers')
        patient(lambda left, generation=generation: pause(min(left, 0.05)) or generation ==
                admin.call(_admin(t), 'GET', '/v1/status').json['pools']['web']['generation'],
                'the generation')
    equal(os.stat(_admin(t)).st_ino, inode, 'the same socket')


def test_without_an_admin_socket(t):
    """Who wants no admin socket would have one all the same, or could not reload."""
    reeve = t.reeve('--admin', 'none', config=CONFIG.format(
        command=json.dumps(t.http_worker), workers=1, listen='127.0.0.1:0'))
    reeve.wait_ready(1)
    reeve.never('admin_listening')
    reload(reeve)
    reeve.get()


def test_a_socket_file_that_somebody_removed(t):
    """Who cleans up a directory would cut reeve off until its next start."""
    path = t.path('web.sock')
    reeve = _start(t, workers=2, listen=f'"unix:{path}"')
    os.unlink(path)
    check(net.refused(f'unix:{path}'), 'nobody can connect')
    reload(reeve)
    reeve.get()
    inode = os.stat(path).st_ino
    # And from then on all is as ever.
    reload(reeve)
    reeve.wait_pids(lambda pids: len(pids) == 2)
    equal(os.stat(path).st_ino, inode, 'the same file')
    reeve.stop()
    check(not os.path.exists(path), 'the file goes with reeve')


def test_a_socket_that_comes_back(t):
    """A socket that was removed by mistake would stay deaf when it is put back."""
    both = f'{{web: "127.0.0.1:0", tcp: "127.0.0.2:0", path: "unix:{t.path("more.sock")}"}}'
    more = '    max_draining: 5\n'
    reeve = _start(t, workers=1, listen=both, extra=more)
    text = CONFIG.format(command=json.dumps(t.http_worker), workers=1, listen='{}') + more
    worker = reeve.worker()
    before = descriptors(worker.pid)
    with net.connect(reeve.address()) as client:
        # The old worker is busy for so long that its sockets are still open all the while.
        net.request(client, '/sleep?ms=4000')
        patient(lambda left: len(descriptors(worker.pid)) > len(before) or pause(min(left, 0.01)),
                'a connection that was accepted')
        rewrite(reeve, text.format('127.0.0.1:0'))
        reload(reeve)
        rewrite(reeve, text.format(both))
        since = reeve.mark()
        reload(reeve)
        check(not worker.gone(), 'the first worker is still there')
        for name in ('web', 'tcp', 'path'):
            reeve.get(socket=name)
        listening = reeve.find('listening', since=since, socket='path')
        equal(len(listening), 1, 'the path is made anew')
        equal(net.answer(client)[0], 200, 'the request of the first worker')


def test_words_of_workers_after_a_reload(t):
    """What workers say would be lost once they were reloaded."""
    script = 'echo "hello from $REEVE_GENERATION" >&2; exec "$@"'
    reeve = _start(t, workers=1, command=['/bin/sh', '-c', script, 'sh', *t.http_worker])
    reeve.wait_line('hello from 1')
    reload(reeve)
    reeve.wait_line('hello from 2')
    reload(reeve)
    reeve.wait_line('hello from 3')


def test_pools_do_not_see_the_sockets_of_others(t):
    """A worker would hold a socket that is not its own, and keep it open when it is closed."""
    queue = '  queue:\n    command: [/bin/sleep, "600"]\n    workers: 1\n' \
            '    ready_after: 50ms\n    stable_after: 50ms\n    liveness: none\n'
    reeve = _start(t, workers=1, extra=queue)
    reeve.worker(pool='queue')
    for _ in range(2):
        since = reeve.mark()
        reload(reeve)
        worker = reeve.worker(pool='queue', since=since)
        equal(sorted(descriptors(worker.pid)), [0, 1, 2], 'descriptors of the queue')


# Restart, stop, scale

VERSION = '#!/bin/sh\nexport VERSION={version}\nexec "$@"\n'


def _variable(pid, name):
    with open(f'/proc/{pid}/environ', 'rb') as file:
        words = dict(word.split(b'=', 1) for word in file.read().split(b'\0') if b'=' in word)
    return words.get(name.encode(), b'').decode()


def test_a_restart_takes_new_programs_and_no_new_configuration(t):
    """A new program would run unasked, or a restart roll out a file that nobody has checked."""
    program = t.file('program', VERSION.format(version=1), mode=0o755)
    config = CONFIG.format(command=json.dumps([program, *t.http_worker]), workers=2,
                           listen='127.0.0.1:0') + '    env: {{EDITION: "{edition}"}}\n'
    reeve = t.reeve('--admin', _admin(t), config=config.format(edition='first'))

    def versions(old):
        """Of the two workers that follow those, once they are alone."""
        patient(lambda left: len(_live(reeve)) == 2 and not _live(reeve) & old or
                pause(min(left, 0.02)), 'two workers')
        return {(_variable(pid, 'VERSION'), _variable(pid, 'EDITION')) for pid in _live(reeve)}
    first = set(reeve.wait_ready(2))
    equal(versions(set()), {('1', 'first')}, 'at the start')
    os.unlink(program)
    t.file('program', VERSION.format(version=2), mode=0o755)
    rewrite(reeve, config.format(edition='second'))
    equal(reeve.wait_pids(lambda seen: len(seen) == 2), first, 'when the files have changed')
    tell(t, 'restart', 'web', admin=_admin(t))
    equal(versions(first), {('2', 'first')}, 'after the restart')
    second = _live(reeve)
    tell(t, 'reload', admin=_admin(t))
    equal(versions(second), {('2', 'second')}, 'after the reload')


def test_restarts_while_workers_are_slow_to_start(t):
    """Impatient operators would have more workers than they asked for."""
    reeve = _start(t, workers=3, command=_gated(t))
    old = set(reeve.wait_ready(3))
    t.file('slow', '')
    clients = [_begin(t, 'restart', 'web') for _ in range(3)]
    reeve.wait_for('rotation_start')
    t.file('go', '')
    codes = sorted(_end(client)[0] for client in clients)
    equal(codes[0], 0, 'the last of them is answered with success')
    patient(lambda left: not _live(reeve) & old or pause(min(left, 0.02)), 'all replaced')
    equal(len(_wait_live(reeve, 3)), 3, 'workers')
    never_fewer(reeve, 3)


def test_a_stop_in_the_middle_of_a_restart(t):
    """A stop would wait for successors that never come, or leave one behind."""
    reeve = _start(t, workers=2, command=_gated(t))
    t.file('slow', '')
    client = _begin(t, 'restart', 'web')
    reeve.wait_for('rotation_start')
    reeve.stop()
    code, said = _end(client)
    equal(code, 1, 'exit code of the restart')
    check('stopping' in said, 'why:', said)
    equal(reeve.find('stopped')[-1]['killed'], 0, 'killed')


def test_stop_and_start_of_a_pool_in_the_middle_of_a_restart(t):
    """The successor of a stopped worker would serve on, unasked."""
    reeve = _start(t, workers=2, command=_gated(t))
    t.file('slow', '')
    client = _begin(t, 'restart', 'web')
    reeve.wait_for('rotation_start')
    tell(t, 'stop', 'web', admin=_admin(t))
    check(_end(client)[0] != 0, 'the restart says that it did not happen')
    _wait_live(reeve, 0)
    t.file('go', '')
    tell(t, 'start', 'web', admin=_admin(t))
    equal(len(_wait_live(reeve, 2)), 2, 'workers')
    reeve.wait_pids(lambda seen: len(seen) == 2)


def test_the_numbers_of_a_scale_that_is_overtaken(t):
    """Of several scripts that scale, the last would not get what it asked for."""
    reeve = _start(t, workers=2, command=_gated(t))
    t.file('slow', '')
    first = _begin(t, 'scale', '5')
    reeve.wait_for('scale', to=5)
    second = _begin(t, 'scale', '3')
    reeve.wait_for('scale', to=3)
    code, said = _end(first)
    check(code == 1 and 'took its place' in said, 'the first is told', code, said)
    t.file('go', '')
    equal(_end(second)[0], 0, 'exit code of the second')
    equal(len(_wait_live(reeve, 3)), 3, 'workers')


def test_the_status_counts_what_was_asked_across_changes(t):
    """The numbers would begin anew, or count twice, at each reload."""
    reeve = _start(t, workers=2, extra='    beat_interval: 50ms\n')
    for asked in (20, 40, 60):
        for _ in range(20):
            reeve.get()
        wanted = f'reeve_requests_total{{pool="web"}} {asked}'

        def is_there(left, wanted=wanted):
            page = admin.call(_admin(t), 'GET', '/metrics').body
            return wanted in page.split('\n') or pause(min(left, 0.05))
        patient(is_there, wanted)
        tell(t, 'reload', admin=_admin(t))


if __name__ == '__main__':
    runner.main(globals())
