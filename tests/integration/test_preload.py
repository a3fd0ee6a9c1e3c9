#!/usr/bin/env python3
"""liveness: preload: servers that know nothing of reeve beat, are counted, and drain."""
import os
import shutil

import admin
import net
import runner
import servers
from change import reload
from harness import check, equal, patient, pause

REQUESTS = 10000
CONNECTIONS = 10


def _start(t, server, *options):
    command, more, log = server(t)
    reeve = t.web('--liveness', 'preload', '--admin', t.path('admin.sock'),
                  '--beat-interval', '200ms', *more, *options, command=command)
    reeve.wait_ready(1)
    return reeve, log


def _worker(t):
    status = admin.call('unix:' + t.path('admin.sock'), 'GET', '/v1/status').json
    return status['pools']['web']['workers'][0]


def _wait_requests(t, count):
    """Waits until so many were counted; returns the worker."""
    def look(left):
        worker = _worker(t)
        if (worker['requests'] or 0) >= count:
            return worker
        pause(min(left, 0.05))
        return None
    return patient(look, f'{count} requests')


def _count(t, server, load):
    """Every request of a long keep-alive load is counted, no more and no less."""
    reeve, log = _start(t, server)
    load(reeve.address().removeprefix('tcp://'))
    worker = _wait_requests(t, REQUESTS)
    equal(worker['liveness'], 'preload', 'where the beats come from')
    equal(worker['requests'], REQUESTS, 'requests')
    equal(worker['in_flight'], 0, 'in flight')
    reeve.stop()
    equal(reeve.find('worker_died')[0]['requests'], REQUESTS, 'requests of the dead')
    equal(servers.lines(t, log), REQUESTS, 'lines in the access log')


