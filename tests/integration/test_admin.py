#!/usr/bin/env python3
"""The HTTP surface: what it answers, to whom, and what clients cannot do to it."""
import os
import signal
import socket
import stat
import threading

import admin
import net
import runner
from harness import Skipped, check, equal, patient

QUICK = ('--timeout', '1500ms', '--abort-timeout', '300ms')
STRANGER = 65534
MEMBER_GROUP = 54321
LATE = 0.25             # s after its deadline by which a hang is found, whatever clients do
GROWTH = 16 * 1024      # KiB that hostile clients may cost


def _reeve(t, *options, workers=1, **more):
    reeve = t.web('--admin', t.path('admin.sock'), '--metrics', '127.0.0.1:0', *options,
                  workers=workers, **more)
    reeve.wait_ready(workers)
    return reeve


def _admin(reeve):
    return reeve.wait_for('admin_listening')['address']


def _metrics(reeve):
    return reeve.wait_for('metrics_listening')['address']


def _as_root():
    if os.getuid() != 0:
        raise Skipped('needs root, to become somebody else')


def _check_answer(document, path, method, answer):
    """The answer is one that the document knows, of its type and shape."""
    where = f'{method} {path}'
    operation = document['paths'][path][method.lower()]
    known = operation['responses'].get(str(answer.status))
    check(known, f'{where}: status {answer.status} is not documented', answer.body[:300])
    check('reeve-version' in answer.headers, f'{where}: Reeve-Version')
    content = admin.resolve(document, known).get('content', {})
    kind = answer.headers['content-type'].split(';')[0]
    check(kind in content, f'{where}: type {kind} of {answer.status} is not documented')
    if kind == 'application/json':
        admin.validate(document, content[kind]['schema'], answer.json, where)


# Orders that can be given to one pool `web` of one worker, and the status of the answer.
ORDERS = (
    ('/v1/reload', {'dry_run': True}, 200),
    ('/v1/reload', {'pool': 'web'}, 200),
    ('/v1/reload', {'pool': 'none'}, 404),
    ('/v1/scale', {'workers': 2}, 200),
    ('/v1/scale', {'pool': 'web', 'workers': '-1'}, 200),
    ('/v1/scale', {'pool': 'none', 'workers': 1}, 404),
    ('/v1/restart', {'target': 'web/0'}, 200),
    ('/v1/restart', {'target': 'web', 'wait': False}, 202),
    ('/v1/restart', {'target': 'none'}, 404),
    ('/v1/signal', {'target': 'web', 'signal': 'CONT'}, 200),
    ('/v1/signal', {'target': 'web/9', 'signal': 18}, 404),
    ('/v1/log-level', {'level': 'debug'}, 200),
    ('/v1/stop', {'target': 'web/0'}, 200),
    ('/v1/start', {'target': 'web/0'}, 200),
    ('/v1/stop', {'target': 'none'}, 404),
    ('/v1/start', {'target': 'none'}, 404),
)


def test_the_surface_is_as_its_document_says(t):
    """Clients are written by docs/openapi.json: a path or an answer that differs breaks them."""
    document = admin.load_document()
    reeve = _reeve(t)
    address = _admin(reeve)
    for path, operations in document['paths'].items():
        for method in ('GET', 'POST', 'PUT', 'DELETE'):
            if path == '/v1/events' and method == 'GET':
                continue
            if method.lower() not in operations:
                answer = admin.call(address, method, path)
                equal(answer.status, 405, f'{method} {path}')
                allowed = {word.strip().lower() for word in answer.headers['allow'].split(',')}
                equal(allowed - {'head'}, set(operations), f'Allow of {path}')
            elif method == 'GET':
                _check_answer(document, path, method, admin.call(address, method, path))
            else:
                for body in ({'nonsense': 1}, b'{'):
                    answer = admin.call(address, method, path, body)
                    equal(answer.status, 400 if body == b'{' else 422, f'{method} {path} {body}')
                    _check_answer(document, path, method, answer)
                members = operations['post']['requestBody']['content']['application/json']
                names = ', '.join(members['schema']['properties'])
                text = admin.call(address, method, path, {'nonsense': 1}).json['text']
                check(text.endswith('it knows ' + names), f'{path}: members differ', text)
    for path, body, status in ORDERS:
        answer = admin.call(address, 'POST', path, body)
        equal(answer.status, status, f'{path} {body}: {answer.body}')
        _check_answer(document, path, 'POST', answer)
        if status == 202:
            reeve.wait_for('command_answer', where=lambda said: 'wait=false' in said['command'])
    answer = admin.call(address, 'GET', '/v1/nothing')
    equal(answer.status, 404, 'an unknown path')
    known = {tuple(words.split()) for words in
             answer.json['text'].split('there are ')[1].split(', ')}
    equal(known, {(method.upper(), path) for path, operations in document['paths'].items()
                  for method in operations}, 'the paths that a 404 lists')
    answer = admin.call(address, 'POST', '/v1/shutdown', {'mode': 'graceful'})
    _check_answer(document, '/v1/shutdown', 'POST', answer)
    reeve.finish()
    check(not os.path.exists(t.path('admin.sock')), 'the socket is gone with reeve')


