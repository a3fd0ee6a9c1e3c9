#!/usr/bin/env python3
"""Programs as they are, behind the sockets that reeve hands them."""
import json
import os
import sys

import runner
from harness import check, equal

APP = """import os


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = b"%d" % os.getpid()
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
"""

BLOCKING = """import os, socket
listener = socket.socket(fileno=3)
while True:
    client, _ = listener.accept()
    client.recv(65536)
    body = b"%d" % os.getpid()
    client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (len(body), body))
    client.close()
"""


def test_a_worker_that_blocks_in_accept(t):
    """The simplest of servers, a loop around accept(), would find its socket non-blocking."""
    reeve = t.web(workers=3, command=[sys.executable, '-c', BLOCKING])
    pids = set(reeve.wait_ready(3))
    for event in reeve.find('worker_ready'):
        equal(event['by'], 'kernel', 'what made it ready')
    equal(reeve.wait_pids(lambda seen: len(seen) == 3), pids, 'who answers')
    reeve.never('worker_died')


def test_every_named_socket_has_its_placeholder(t):
    """A program with a public and a private port would mix them up."""
    path = t.path('private.sock')
    script = 'echo "$@" > "$0"; exec sleep 600'
    words = ['{fd:web}', '{fd:private}', '{fd:six}', '{addr:private}', '{port:six}']
    reeve = t.reeve('--listen', 'web=127.0.0.1:0', '--listen', f'private=unix:{path}', '--listen',
                    'six=[::1]:0', '--workers', 1,
                    command=['/bin/sh', '-c', script, t.path('words'), *words])
    port = reeve.address('six').rsplit(':', 1)[1]
    equal(t.wait_file('words')[0], ['3', '4', '5', path, port], 'what the program is told')


def test_the_modes_of_socket_files(t):
    """The socket file would be open to nobody, or to everybody."""
    config = {'pools': {'web': {'command': t.http_worker, 'workers': 1, 'listen': {
        'usual': {'address': 'unix:' + t.path('usual.sock')},
        'closed': {'address': 'unix:' + t.path('closed.sock'), 'mode': '0600'}}}}}
    reeve = t.reeve(config=json.dumps(config))
    reeve.wait_ready(1)
    for name, mode in (('usual', 0o660), ('closed', 0o600)):
        equal(os.stat(t.path(name + '.sock')).st_mode & 0o7777, mode, name)
        reeve.get(socket=name)
    reeve.stop()
    check(not os.path.exists(t.path('usual.sock')), 'the files are gone with reeve')


def test_an_abstract_socket_is_free_again(t):
    """After a stop, the next start would find its address taken."""
    address = f'unix:@reeve-handoff-{os.getpid()}'
    for _ in range(2):
        reeve = t.reeve('--listen', address, '--workers', 1, command=t.http_worker)
        reeve.wait_ready(1)
        reeve.get()
        reeve.stop()


def test_uvicorn_is_there_and_serves(t):
    """The promise that uvicorn runs unchanged would be kept by nobody where it is not installed."""
    uvicorn = '/usr/bin/uvicorn'
    check(os.path.exists(uvicorn), 'uvicorn is missing: apt-get install -y uvicorn')
    t.file('app.py', APP)
    reeve = t.web(workers=4, env={'PYTHONDONTWRITEBYTECODE': '1'},
                  command=[uvicorn, 'app:app', '--fd', '{fd:web}', '--log-level', 'warning'])
    pids = set(reeve.wait_ready(4))
    equal(reeve.wait_pids(lambda seen: len(seen) == 4), pids, 'who answers')
    reeve.stop()
    equal(reeve.find('stopped')[-1]['killed'], 0, 'killed')


if __name__ == '__main__':
    runner.main(globals())
