#!/usr/bin/env python3
"""The clients for C, Python and Go do the same, each against the real daemon."""
import json
import os
import shutil
import signal
import subprocess

import net
import python_worker
import runner
from change import never_fewer, no_loss, reload
from harness import check, equal, patient, pause
from test_access_log import COMBINED, read_lines, wait_lines

CONNECTIONS = 16
GO_CLIENT = python_worker.CLIENT.parent / 'go'

APP = '''import asyncio
import os
import select


async def application(scope, receive, send):
    while scope['type'] == 'lifespan':
        kind = (await receive())['type'].removeprefix('lifespan.')
        await send({'type': 'lifespan.%s.complete' % kind})
        if kind == 'shutdown':
            return
    path, query = scope['path'], scope['query_string'].decode()
    status, body = 200, b'hello\\n'
    if path == '/pid':
        body = b'%d\\n' % os.getpid()
    elif path == '/sleep':
        over = asyncio.get_running_loop().create_future()
        over.get_loop().call_later(int(query.removeprefix('ms=')) / 1000, over.set_result, None)
        await over
    elif path == '/hang':
        select.select([], [], [])
    elif path != '/':
        status, body = 404, b'not found\\n'
    await send({'type': 'http.response.start', 'status': status,
                'headers': [(b'content-length', b'%d' % len(body))]})
    await send({'type': 'http.response.body', 'body': body})
'''


def c_worker(t):
    """(command, environment)"""
    return t.http_worker, {}


def python(t):
    t.file('conformance.py', APP)
    t.skip_unless(shutil.which('uvicorn', path='/usr/bin'), 'uvicorn is missing')
    return ([python_worker.PYTHON, '-m', 'reeve.uvicorn', 'conformance:application',
             '--log-level', 'warning', '--app-dir', t.dir],
            {'PYTHONPATH': str(python_worker.SOURCES), 'PYTHONDONTWRITEBYTECODE': '1'})


def go(t):
    program = shutil.which('go')
    t.skip_unless(program, 'go is missing')
    built = os.path.join(t.build, 'clients', 'go', 'conformance-worker')
    env = dict(os.environ, GOFLAGS='-mod=mod', GOPROXY='off',
               GOCACHE=os.path.join(t.build, 'clients', 'go', 'cache'))
    subprocess.run([program, 'build', '-o', built, './example'], cwd=GO_CLIENT, env=env,
                   check=True, timeout=300)
    return [built], {}


CLIENTS = {'c': c_worker, 'python': python, 'go': go}


def _start(t, client, *options, workers=1, **more):
    """A pool of such workers, beating every 100 ms."""
    command, env = CLIENTS[client](t)
    reeve = t.web('--beat-interval', '100ms', '--liveness', 'required', '--ready', 'native',
                  *options, workers=workers, command=command,
                  env=env, **more)
    reeve.wait_ready(workers)
    return reeve


def _sockets_and_readiness(t, client):
    """Sockets come either way, and the worker's own word makes it ready."""
    for handoff in ('inherit', 'receive'):
        reeve = _start(t, client, '--handoff', handoff)
        worker = reeve.worker()
        ready = reeve.find('worker_ready')[0]
        equal((ready['pid'], ready['by']), (worker.pid, 'word'), 'who said that it is ready')
        equal(reeve.get('/pid'), str(worker.pid), 'who answers')
        reeve.stop()
        equal(reeve.find('worker_died')[0]['exit_code'], 0, 'exit code')
        reeve.never('signal_sent')  # it was told by word


def _counts(t, client):
    """Each request is counted, failed ones too, and each connection."""
    reeve = _start(t, client)
    for _ in range(5):
        with net.connect(reeve.address()) as connection:
            for number in range(20):
                net.request(connection, '/missing' if number == 7 else '/', close=False)
                equal(net.answer(connection)[0], 404 if number == 7 else 200, 'status')
    reeve.stop()
    death = reeve.find('worker_died')[0]
    equal((death['requests'], death['in_flight']), (100, 0), 'requests')


def _hang(t, client):
    """An idle worker beats and is left alone; one that hangs is found at its time."""
    reeve = _start(t, client, '--timeout', '1500ms')
    victim = reeve.worker()
    pause(3)  # twice the timeout
    reeve.never('hang')
    with net.connect(reeve.address()) as connection:
        net.request(connection, '/hang')
        hang = reeve.wait_for('hang', pid=victim.pid)
        check(1.5 <= hang['silence_seconds'] < 3, 'silence', hang)
        equal(hang['in_flight'], 0 if hang['oldest_seconds'] == 0 else 1, 'in flight')
    successor = reeve.successor(victim)
    equal(reeve.get('/pid'), str(successor.pid), 'who answers')


def _quota(t, client):
    """The beat after the last request of the quota comes at once, and nothing is lost by it."""
    reeve = _start(t, client, '--max-requests', 50, '--beat-interval', '20s', '--timeout', '60s')
    worker = reeve.worker()
    with net.connect(reeve.address()) as connection:
        for _ in range(50):
            net.request(connection, '/', close=False)
            equal(net.answer(connection)[0], 200, 'status')
        equal(reeve.wait_for('rotation_due', pid=worker.pid, seconds=15)['value'], 50, 'requests')
        reeve.wait_for('transition', pid=worker.pid, to='draining')
        # The open connection gets one more answer and learns that it is the last one.
        net.request(connection, '/pid', close=False)
        equal(net.answer(connection), (200, f'{worker.pid}\n'), 'the last answer')
        equal(connection.recv(1), b'', 'the end')
    equal(reeve.death(worker)['exit_code'], 0, 'exit code')