def test_the_metrics_address_has_nothing_else(t):
    """A scraper, or whoever reaches its address, could command reeve."""
    document = admin.load_document()
    reeve = _reeve(t)
    address = _metrics(reeve)
    for path, operations in document['paths'].items():
        for method in operations:
            answer = admin.call(address, method.upper(), path)
            if operations[method].get('x-reeve-tcp'):
                _check_answer(document, path, method.upper(), answer)
            else:
                equal(answer.status, 404, f'{method} {path} by TCP')
    equal(admin.call(address, 'POST', '/metrics').status, 405, 'POST')


def test_readiness_is_that_of_the_pools(t):
    """A load balancer would send requests to a reeve that cannot take them, or will not soon."""
    unready = t.web('--metrics', '127.0.0.1:0', '--ready', 'native', command=t.plain_worker)
    unready.wait_for('worker_started')
    answer = admin.call(_metrics(unready), 'GET', '/readyz')
    equal((answer.status, answer.body), (503, 'web: 0 of 1 ready\n'), 'no worker is ready')
    equal(admin.call(_metrics(unready), 'GET', '/healthz').status, 200, 'but the loop turns')
    unready.stop(signal.SIGINT)
    reeve = _reeve(t, '--stop-delay', '60s')
    equal(admin.call(_metrics(reeve), 'GET', '/readyz').status, 200, 'ready')
    reeve.signal(signal.SIGTERM)
    reeve.wait_for('signal')
    equal(admin.call(_metrics(reeve), 'GET', '/readyz').status, 503, 'about to stop')
    reeve.stop(signal.SIGINT)


def test_commands_are_logged_with_who_gave_them(t):
    """Nobody could say later who changed what."""
    reeve = _reeve(t)
    admin.call(_admin(reeve), 'POST', '/v1/scale?workers=%2B1')
    said = reeve.wait_for('command')
    equal((said['command'], said['uid'], said['caller_pid']),
          ('scale workers=+1', os.getuid(), os.getpid()), 'what is logged')
    equal(reeve.wait_for('command_answer')['verdict'], 'done', 'how it ended')


def test_strangers_are_refused(t):
    """Whoever can open the socket could stop the service."""
    _as_root()
    reeve = _reeve(t, '--admin-mode', '0666')
    for method, path in (('GET', '/v1/status'), ('GET', '/healthz'), ('GET', '/v1/events'),
                         ('POST', '/v1/shutdown')):
        answer = admin.call_as(STRANGER, [STRANGER], _admin(reeve), method, path)
        equal(answer.status, 403, f'{method} {path}')
        equal(answer.json['verdict'], 'forbidden', 'verdict')
    refusal = reeve.wait_for('admin_refused', uid=STRANGER)
    check('/v1/status' in refusal['message'], 'what was asked', refusal)
    reeve.never('command')


def test_lists_decide_who_may_what(t):
    """People could not be let in, or those who may only look could command."""
    _as_root()
    reeve = _reeve(t, '--admin-mode', '0666', '--admin-read-users', STRANGER,
                   '--admin-command-groups', MEMBER_GROUP)

    def status(groups, method, path):
        return admin.call_as(STRANGER, groups, _admin(reeve), method, path).status
    equal(status([STRANGER], 'GET', '/v1/status'), 200, 'a reader looks')
    equal(status([STRANGER], 'POST', '/v1/reload'), 403, 'a reader commands')
    equal(status([STRANGER, MEMBER_GROUP], 'POST', '/v1/log-level?level=debug'), 200,
          'a member by a supplementary group commands')
    equal(reeve.wait_for('command')['uid'], STRANGER, 'the log says who')