def _load(address, connections=CONNECTIONS):
    servers.keep_alive(address, connections, REQUESTS // connections)


def test_uvicorn_is_counted(t):
    """max_requests and the metrics would be off by what the library misses of uvicorn."""
    _count(t, servers.uvicorn, _load)


def test_node_is_counted(t):
    """max_requests and the metrics would be off by what the library misses of Node.js."""
    _count(t, servers.node, _load)


def test_puma_is_counted(t):
    """max_requests and the metrics would be off by what the library misses of puma."""
    # With more connections than threads it would close some of them.
    _count(t, servers.puma, lambda address: _load(address, servers.PUMA_THREADS))


def test_nginx_is_counted(t):
    """max_requests and the metrics would be off by what the library misses of nginx."""
    _count(t, servers.nginx, _load)


def test_php_fpm_is_counted(t):
    """max_requests and the metrics would be off by what the library misses of php-fpm."""
    def load(address):
        servers.fastcgi(address, t.path('index.php'), CONNECTIONS, REQUESTS // CONNECTIONS)
    _count(t, servers.php_fpm, load)


def test_pipelined_and_aborted_requests(t):
    """What cannot be told from the bytes' direction would be counted too high."""
    reeve, log = _start(t, servers.nginx)
    address = reeve.address().removeprefix('tcp://')
    burst = 4
    for _ in range(100):
        with net.connect(address) as connection:
            connection.sendall(b'GET / HTTP/1.1\r\nHost: x\r\n\r\n' * burst)
            data = b''
            while data.count(b'ok\n') < burst:
                data += connection.recv(65536)
    for _ in range(100):
        with net.connect(address) as connection:
            connection.sendall(b'GET / HTTP/1.1\r\n')  # and no more
    _wait_requests(t, 100)
    reeve.stop()
    counted = reeve.find('worker_died')[0]['requests']
    logged = servers.lines(t, log)
    check(100 <= counted <= 100 * burst <= logged, 'pipelined', counted, logged)


def test_large_answers_are_one_request(t):
    """A file that is sent in many pieces would be many requests."""
    reeve, log = _start(t, servers.nginx)
    for _ in range(20):
        with net.connect(reeve.address().removeprefix('tcp://')) as connection:
            net.request(connection, '/file', close=False)
            status, body = net.answer(connection)
            equal((status, len(body)), (200, 3000000), 'the file')
    equal(_wait_requests(t, 20)['requests'], 20, 'requests')
    reeve.stop()
    equal(servers.lines(t, log), 20, 'lines in the access log')


def _hang(t, server):
    """An idle worker is left alone, one that blocks its loop is found."""
    reeve, _log = _start(t, server, '--timeout', '1500ms')
    victim = reeve.worker()
    pause(4)  # more than twice the timeout: an idle worker has to beat
    reeve.never('hang')
    with net.connect(reeve.address().removeprefix('tcp://')) as connection:
        net.request(connection, '/hang')
        hang = reeve.wait_for('hang', pid=victim.pid)
        check(hang['silence_seconds'] >= 1.5, 'silence', hang)
    reeve.successor(victim)
    reeve.stop()
    equal(len(reeve.find('hang')), 1, 'hangs')


def test_a_blocked_loop_of_uvicorn_is_found(t):
    """A uvicorn whose loop is blocked would serve nobody for ever."""
    _hang(t, servers.uvicorn)


def test_a_blocked_loop_of_node_is_found(t):
    """A Node.js program in an endless loop would serve nobody for ever."""
    _hang(t, servers.node)


def test_an_idle_php_fpm_is_left_alone(t):
    """A child that waits for ever in accept would be taken for hung."""
    reeve, _log = _start(t, servers.php_fpm, '--timeout', '1500ms')
    pause(4)  # more than twice the timeout
    servers.fastcgi(reeve.address().removeprefix('tcp://'), t.path('index.php'), 1, 3)
    equal(_wait_requests(t, 3)['requests'], 3, 'requests')
    reeve.stop()
    reeve.never('hang')


def test_a_program_that_cannot_be_watched(t):
    """A limit that nobody enforces would look enforced."""
    reeve = t.web('--liveness', 'preload', '--timeout', '2s', '--admin', t.path('admin.sock'),
                  '--ready-after', '100ms', command=['/bin/sh', '-c', 'sleep 1000; true'])
    reeve.wait_ready(1)
    worker = _worker(t)
    equal(worker['liveness'], 'none', 'where the beats come from')
    reeve.wait_for('not_enforced', setting='timeout')
    status = admin.call('unix:' + t.path('admin.sock'), 'GET', '/v1/status').json
    check('timeout' in status['pools']['web']['not_enforced'], 'not_enforced', status)
    reeve.stop()
    reeve.never('hang')


def test_what_was_preloaded_stays(t):
    """A pool that preloads a library of its own would lose it."""
    reeve = t.reeve(config=f'''
pools:
  web:
    command: [/bin/sh, -c, 'echo "$LD_PRELOAD" >{t.path("preload")}; exec sleep 1000']
    env: {{LD_PRELOAD: /nonexistent.so}}
    listen: {{web: "127.0.0.1:0"}}
    workers: 1
    liveness: preload
    ready_after: 100ms
''')
    (line,) = t.wait_file('preload')
    first, second = line[0].split(':')
    check(os.path.isabs(first) and os.path.basename(first) == 'libreeve-preload.so', 'first', first)
    equal(second, '/nonexistent.so', 'what was there before')
    reeve.wait_ready(1)
    reeve.stop()


def test_a_program_that_dies_of_its_stop_signal(t):
    """Whoever reads the log would look for a stranger who kills workers."""
    reeve, _log = _start(t, servers.node)
    worker = reeve.worker()
    reeve.stop()
    death = reeve.death(worker)
    equal((death['cause'], death['signal']), ('asked', 'SIGTERM'), 'the explanation')


def test_with_a_queue_for_each_worker(t):
    """Counts, hangs and drains would be those of a shared socket only."""
    command, more, _log = servers.uvicorn(t)
    reeve = t.web('--liveness', 'preload', '--accept', 'per-worker', '--timeout', '1500ms',
                  '--beat-interval', '200ms', '--max-draining', '20', *more,
                  workers=2, command=command, env={'REEVE_ADMIN': t.path('admin.sock')})
    reeve.wait_ready(2)
    address = reeve.address().removeprefix('tcp://')
    # One connection each: the requests that a worker has are those of its connections.
    servers.keep_alive(address, 20, 100)

    def counted(left):
        status = admin.call('unix:' + t.path('admin.sock'), 'GET', '/v1/status').json
        workers = status['pools']['web']['workers']
        pause(min(left, 0.05))
        return sum(worker['requests'] or 0 for worker in workers) == 2000
    patient(counted, 'all requests of both')
    load = t.loadgen(reeve.address(), '--connections', 8, '--fresh', 8, '--seconds', 0,
                     '--until-eof')
    reload(reeve)
    equal(t.load_report(load)['failed'], 0, 'lost requests')
    reeve.never('hang')
    with net.connect(address) as connection:
        net.request(connection, '/hang')
        hang = reeve.wait_for('hang')
    equal(reeve.death(hang['pid'])['signal'], 'SIGABRT', 'how it ended')
    reeve.stop()
    equal(len(reeve.find('hang')), 1, 'hangs')


def test_with_a_program_that_binds_itself(t):
    """A socket that was adopted would be unknown to the library, and nothing be seen."""
    t.file('own.js', servers.NODE.replace('{ fd: +process.argv[2] }', '+process.argv[2]'))
    command = [servers.find(t, 'node'), 'own.js', '{port:web}', t.path('access.log')]
    reeve = t.web('--liveness', 'preload', '--handoff', 'adopt', '--timeout', '1500ms',
                  '--beat-interval', '200ms', '--admin', t.path('admin.sock'), command=command)
    reeve.wait_ready(1)
    address = reeve.address().removeprefix('tcp://')
    servers.keep_alive(address, 4, 250)
    worker = _wait_requests(t, 1000)
    equal((worker['requests'], worker['adopted'], worker['liveness']), (1000, ['web'], 'preload'),
          'what is known of it')
    with net.connect(address) as connection:
        net.request(connection, '/hang')
        reeve.successor(t.handle(reeve.wait_for('hang')['pid']))
    reeve.stop()


def test_the_library_is_missing(t):
    """Workers would start without it, and nobody would watch them."""
    os.mkdir(t.path('alone'))
    shutil.copy(t.built('src/cli/reeve'), t.path('alone/reeve'))
    lonely = t.start(t.path('alone/reeve'), 'run', '--listen', '127.0.0.1:0', '--liveness',
                     'preload', '--', *t.plain_worker, stderr=-1)
    text = lonely.child.stderr.read().decode()
    equal(lonely.wait(), 69, 'exit code')
    check('libreeve-preload.so' in text and 'pools.web' in text, 'the reason and the place', text)


def test_a_static_program_is_not_watched_in_silence(t):
    """A library that cannot be loaded would be taken for one that watches."""
    reeve = t.web('--liveness', 'preload', '--ready-after', '100ms', '--handoff', 'adopt',
                  '--timeout', '1s',
                  command=[t.built('tests/integration/workers/test-binder'), '{port:web}'])
    warning = reeve.wait_for('config_warning', where=lambda event: 'static' in event['message'])
    equal(warning['level'], 'warning', 'how it is said')
    reeve.wait_ready(1)
    reeve.wait_for('not_enforced', setting='timeout')
    reeve.stop()


if __name__ == '__main__':
    runner.main(globals())
