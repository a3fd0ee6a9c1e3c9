#!/usr/bin/env python3
"""Addresses, names, and the ways in which sockets get to workers."""
import json
import os
import shutil
import socket

import net
import runner
from harness import Skipped, check, equal

APP = """import os

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    body = b"%d\\n" % os.getpid()
    await send({"type": "http.response.start", "status": 200,
                "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})
"""

NONBLOCKING = '''
pools:
  web:
    command: [/bin/sleep, "600"]
    workers: 1
    ready: delay
    ready_after: 50ms
    listen: {events: {address: "127.0.0.1:0", nonblocking: yes}, plain: "127.0.0.1:0"}
'''


def _serves(t, *listen, workers=2, command=None, options=()):
    """reeve on these addresses; checks that each is answered by all workers."""
    words = [word for address in listen for word in ('--listen', address)]
    reeve = t.reeve(*words, '--workers', workers, *options, command=command or t.http_worker)
    reeve.wait_ready(workers)
    for event in reeve.find('listening'):
        reeve.wait_pids(lambda seen: len(seen) == workers, socket=event['socket'])
    return reeve


def test_tcp_v4_and_v6(t):
    """Clients of one of the two families could not connect."""
    _serves(t, 'tcp://127.0.0.1:0', 'six=[::1]:0')


def test_a_host_name(t):
    """Names would have to be looked up by hand."""
    _serves(t, 'localhost:0')


def test_unix_and_abstract(t):
    """Proxies that connect by a Unix socket could not be served."""
    path = t.path('web.sock')
    _serves(t, f'unix:{path}', f'abstract=unix:@reeve-test-{os.getpid()}').stop()
    check(not os.path.exists(path), 'the file is gone with reeve')


def test_several_named_sockets_by_inheritance(t):
    """A worker could not tell its public socket from its private one."""
    reeve = t.reeve('--listen', 'web=127.0.0.1:0', '--listen', 'admin=unix:' + t.path('a.sock'),
                    '--listen', 'extra=127.0.0.1:0', '--workers', 1,
                    command=t.misbehave('print-state', t.path('state'), '--serve'))
    reeve.wait_ready(1)
    env = t.wait_json('state')['env']
    equal((env['LISTEN_FDS'], env['LISTEN_FDNAMES']), ('3', 'web:admin:extra'), 'what it is told')
    check(reeve.address('web') != reeve.address('extra'), 'each has a port of its own')
    for name in ('web', 'admin', 'extra'):
        reeve.get(socket=name)


def test_a_socket_that_does_not_block(t):
    """Programs like nginx would hang in accept, those that only call accept would spin."""
    reeve = t.reeve(config=NONBLOCKING)
    pid = reeve.wait_ready(1)[0]
    for number, wanted in ((3, True), (4, False)):
        with open(f'/proc/{pid}/fdinfo/{number}', encoding='ascii') as file:
            flags = dict(line.split(':', 1) for line in file)['flags']
        equal(bool(int(flags, 8) & os.O_NONBLOCK), wanted, f'O_NONBLOCK of {number}')


def test_receive_hands_sockets_over_the_channel(t):
    """Workers that ask for their sockets would get none."""
    _serves(t, '127.0.0.1:0', 'admin=unix:' + t.path('a.sock'), options=('--handoff', 'receive'))


def test_receive_passes_nothing_at_the_start(t):
    """With `receive`, a worker would find sockets that it did not ask for."""
    reeve = t.web('--handoff', 'receive', workers=1,
                  command=t.misbehave('print-state', t.path('state'), '--serve'))
    reeve.wait_ready(1)
    state = t.wait_json('state')
    check('LISTEN_FDS' not in state['env'], 'no LISTEN_FDS')
    equal(sorted(map(int, state['fds'])), [0, 1, 2, 3, 4], 'descriptors')
    reeve.get()


def test_a_program_that_only_reads_listen_fds(t):
    """Programs written for systemd's socket activation would have to be changed."""
    reeve = t.web(workers=3, command=t.plain_worker)
    reeve.wait_ready(3)
    for event in reeve.find('worker_ready'):
        equal(event['by'], 'kernel', 'what made it ready')
    reeve.get('/')


def test_placeholders_in_the_command(t):
    """Programs that want a number or an address in their arguments could not be served."""
    path = t.path('out.{slot}')
    reeve = t.web(workers=2, command=['/bin/sh', '-c', 'echo "$1 $2 $3 $4" > "$5"; shift 5; "$@"',
                                      'sh', '{fd:web}', '{port:web}', '{addr:web}', '{{slot}',
                                      path, 'sleep', '600'])
    port = reeve.address().rsplit(':', 1)[1]
    for slot in (0, 1):
        equal(t.wait_file(f'out.{slot}')[0], ['3', port, '127.0.0.1', '{slot}'], f'slot {slot}')


def test_the_backlog_is_as_asked(t):
    """A burst of connections would be refused although more were allowed to wait."""
    path = t.path('web.sock')
    reeve = t.reeve(config=f"""
pools:
  web:
    command: {json.dumps(t.misbehave('late', '--on', 'file:' + t.path('go'), '--serve'))}
    workers: 1
    listen: {{web: {{address: "unix:{path}", backlog: 5}}}}
""")
    reeve.wait_for('worker_started')
    waiting = []
    refused = False
    for _ in range(20):
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        waiting.append(client)
        try:
            client.connect(path)
        except BlockingIOError:
            refused = True
            break
    for client in waiting:
        client.close()
    check(refused and 5 <= len(waiting) <= 8, 'connections that may wait', len(waiting))
    t.file('go', '')
    reeve.wait_ready(1)


def test_a_v6_socket_for_both_families(t):
    """`[::]` would mean only half of the clients."""
    reeve = t.reeve('--listen', '[::]:0', '--workers', 1, command=t.http_worker)
    reeve.wait_ready(1)
    port = reeve.address().rsplit(':', 1)[1]
    net.get(f'[::1]:{port}')
    net.get(f'127.0.0.1:{port}')


def test_uvicorn_unchanged(t):
    """The server that many Python services run on would not run behind reeve."""
    uvicorn = '/usr/bin/uvicorn'
    if not (os.path.exists(uvicorn) and shutil.which('python3', path='/usr/bin')):
        raise Skipped('needs the package python3-uvicorn')
    t.file('app.py', APP)
    reeve = t.web(workers=4, command=[uvicorn, 'app:app', '--fd', '{fd:web}', '--log-level',
                                      'warning'], env={'PYTHONDONTWRITEBYTECODE': '1'})
    pids = set(reeve.wait_ready(4))
    for event in reeve.find('worker_ready'):
        equal(event['by'], 'kernel', 'what made it ready')
    equal(reeve.wait_pids(lambda seen: len(seen) == 4), pids, 'who answers')
    reeve.stop()
    equal(reeve.find('stopped')[-1]['killed'], 0, 'killed')


if __name__ == '__main__':
    runner.main(globals())