def test_the_file_is_as_configured(t):
    """The socket would be open to more or fewer people than its owner wants."""
    _as_root()
    reeve = _reeve(t, '--admin-mode', '0620', '--admin-owner', STRANGER, '--admin-group',
                   MEMBER_GROUP)
    status = os.stat(t.path('admin.sock'))
    equal((stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid),
          (0o620, STRANGER, MEMBER_GROUP), 'mode, owner, group')
    answer = admin.call_as(1234, [1234, MEMBER_GROUP], _admin(reeve), 'POST',
                           '/v1/log-level?level=debug')
    equal(answer.status, 200, 'a member of the group commands')


def test_two_reeves_on_one_path(t):
    """Commands would go to one of them at random."""
    reeve = _reeve(t)
    path = t.path('admin.sock')
    code, said = t.run('--admin', path, '--listen', '127.0.0.1:0', command=t.http_worker)
    equal(code, 69, 'exit code of the second')
    check(path in said and '--name' in said, 'what it says', said)
    equal(admin.call(_admin(reeve), 'GET', '/healthz').status, 200, 'the first still answers')
    reeve.kill()
    again = t.web('--admin', path)
    again.wait_ready(1)
    equal(admin.call(path, 'GET', '/healthz').status, 200, 'a socket left by a dead one is taken')


def test_places_that_nobody_chose(t):
    """reeve would not start in a container with a read-only file system."""
    place = t.path('runtime')
    reeve = t.web(env={'REEVE_ADMIN': None, 'RUNTIME_DIRECTORY': place})
    reeve.wait_ready(1)
    equal(_admin(reeve), f'unix:{place}/admin.sock', 'the place')
    without = t.web(env={'REEVE_ADMIN': None, 'RUNTIME_DIRECTORY': '/proc/reeve'})
    without.wait_ready(1)
    without.wait_for('admin_unavailable')
    code, said = t.run('--admin', '/proc/reeve/admin.sock', '--listen', '127.0.0.1:0',
                       command=t.http_worker)
    equal(code, 69, f'exit code for a place that somebody chose: {said}')


def test_events_tell_of_a_crash(t):
    """Whoever watches the stream would not see that a worker died."""
    reeve = _reeve(t)
    events = admin.Events(_admin(reeve))
    t.cleanups.append(events.close)
    victim = reeve.worker()
    victim.signal(signal.SIGKILL)
    first, _name, death = events.wait_for('worker_died')
    equal((death['pid'], death['signal'], death['event']), (victim.pid, 'SIGKILL', 'worker_died'),
          'what it says')
    logged = reeve.death(victim)
    equal({key: death[key] for key in death if key != 'time'},
          {key: logged[key] for key in logged if key != 'time'}, 'the stream against the log')
    second, _name, _ready = events.wait_for('worker_ready')
    check(int(second) > int(first), 'ids count up', first, second)
    events.close()


def test_a_stream_that_nobody_reads_says_what_was_missed(t):
    """A watcher that was held up would take a gap in the events for silence."""
    reeve = _reeve(t)
    with net.connect(_admin(reeve)) as stream:
        stream.sendall(b'GET /v1/events HTTP/1.1\r\n\r\n')
        stream.recv(1)
        # Each command makes two events at least, and none of them is read.
        for workers in [2, 1] * 600:
            admin.call(_admin(reeve), 'POST', f'/v1/scale?workers={workers}')
        read = b''
        while b'event: dropped\ndata: {"count":' not in read:
            more = stream.recv(1 << 20)
            check(more, 'the stream has ended without a word about what was dropped')
            read = read[-100:] + more


# What clients do wrong, each until `over` is set.

def _connected(address):
    connection = net.connect(address)
    connection.settimeout(0.2)
    return connection


def _slow_readers(address, over):
    """Ask for much and read nothing of it."""
    crowd = []
    while not over.is_set():
        try:
            connection = _connected(address)
            connection.sendall(b'GET /metrics HTTP/1.1\r\n\r\n' * 50)
            crowd.append(connection)
        except OSError:
            pass
        for old in crowd[:-20]:
            old.close()
        crowd = crowd[-20:]
        over.wait(0.01)
    for connection in crowd:
        connection.close()


