#!/usr/bin/env python3
"""Workers that talk to reeve as they would to systemd: ready, alive, stopping, with a status."""
import os
import shutil
import signal
import socket
import stat

import runner
from harness import check, descriptors, equal, pause
from speaker import SPEAKER, speaker, start, wait_worker, workers

WATCHED = ('--liveness', 'notify', '--ready', 'notify', '--timeout', '2s', '--abort-timeout',
           '300ms')
SERVES = ('send:READY=1|STATUS=at your service', 'feed:0.5')


def _env(t, pid):
    """The environment that the worker wrote down."""
    return t.wait_json(f'env.{pid}')


def test_a_worker_is_ready_when_it_says_so(t):
    """A worker that speaks systemd's protocol would not be understood, or never told where to."""
    reeve = start(t, *WATCHED, words=('env:env', *SERVES))
    ready = reeve.wait_for('worker_ready')
    equal(ready['by'], 'notify', 'what made it ready')
    env = _env(t, ready['pid'])
    equal(env['WATCHDOG_PID'], str(ready['pid']), 'whose watchdog')
    equal(env['WATCHDOG_USEC'], '2000000', 'how often to feed it, at least')
    check('REEVE_HEARTBEAT_FD' not in env, 'no pipe that nobody listens to')
    mode = os.stat(env['NOTIFY_SOCKET']).st_mode
    check(stat.S_ISSOCK(mode), 'a socket')
    worker = wait_worker(t, 'a watchdog', lambda one: one['liveness'] == 'notify')
    equal((worker['ready_by'], worker['status_text']), ('notify', 'at your service'),
          'what is known of it')
    check(worker['beat_age_seconds'] < 2, 'how old its last sign is', worker)
    reeve.stop()
    check(not os.path.exists(env['NOTIFY_SOCKET']), 'its socket goes with it')
    equal([name for name in os.listdir(t.path('run')) if name.startswith('workers.')], [],
          'what is left in the runtime directory')


def test_a_worker_that_never_says_it_is_ended(t):
    """A boot that hangs would be taken for a worker that serves."""
    reeve = start(t, *WATCHED, '--start-timeout', '500ms', words=('send:STATUS=loading', 'usr1'))
    reeve.wait_for('start_timeout')
    reeve.never('worker_ready')
    equal(reeve.wait_for('worker_died')['reason'], 'start_timeout', 'the reason')


def test_a_watchdog_that_is_not_fed(t):
    """A worker that is stuck would stay for ever, although it has promised signs of life."""
    reeve = start(t, *WATCHED, words=(*SERVES, 'usr1', 'starve'))
    victim = reeve.worker()
    pause(3)    # longer than the timeout: it is fed
    reeve.never('hang')
    victim.signal(signal.SIGUSR1)
    hang = reeve.wait_for('hang', pid=victim.pid)
    equal(hang['by'], 'watchdog', 'what told it')
    check(hang['silence_seconds'] >= 2, 'silence', hang)
    check('watchdog not fed' in hang['message'], 'the reason', hang['message'])
    death = reeve.death(victim)
    equal((death['reason'], death['signal']), ('hang', 'SIGABRT'), 'the explanation')
    reeve.successor(victim)


def test_a_stopped_process_is_found_by_its_watchdog(t):
    """A worker that SIGSTOP stopped says nothing any more, and nobody would notice."""
    reeve = start(t, *WATCHED, words=SERVES)
    victim = reeve.worker()
    wait_worker(t, 'a watchdog', lambda one: one['liveness'] == 'notify')
    victim.signal(signal.SIGSTOP)
    equal(reeve.wait_for('hang', pid=victim.pid)['by'], 'watchdog', 'what told it')
    reeve.successor(victim)


def test_a_worker_that_finds_out_itself(t):
    """WATCHDOG=trigger means: end me now; waiting for the timeout would be of no use."""
    reeve = start(t, *WATCHED, '--timeout', '60s', words=(*SERVES, 'usr1', 'send:WATCHDOG=trigger'))
    victim = reeve.worker()
    victim.signal(signal.SIGUSR1)
    hang = reeve.wait_for('hang', pid=victim.pid)
    equal(hang['by'], 'trigger', 'what told it')
    reeve.successor(victim)


def test_a_worker_that_says_that_it_stops(t):
    """Its successor would come only after it is gone, and its watchdog would kill it meanwhile."""
    reeve = start(t, *WATCHED, words=(*SERVES, 'usr1', 'starve', 'send:STOPPING=1|STATUS=bye'))
    leaver = reeve.worker()
    leaver.signal(signal.SIGUSR1)
    equal(reeve.wait_for('rotation_due', pid=leaver.pid)['reason'], 'own_drain', 'the reason')
    equal(reeve.wait_for('worker_notice', pid=leaver.pid)['what'], 'stopping', 'what it said')
    reeve.successor(leaver)
    reeve.death(leaver)
    reeve.never('hang', pid=leaver.pid)