def _drain(t, client):
    """Reloads and rotations under keep-alive load lose nothing."""
    reeve = _start(t, client, '--max-requests', 500, '--stable-after', '100ms',
                   '--max-draining', 20, workers=2)
    load = t.loadgen(reeve.address(), '--connections', CONNECTIONS, '--seconds', 0, '--until-eof',
                     '--idle', CONNECTIONS // 2, '--idle-ms', 300, '--timeout-ms', 50000)
    for _ in range(3):
        reload(reeve)
    reeve.wait_for('rotation', count=5, reason='requests', seconds=240)
    no_loss(t, reeve, load, 5)
    never_fewer(reeve, 2)


def _slow(t, client):
    """A slow request is told while it is under way, once, by its name."""
    reeve = _start(t, client, '--slow-request', '300ms')
    pid = reeve.worker().pid
    with net.connect(reeve.address()) as connection:
        net.request(connection, '/sleep?ms=3000', close=False)
        slow = reeve.wait_for('slow_request')
        equal((slow['pid'], slow['method'], slow['target']), (pid, 'GET', '/sleep?ms=3000'), 'told')
        check(0.3 <= slow['seconds'] < 3, 'seconds', slow)
        equal(net.answer(connection)[0], 200, 'status')
    reeve.get('/pid')
    reeve.stop()
    equal(len(reeve.find('slow_request')), 1, 'records')


def _access_log(t, client):
    """Lines in both forms, and a rotation that is followed."""
    path = t.path('access.log')
    ask = ('GET /missing?q="a%20b" HTTP/1.1\r\nHost: x\r\nUser-Agent: probe\r\n'
           'Connection: close\r\n\r\n')
    for form in ('combined', 'json'):
        reeve = _start(t, client, '--access-log', path, '--access-log-format', form)
        pid = reeve.worker().pid
        with net.connect(reeve.address()) as connection:
            connection.sendall(ask.encode())
            equal(net.answer(connection)[0], 404, 'status')
        line, = wait_lines(path, 1)
        if form == 'json':
            found = json.loads(line)
            check(0 <= found.pop('seconds') < 10, 'seconds', found)
            check(found.pop('time').endswith('Z'), 'time', line)
            equal(found, {'remote': '127.0.0.1', 'method': 'GET', 'target': '/missing?q="a%20b"',
                          'protocol': 'HTTP/1.1', 'status': 404, 'bytes': 10, 'referer': None,
                          'user_agent': 'probe', 'pid': pid, 'pool': 'web', 'slot': 0}, 'the line')
        else:
            found = COMBINED.fullmatch(line.replace('\\"', "'"))
            check(found, 'the line', line)
            equal(found.groups(), ('127.0.0.1', 'GET', "/missing?q='a%20b'", 'HTTP/1.1', '404',
                                   '10', '-', 'probe'), 'the line')
        os.rename(path, path + '.1')
        reeve.signal(signal.SIGUSR1)
        equal(reeve.wait_for('logs_reopened')['workers'], 1, 'workers that were told')
        patient(lambda left: os.path.exists(path) or pause(min(left, 0.02)), 'the new file')
        reeve.get('/pid')
        check('/pid' in wait_lines(path, 1)[0], 'a line in the new file')
        equal(len(read_lines(path + '.1')), 1, 'lines in the old file')
        reeve.stop()
        os.remove(path)


def _reeve_dies(t, client):
    """When reeve is gone a worker drains and leaves, or serves on where that is asked for."""
    reeve = _start(t, client)
    worker = reeve.worker()
    reeve.kill()
    worker.wait_gone()
    reeve = _start(t, client, '--orphans', 'keep', '--output', 'inherit')
    worker, address = reeve.worker(), reeve.address()
    reeve.kill()
    pause(0.5)
    equal(net.get(address), str(worker.pid), 'who serves on')
    worker.signal(signal.SIGTERM)
    worker.wait_gone()


SCENARIOS = {
    'sockets_and_readiness': (
        _sockets_and_readiness, 'A worker would not get its sockets, or be called ready too soon.'),
    'counts': (_counts, 'Metrics and quotas would be off by what a client miscounts.'),
    'hang': (_hang, 'A worker that stands still would be left, or an idle one be killed.'),
    'quota': (_quota, 'A worker would be replaced late, and its replacement cost a request.'),
    'drain': (_drain, 'Each reload would cost some keep-alive client an error.'),
    'slow': (_slow, 'An operator would not learn which request is slow.'),
    'access_log': (_access_log, 'A log analyser would not read the lines of every client.'),
    'reeve_dies': (_reeve_dies, 'Workers would stay behind a reeve that was killed.'),
}


def _test(name, client, run, doc):
    def test(t):
        run(t, client)
    test.__name__ = name
    test.__doc__ = doc
    return test


for _client in CLIENTS:
    for _name, (_run, _doc) in SCENARIOS.items():
        _called = f'test_{_client}_{_name}'
        globals()[_called] = _test(_called, _client, _run, _doc)


if __name__ == '__main__':
    runner.main(globals())
