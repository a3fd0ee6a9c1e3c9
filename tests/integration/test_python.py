#!/usr/bin/env python3
"""The Python client with the real daemon, and Debian's uvicorn under it."""
import json
import os
import re
import signal
import subprocess

import net
import python_worker
import runner
from change import never_fewer, no_loss, reload
from harness import check, equal, patient, pause
from python_worker import PYTHON, WebSocket, web

CONNECTIONS = 32
ROTATIONS = 20
RELOADS = 5


def _load(t, reeve, *options):
    return t.loadgen(reeve.address(), '--connections', CONNECTIONS, '--seconds', 0, '--until-eof',
                     '--timeout-ms', 50000, *options)


def _drains(reeve, worker):
    return reeve.wait_for('transition', pid=worker.pid, to='draining')


def test_rotation_loses_nothing(t):
    """Each replacement of a Python worker would cost some keep-alive client an error."""
    reeve = web(t, '--max-requests', 400, '--max-requests-jitter', 100, '--max-draining', 20,
                workers=2)
    reeve.wait_ready(2)
    load = _load(t, reeve, '--idle', CONNECTIONS // 2, '--idle-ms', 1000)
    reeve.wait_for('rotation', count=ROTATIONS, reason='requests', seconds=240)
    no_loss(t, reeve, load, ROTATIONS)
    never_fewer(reeve, 2)


def test_reload_loses_nothing(t):
    """Each reload would cost some keep-alive client an error."""
    reeve = web(t, '--handoff', 'receive', '--stable-after', '100ms', workers=2)
    reeve.wait_ready(2)
    load = _load(t, reeve, '--idle', CONNECTIONS // 2, '--idle-ms', 1000)
    for _ in range(RELOADS):
        reload(reeve)
    no_loss(t, reeve, load, RELOADS)
    never_fewer(reeve, 2)


def test_rotation_is_due_at_the_quota(t):
    """A worker would be replaced only when its next beat comes by."""
    reeve = web(t, '--max-requests', 10, '--timeout', '120s', '--beat-interval', '30s')
    worker = reeve.worker()
    with net.connect(reeve.address()) as connection:
        for _ in range(10):
            net.request(connection, '/', close=False)
            equal(net.answer(connection), (200, f'{worker.pid}\n'), 'an answer')
        equal(reeve.wait_for('rotation_due', pid=worker.pid)['value'], 10, 'requests')
        _drains(reeve, worker)
        # The open connection gets one more answer, and is told that it is the last one.
        net.request(connection, '/', close=False)
        equal(net.answer(connection), (200, f'{worker.pid}\n'), 'the last answer')
        equal(connection.recv(1), b'', 'the end')
    equal(reeve.death(worker)['exit_code'], 0, 'exit code')


def test_blocked_loop_is_found(t):
    """A worker whose event loop stands still would serve nobody for ever."""
    reeve = web(t, '--timeout', '2s')
    worker = reeve.worker()
    with net.connect(reeve.address()) as connection:
        net.request(connection, '/block?1000')
        reeve.wait_for('hang', pid=worker.pid)
    reeve.successor(worker)
    check(int(reeve.get('/')) != worker.pid, 'another one serves')


def test_waiting_is_no_hang(t):
    """A request that waits for a slow database would be taken for a hang."""
    reeve = web(t, '--timeout', '3s', '--beat-interval', '100ms')
    worker = reeve.worker()
    equal(reeve.get('/pause?4'), str(worker.pid), 'an answer')
    reeve.never('hang')


def test_lifespan_decides_readiness(t):
    """A worker would be called ready before its application has started."""
    gate = t.path('gate')
    reeve = web(t, '--ready-after', '100ms', env={'GATE': gate})
    (pid,), = t.wait_file('booted')
    pause(0.5)
    reeve.never('worker_ready')
    t.file('gate', '')
    equal(reeve.worker().pid, int(pid), 'who is ready')


def test_failed_lifespan_is_not_ready(t):
    """A reload onto an application that cannot start would replace one that works."""
    reeve = web(t, env={'FAIL': '1'})
    equal(reeve.wait_for('worker_died')['exit_code'], 3, 'exit code')
    reeve.finish(3)
    reeve.never('worker_ready')


def test_requests_in_flight_end_well(t):
    """A reload would cut answers that have begun, and those that take long."""
    reeve = web(t, '--stable-after', '100ms')
    worker = reeve.worker()
    address = reeve.address()
    with net.connect(address) as waits, net.connect(address) as streams:
        net.request(waits, '/wait?go', close=False)
        net.request(streams, '/stream?go', close=False)
        check(streams.recv(1), 'the beginning of an answer')
        t.wait_file('begun')
        reload(reeve)
        _drains(reeve, worker)
        check(int(reeve.get('/')) != worker.pid, 'another one serves')
        t.file('go', '')
        equal(net.answer(waits), (200, f'{worker.pid}\n'), 'an answer')
        text = b''
        while not text.endswith(b'end\n'):
            text += streams.recv(1024)
        # Its head was sent before: the connection ends with the next one.
        net.request(streams, '/', close=False)
        equal(net.answer(streams)[0], 200, 'the next answer')
    equal(reeve.death(worker)['exit_code'], 0, 'exit code')
    t.wait_file('left')
    reeve.never('kill')


def test_websocket_lives_through_a_reload(t):
    """A reload would cut the WebSockets."""
    reeve = web(t, '--stable-after', '100ms')
    worker = reeve.worker()
    socket = WebSocket(reeve.address())
    equal(socket.ask('one'), [str(worker.pid), 'one'], 'the echo')
    reload(reeve)
    _drains(reeve, worker)
    equal(socket.ask('two'), [str(worker.pid), 'two'], 'the echo')
    socket.close()
    equal(reeve.death(worker)['exit_code'], 0, 'exit code')
    reeve.never('kill')


def test_websocket_is_told_before_the_deadline(t):
    """A client would see its WebSocket break off without a word."""
    reeve = web(t, '--graceful-timeout', '8s', '--stable-after', '100ms')
    worker = reeve.worker()
    socket = WebSocket(reeve.address())
    idle = net.connect(reeve.address())
    socket.ask('one')
    reload(reeve)
    equal(socket.wait_close(), 1012, 'the close code')
    equal(idle.recv(1), b'', 'the end of an idle connection')
    idle.close()
    socket.connection.close()
    equal(reeve.death(worker)['exit_code'], 0, 'exit code')
    t.wait_file('left')
    reeve.never('kill')


def test_fast_stop_waits_for_no_idle_client(t):
    """A stop in a hurry would have to kill workers whose clients are idle."""
    reeve = web(t, '--stable-after', '100ms')
    worker = reeve.worker()
    with net.connect(reeve.address()) as idle, net.connect(reeve.address()) as other:
        net.request(idle, '/', close=False)
        net.answer(idle)
        reload(reeve)
        _drains(reeve, worker)
        net.request(other, '/', close=False)
        net.answer(other)
        reeve.stop(signal.SIGINT)
    equal(reeve.death(worker)['exit_code'], 0, 'exit code of the one that was draining')
    reeve.never('kill')


def test_more_connections_wait(t):
    """A worker would take more connections than its memory can bear."""
    reeve = web(t, runner_options=('--limit-connections', '2'))
    reeve.worker()
    address = reeve.address()
    held = [net.connect(address) for _ in range(2)]
    for connection in held:
        net.request(connection, '/', close=False)
        net.answer(connection)
    with net.connect(address) as third:
        net.request(third, '/')
        third.settimeout(0.5)
        try:
            check(not third.recv(1), 'no answer yet')
        except TimeoutError:
            pass
        third.settimeout(net.PATIENCE)
        held[0].close()
        equal(net.answer(third)[0], 200, 'its answer')
    held[1].close()


def test_more_connections_are_sent_away(t):
    """Clients would wait where they were to be told to come again."""
    reeve = web(t, runner_options=('--limit-connections', '1', '--when-full', '503'))
    reeve.worker()
    with net.connect(reeve.address()) as first:
        net.request(first, '/', close=False)
        net.answer(first)
        with net.connect(reeve.address()) as second:
            net.request(second, '/', close=False)
            head = b''
            while b'\r\n\r\n' not in head:
                head += second.recv(1024)
            check(head.startswith(b'HTTP/1.1 503 '), 'the status', head)
            check(b'\r\nRetry-After: 1\r\n' in head, 'when to come again', head)
            while second.recv(1024):
                pass

    def again(left):
        try:
            return reeve.get('/')
        except ConnectionError:
            pause(min(left, 0.02))
            return None
    patient(again, 'an answer once there is room')


def test_metrics_count_what_python_did(t):
    """Requests, errors and connections of a Python worker would be missing in the metrics."""
    admin = t.path('admin.sock')
    reeve = web(t, '--admin', admin)
    reeve.worker()
    for _ in range(3):
        reeve.get('/')
    try:
        reeve.get('/fail')
    except ConnectionError:
        pass

    def count(left):
        text = net.get(f'unix:{admin}', '/metrics')
        found = re.search(r'^reeve_requests_total\{pool="web"\} (\d+)', text, re.MULTILINE)
        return (found and found.group(1) == '4') or pause(min(left, 0.1))
    patient(count, 'four requests')
    text = net.get(f'unix:{admin}', '/metrics')
    check('reeve_request_duration_seconds_count{pool="web"} 4' in text, 'the durations', text)


def test_reeve_is_gone(t):
    """Workers would cut what they have in flight when reeve dies under them, or serve for ever."""
    reeve = web(t)
    worker = reeve.worker()
    with net.connect(reeve.address()) as connection:
        net.request(connection, '/wait?go', close=False)
        t.wait_file('begun')
        reeve.kill()
        patient(lambda left: net.refused(reeve.address()) or pause(min(left, 0.02)),
                'the worker to stop accepting')
        t.file('go', '')
        equal(net.answer(connection), (200, f'{worker.pid}\n'), 'the answer')
    worker.wait_gone()


def test_told_to_keep(t):
    """Workers that shall outlive reeve would leave with it."""
    reeve = web(t, '--orphans', 'keep', '--output', 'inherit')
    worker = reeve.worker()
    address = reeve.address()
    reeve.kill()
    equal(int(net.get(address, '/')), worker.pid, 'it serves on')
    worker.signal(signal.SIGTERM)
    worker.wait_gone()


def test_documented_configuration(t):
    """The command line of the documentation would not work."""
    python_worker.prepare(t)
    os.mkdir(t.path('config'))
    t.file('config/asgi.py', python_worker.APP)
    reeve = t.reeve(config="""pools:
  web:
    command: [/usr/bin/python3, -m, reeve.uvicorn, config.asgi:application, --timeout-keep-alive,
              "5"]
    workers: 1
    listen: { web: "tcp://127.0.0.1:0" }
""", env=python_worker.environment(WEB_CONCURRENCY='4'))
    equal(int(reeve.get('/')), reeve.worker().pid, 'an answer')


def test_binds_itself_where_no_socket_is_passed(t):
    """Handoff adopt would not work."""
    reeve = web(t, '--handoff', 'adopt', runner_options=('--host', '{addr:web}', '--port',
                                                         '{port:web}'))
    equal(int(reeve.get('/')), reeve.worker().pid, 'an answer')


def _ask_to_be_logged(address):
    """Requests that end well, badly, and with a query."""
    for path in ('/', '/fail', '/a%20b?x=1'):
        with net.connect(address) as connection:
            connection.sendall(f'GET {path} HTTP/1.1\r\nHost: x\r\nReferer: http://r/\r\n'
                               f'User-Agent: a "b"\r\nConnection: close\r\n\r\n'.encode())
            net.answer(connection)


def test_access_log_and_its_rotation(t):
    """A Python worker's requests would be missing in the access log, or follow a moved file."""
    path = t.path('access.log')
    reeve = web(t, '--access-log', path, workers=2)
    pids = reeve.wait_ready(2)
    _ask_to_be_logged(reeve.address())
    t.wait_file('access.log', lines=3)
    with open(path, encoding='ascii') as file:
        lines = file.read().splitlines()
    size = '|'.join(str(len(f'{pid}\n')) for pid in pids)
    for line, wanted in zip(lines, (f'/ HTTP/1.1" 200 ({size})', '/fail HTTP/1.1" 500 0',
                                    rf'/a%20b\?x=1 HTTP/1.1" 200 ({size})')):
        check(re.fullmatch(r'127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] "GET '
                           + wanted + r' "http://r/" "a \\"b\\""', line), 'a line', line, wanted)
    os.rename(path, path + '.1')
    reeve.signal(signal.SIGUSR1)
    equal(reeve.wait_for('logs_reopened')['workers'], 2, 'workers that were told')

    def moved(left):
        reeve.get('/')
        return os.path.exists(path) or pause(min(left, 0.02))
    patient(moved, 'a new file')


def test_access_log_as_json_on_stdout(t):
    """In a container there would be no access log, or a second one in another form."""
    python_worker.prepare(t)
    reader, writer = os.pipe()
    with os.fdopen(reader, 'rb') as log:
        command = [word for word in python_worker.runner() if word != '--no-access-log']
        reeve = t.web('--access-log', '-', '--access-log-format', 'json', command=command,
                      env=python_worker.environment(), stdout=writer)
        os.close(writer)
        worker = reeve.worker()
        _ask_to_be_logged(reeve.address())
        found = [json.loads(log.readline()) for _ in range(3)]
        reeve.stop()
        equal(log.read(), b'', 'lines of another form')
    equal([(line['target'], line['status'], line['pid'], line['pool'], line['slot'],
            line['user_agent']) for line in found],
          [(target, status, worker.pid, 'web', 0, 'a "b"')
           for target, status in (('/', 200), ('/fail', 500), ('/a%20b?x=1', 200))], 'lines')


def test_slow_requests_are_named(t):
    """An operator would know that something is slow and not what."""
    reeve = web(t, '--slow-request', '100ms', '--beat-interval', '50ms')
    worker = reeve.worker()
    with net.connect(reeve.address()) as connection:
        net.request(connection, '/wait?go')
        # Told while it is under way.
        slow = reeve.wait_for('slow_request', pid=worker.pid)
        equal((slow['method'], slow['target']), ('GET', '/wait?go'), 'the record')
        t.file('go', '')
        net.answer(connection)
    reeve.get('/block?0.15')
    reeve.wait_for('slow_request', target='/block?0.15')
    reeve.get('/')
    reeve.stop()
    equal(len(reeve.find('slow_request')), 2, 'records')


WRAPPED = '''import reeve.asgi
from app import application
application = reeve.asgi.Middleware(application)
'''

WSGI = '''import os
import select
import reeve.wsgi


def application(environ, start_response):
    if environ['PATH_INFO'] == '/block':
        select.select([], [], [], 1000)
    start_response('200 OK', [])
    return [b'%d\\n' % os.getpid()]


application = reeve.wsgi.Middleware(application)
'''

GUNICORN = '''from reeve.gunicorn import post_worker_init, worker_exit
timeout = 5
'''


def test_middleware_under_plain_uvicorn(t):
    """Under another server a worker would not be counted, not ready, and not watched."""
    python_worker.prepare(t)
    t.file('wrapped.py', WRAPPED)
    reeve = t.web('--max-requests', 5, '--timeout', '3s', env=python_worker.environment(),
                  command=[PYTHON, '-m', 'uvicorn', 'wrapped:application', '--fd', '{fd:web}'])
    worker = reeve.worker()
    equal(reeve.find('worker_ready')[0]['by'], 'word', 'what made it ready')
    for _ in range(5):
        reeve.get('/')
    reeve.wait_for('rotation_due', pid=worker.pid, value=5)
    successor = reeve.successor(worker)
    equal(reeve.death(worker)['exit_code'], 0, 'exit code')
    with net.connect(reeve.address()) as connection:
        net.request(connection, '/block?1000')
        reeve.wait_for('hang', pid=successor.pid)


def _gunicorn(t, kind, *options):
    t.skip_unless(os.access('/usr/bin/gunicorn', os.X_OK), 'gunicorn is missing')
    t.file('app.py', WSGI)
    t.file('gunicorn.conf.py', GUNICORN)
    return t.web('--liveness', 'native', *options, env=python_worker.environment(),
                 command=[PYTHON, '/usr/bin/gunicorn', '-k', kind, 'app:application'])


def test_idle_gunicorn_is_no_hang(t):
    """A WSGI worker that waits for its next request would be killed."""
    reeve = _gunicorn(t, 'gthread', '--timeout', '4s', '--max-requests', 5)
    worker = reeve.worker()
    pause(5)
    for _ in range(5):
        reeve.get('/')
    reeve.wait_for('rotation_due', pid=worker.pid, value=5)
    reeve.successor(worker)
    reeve.never('hang')


def test_hung_gunicorn_is_found(t):
    """A WSGI worker that hangs would serve nobody until gunicorn itself finds it."""
    reeve = _gunicorn(t, 'sync', '--timeout', '3s')
    worker = reeve.worker()
    with net.connect(reeve.address()) as connection:
        net.request(connection, '/block')
        reeve.wait_for('hang', pid=worker.pid)
    reeve.successor(worker)


def _alone(t, *options, env=None):
    python_worker.prepare(t)
    return t.start(*python_worker.runner(*options), stderr=subprocess.PIPE,
                   env=python_worker.environment(**(env or {})))


def test_outside_reeve(t):
    """A developer could not run the same command line by hand."""
    for options in ((), ('--limit-connections', '5')):
        process = _alone(t, '--port', '0', *options)
        found = None
        while not found:
            line = process.child.stderr.readline()
            check(line, 'the end before it serves')
            found = re.search(rb'running on http://127\.0\.0\.1:([1-9]\d*) ', line)
        equal(int(net.get(f'127.0.0.1:{int(found.group(1))}', '/')), process.pid, 'an answer')
        process.signal(signal.SIGTERM)
        equal(process.wait(), 0, 'exit code')


def test_several_processes(t):
    """A developer could not use --reload by hand, or an operator would start workers of workers."""
    process = _alone(t, '--port', '0', '--workers', '2')
    for _ in range(2):
        while True:
            line = process.child.stderr.readline()
            check(line, 'the end before it serves')
            if b'Application startup complete' in line:
                break
    process.signal(signal.SIGTERM)
    equal(process.wait(), 0, 'exit code')
    code, text = t.run('--listen', '127.0.0.1:0', '--workers', 1,
                       command=python_worker.runner('--workers', '2'),
                       env=python_worker.environment())
    equal(code, 3, 'exit code of reeve')
    check('leave out --workers' in text, 'what to do', text)


def test_failed_start_outside_reeve(t):
    """A script would take a failed start for a good one."""
    process = _alone(t, '--port', '0', env={'FAIL': '1'})
    equal(process.wait(), 3, 'exit code')


def test_wheel(t):
    """What is installed from the wheel would lack a part."""
    python_worker.prepare(t)
    subprocess.run([python_worker.CLIENT / 'build-wheel', t.path('dist')], check=True, timeout=120,
                   env=t.environment({'PYTHON': PYTHON, 'PYTHONDONTWRITEBYTECODE': None}))
    wheel, = os.listdir(t.path('dist'))
    subprocess.run([PYTHON, '-m', 'venv', '--system-site-packages', '--without-pip',
                    t.path('venv')], check=True, timeout=120)
    python = t.path('venv/bin/python3')
    subprocess.run([PYTHON, '-m', 'pip', '--python', python, 'install', '--quiet', '--no-index',
                    t.path(f'dist/{wheel}')], check=True, timeout=120, env=t.environment())
    reeve = t.web(command=[python, '-m', 'reeve.uvicorn', 'app:application'],
                  env={'PYTHONPATH': None})
    equal(int(reeve.get('/')), reeve.worker().pid, 'an answer')
    check(os.path.exists(t.path('venv/lib/python3.11/site-packages/reeve/py.typed')), 'py.typed')


if __name__ == '__main__':
    runner.main(globals())