def test_a_worker_that_needs_more_time(t):
    """A long migration in a boot would be cut off, although the worker said how long it takes."""
    reeve = start(t, *WATCHED, '--start-timeout', '1s',
                  words=('send:EXTEND_TIMEOUT_USEC=60000000', 'usr1', *SERVES))
    notice = reeve.wait_for('worker_notice', what='extension')
    # At most ten times as long as was configured.
    check(9 < notice['extension_seconds'] <= 10, 'what was granted', notice)
    pause(1.5)
    reeve.never('start_timeout')
    t.handle(notice['pid']).signal(signal.SIGUSR1)
    reeve.wait_for('worker_ready', pid=notice['pid'])


def test_descriptors_that_come_along(t):
    """BARRIER=1 would never return, and reeve would run out of descriptors."""
    reeve = start(t, *WATCHED, words=(*SERVES, 'usr1', *['barrier'] * 20, 'send:STATUS=through'))
    worker = reeve.worker()
    before = len(descriptors(reeve.pid))
    worker.signal(signal.SIGUSR1)
    wait_worker(t, 'all barriers behind it', lambda one: one['status_text'] == 'through')
    reeve.wait_descriptors(before)


def test_garbage_is_dropped(t):
    """Bytes that are no message would be believed, or shown as they are."""
    words = (*SERVES, 'send:no message', 'big:5000', 'send:', 'send:READY', 'send:MAINPID=1',
             'send:ERRNO=13|BUSERROR=org.x', 'send:STATUS=\x1b[31mred\x7f' + 'x' * 400)
    reeve = start(t, *WATCHED, words=words)
    garbage = reeve.wait_for('garbage', channel='notify')
    check(garbage['count'] >= 1, 'count', garbage)
    worker = wait_worker(t, 'a clean status', lambda one: 'red' in (one['status_text'] or ''))
    check(worker['status_text'].isprintable(), 'nothing that moves a cursor', worker['status_text'])
    check(len(worker['status_text']) <= 256, 'its length', len(worker['status_text']))
    equal(worker['main_pid'], None, 'a pid outside its tree is none of its own')
    equal((worker['errno'], worker['bus_error']), (13, 'org.x'), 'its errors')
    reeve.never('worker_died')


def test_a_flood_is_stopped(t):
    """One mad worker would keep reeve from hearing the others."""
    reeve = start(t, *WATCHED, words=(*SERVES, 'usr1', 'flood'))
    victim = reeve.worker()
    victim.signal(signal.SIGUSR1)
    flood = reeve.wait_for('flood', pid=victim.pid)
    check(flood['packets'] > 200, 'packets', flood)
    equal(reeve.wait_for('rotation_due', pid=victim.pid)['reason'], 'flood', 'the reason')
    reeve.successor(victim)
    reeve.death(victim)