def _large_headers(address, over):
    """A header of 1 MB."""
    while not over.is_set():
        try:
            with _connected(address) as connection:
                connection.sendall(b'GET / HTTP/1.1\r\nA: ' + b'x' * 1_000_000)
        except OSError:
            pass


def _half_requests(address, over):
    """200 connections with half a request each."""
    crowd = []
    for _ in range(200):
        try:
            connection = _connected(address)
            crowd.append(connection)
            connection.sendall(b'POST /v1/reload HTTP/1.1\r\nContent-Length: 100\r\n\r\n{')
        except OSError:
            pass
        if over.is_set():
            break
    over.wait()
    for connection in crowd:
        connection.close()


def _garbage(address, over):
    while not over.is_set():
        try:
            with _connected(address) as connection:
                connection.sendall(os.urandom(4096))
                connection.recv(1000)
        except OSError:
            pass


def _pipelines(address, over):
    """Never stops asking."""
    while not over.is_set():
        try:
            with _connected(address) as connection:
                while not over.is_set():
                    connection.sendall(b'GET /healthz HTTP/1.1\r\n\r\n' * 100)
                    connection.recv(65536)
        except OSError:
            pass


def _memory(reeve, key):
    """VmRSS (now) or VmHWM (the most so far), in KiB."""
    with open(f'/proc/{reeve.pid}/status', encoding='ascii') as file:
        return int(next(line for line in file if line.startswith(key)).split()[1])


def _growth_max(t):
    """A sanitized reeve keeps what was freed."""
    with open(t.built('src/cli/reeve'), 'rb') as program:
        return GROWTH * (32 if b'__asan_init' in program.read() else 1)


def _lateness(reeve, slot):
    victim = reeve.worker(slot=slot)
    victim.signal(signal.SIGSTOP)
    hang = reeve.wait_for('hang', pid=victim.pid)
    reeve.death(victim)
    return hang['silence_seconds'] - hang['limit_seconds']


def test_hostile_clients_neither_delay_a_hang_nor_fill_the_memory(t):
    """Anybody who reaches the metrics address could blind the supervision."""
    reeve = _reeve(t, *QUICK, workers=2)
    quiet = _lateness(reeve, slot=0)
    before = _memory(reeve, 'VmRSS:')
    over = threading.Event()
    attacks = [threading.Thread(target=attack, args=(address, over))
               for address in (_admin(reeve), _metrics(reeve))
               for attack in (_slow_readers, _large_headers, _half_requests, _garbage, _pipelines)]
    for attack in attacks:
        attack.start()
    try:
        late = _lateness(reeve, slot=1)
        grown = _memory(reeve, 'VmHWM:') - before
    finally:
        over.set()
        for attack in attacks:
            attack.join()
    print(f'      late by {late * 1000:.1f} ms (quiet: {quiet * 1000:.1f} ms), {grown} KiB more')
    check(late < LATE, f'the hang was found {late:.3f} s late, without clients {quiet:.3f} s')
    check(grown < _growth_max(t), f'{grown} KiB more memory')
    answer = patient(lambda _left: _calm(_admin(reeve)), 'an answer after the storm')
    equal(answer.status, 200, 'health')


def _calm(address):
    try:
        return admin.call(address, 'GET', '/healthz')
    except (OSError, ValueError, EOFError):
        return None


def test_half_a_request_is_cut_off(t):
    """Clients that never finish their request would keep all others out for ever."""
    reeve = _reeve(t)
    with net.connect(_admin(reeve)) as one, net.connect(_metrics(reeve)) as other:
        for connection in (one, other):
            connection.sendall(b'GET /healthz HT')
        for connection in (one, other):
            equal(connection.recv(100), b'', 'the connection ends without an answer')


def test_a_client_that_leaves_disturbs_nobody(t):
    """An operator who closes the terminal would break a reload, or the daemon."""
    reeve = _reeve(t)
    for _ in range(5):
        with net.connect(_admin(reeve)) as connection:
            connection.sendall(b'POST /v1/restart?target=web HTTP/1.1\r\n\r\n')
            connection.shutdown(socket.SHUT_RDWR)
    reeve.wait_for('command_answer')
    equal(admin.call(_admin(reeve), 'GET', '/healthz').status, 200, 'health')


if __name__ == '__main__':
    runner.main(globals())