def test_nothing_is_offered_unasked(t):
    """Programs change what they do when they find NOTIFY_SOCKET, or talk to reeve's own manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(t.path('manager'))
        reeve = start(t, '--ready-after', '100ms', words=('env:env',),
                      env={'NOTIFY_SOCKET': t.path('manager'), 'WATCHDOG_USEC': '60000000'})
        env = _env(t, reeve.worker().pid)
        check(not [key for key in env if key.startswith(('NOTIFY_', 'WATCHDOG_', 'EINHORN_',
                                                          'SERVER_STARTER_'))], 'offers', env)
        equal(workers(t)[0]['ready_by'], 'time', 'what made it ready')
        reeve.stop()
    os.unlink(t.path('manager'))


def test_the_main_pid_of_a_wrapper(t):
    """Whoever looks for the program behind a wrapper would find the wrapper."""
    line = ' '.join(speaker())
    reeve = start(t, *WATCHED, command=[
        '/bin/sh', '-c', f'{line} usr1 & {line} "send:READY=1|MAINPID=$!"; wait'])
    reeve.wait_for('worker_ready')
    worker = wait_worker(t, 'a main pid', lambda one: one['main_pid'])
    check(worker['main_pid'] != worker['pid'], 'the child of the shell', worker)


def test_another_user(t):
    """A worker that runs as somebody else could not reach its socket, or everybody could."""
    t.skip_unless_root()
    t.skip_unless(os.path.exists('/usr/bin/python3'), 'needs a python3 that everybody may run')
    script = shutil.copy(SPEAKER, t.path('speaker.py'))
    os.chmod(script, 0o755)
    reeve = start(t, *WATCHED, '--user', 'nobody',
                  command=['/usr/bin/python3', '-S', script, 'send:READY=1'])
    pid = reeve.wait_for('worker_ready')['pid']
    folder = [name for name in os.listdir(t.path('run')) if name.startswith('workers.')][0]
    path = os.path.join(t.path('run'), folder, os.listdir(os.path.join(t.path('run'), folder))[0])
    held = os.stat(path)
    equal((held.st_uid, stat.S_IMODE(held.st_mode)), (65534, 0o600), 'owner and mode')
    stranger = os.fork()
    if stranger == 0:
        os.setgid(1)
        os.setuid(1)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.sendto(b'STATUS=forged', path)
        except PermissionError:
            os._exit(7)
        os._exit(0)
    equal(os.waitstatus_to_exitcode(os.waitpid(stranger, 0)[1]), 7, 'a stranger is kept out')
    check(pid in [worker['pid'] for worker in workers(t)], 'it serves on')


def test_left_over_sockets_are_swept(t):
    """Each reeve that was killed would leave a directory, for ever."""
    reeve = start(t, *WATCHED, '--orphans', 'stop', words=SERVES)
    reeve.wait_for('worker_ready')
    reeve.kill()
    left = [name for name in os.listdir(t.path('run')) if name.startswith('workers.')]
    equal(len(left), 1, 'what a killed reeve leaves')
    again = start(t, *WATCHED, '--admin', t.path('again.sock'), words=SERVES)
    again.wait_for('worker_ready')
    check(not os.path.exists(os.path.join(t.path('run'), left[0])), 'it is swept')
    os.unlink(t.path('admin.sock'))


def test_a_timeout_that_nobody_can_keep_is_said(t):
    """Who writes a timeout for a worker that never feeds a watchdog would think it is watched."""
    reeve = start(t, *WATCHED, '--timeout', '300ms', words=('send:READY=1',))
    equal(reeve.wait_for('not_enforced')['setting'], 'timeout', 'the setting')
    reeve.never('hang')


GUNICORN = '''
import os
def app(environ, start_response):
    body = str(os.getpid()).encode()
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]
'''


def test_gunicorn(t):
    """gunicorn says READY=1 to whoever listens: it would be called ready before it is."""
    t.skip_unless(os.path.exists('/usr/bin/gunicorn'), 'needs gunicorn')
    t.file('hello.py', GUNICORN)
    extra = {'RUNTIME_DIRECTORY': t.path('run'), 'REEVE_ADMIN': t.path('admin.sock')}
    reeve = t.web('--liveness', 'notify', '--ready', 'notify', env=extra,
                  command=['gunicorn', '--workers', '1', '--chdir', t.dir, '--worker-tmp-dir',
                           t.dir, 'hello:app'])
    equal(reeve.wait_for('worker_ready')['by'], 'notify', 'what made it ready')
    worker = wait_worker(t, 'a status', lambda one: one['status_text'])
    check('gunicorn' in worker['status_text'].lower(), 'its status', worker['status_text'])
    check(int(reeve.get('/')) > 0, 'it serves')


def test_puma(t):
    """puma feeds a watchdog: one that hangs would not be found."""
    t.skip_unless(os.path.exists('/usr/bin/puma'), 'needs puma')
    t.skip_unless(os.path.exists('/usr/lib/ruby/vendor_ruby/sd_notify.rb') or
                  os.path.exists('/usr/share/rubygems-integration/all/gems/sd_notify-0.1.1'),
                  'needs ruby-sd-notify')
    t.file('config.ru', 'run ->(env) { [200, {"content-length" => "2"}, ["ok"]] }\n')
    extra = {'RUNTIME_DIRECTORY': t.path('run'), 'REEVE_ADMIN': t.path('admin.sock')}
    # It takes a socket only where its configuration names the same address.
    reeve = t.web('--liveness', 'notify', '--ready', 'notify', '--timeout', '3s', env=extra,
                  command=['puma', '--bind', 'tcp://127.0.0.1:{port:web}', '--threads', '1:1',
                           'config.ru'])
    ready = reeve.wait_for('worker_ready')
    equal(ready['by'], 'notify', 'what made it ready')
    equal(reeve.get('/'), 'ok', 'it serves')
    wait_worker(t, 'a watchdog', lambda one: one['liveness'] == 'notify')
    victim = t.handle(ready['pid'])
    victim.signal(signal.SIGSTOP)
    equal(reeve.wait_for('hang', pid=victim.pid)['by'], 'watchdog', 'what told it')
    reeve.successor(victim)
    equal(reeve.get('/'), 'ok', 'its successor serves')


if __name__ == '__main__':
    runner.main(globals())
