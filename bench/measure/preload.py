"""What libreeve-preload costs real servers, and how soon it shows that one of them hangs."""
import socket
import sys
import time
from pathlib import Path

from . import costs, proc
from .processes import Reeve
from .tools import find_program

sys.path.append(str(Path(__file__).resolve().parents[2] / 'tests' / 'integration'))
from servers import nginx_config  # noqa: E402

HANG_TIMEOUT = 1.5

# Both write into `blocked` when their loop turns no more, by CLOCK_MONOTONIC in nanoseconds.
_ASGI = '''import os, select, time
BLOCKED = os.path.join(os.path.dirname(__file__), 'blocked')
async def app(scope, receive, send):
    if scope['type'] != 'http':
        return
    if scope['path'] == '/hang':
        with open(BLOCKED, 'w') as file:
            file.write(str(time.monotonic_ns()))
        select.select([], [], [], 1000)
    head = [(b'content-length', b'3')]
    await send({'type': 'http.response.start', 'status': 200, 'headers': head})
    await send({'type': 'http.response.body', 'body': b'ok\\n'})
'''
_NODE = '''const http = require('http'), fs = require('fs');
http.createServer((request, response) => {
  if (request.url === '/hang') {
    fs.writeFileSync(__dirname + '/blocked', String(process.hrtime.bigint()));
    for (;;);
  }
  response.end('ok\\n');
}).listen({ fd: +process.argv[2] });
'''


def _command(folder, server):
    """(command, options): one process that serves, and keeps its files there."""
    folder.mkdir(exist_ok=True)
    if server == 'uvicorn':
        (folder / 'app.py').write_text(_ASGI)
        return [find_program('uvicorn'), 'app:app', '--app-dir', str(folder), '--no-access-log',
                '--fd', '{fd:web}'], []
    if server == 'node':
        (folder / 'app.js').write_text(_NODE)
        return [find_program('node'), str(folder / 'app.js'), '{fd:web}'], []
    config = nginx_config('location / { return 200 "ok\\n"; }')
    (folder / 'in.conf').write_text(config)
    line = (f'cd {folder}; export NGINX="{{fd:web}};"; '
            'sed "s/PORT/{port:web}/" in.conf >nginx.conf; '
            f'exec {find_program("nginx")} -p . -c nginx.conf -e stderr')
    return ['/bin/sh', '-c', line], ['--stop-signal', 'QUIT']


def _start(context, server, liveness, *more):
    command, options = _command(context.folder / f'{server}-{liveness}', server)
    return Reeve(context, ['--listen', '127.0.0.1:0', '--workers', '1', '--liveness', liveness,
                           *options, *more], command)


def measure_cost(context, server):
    """The same server with the library and without, turn about; the other one idles."""
    with _start(context, server, 'preload') as with_it, \
            _start(context, server, 'none') as without:
        sides = {name: (reeve.port(), lambda reeve=reeve: proc.descendants(reeve.pid))
                 for name, reeve in (('preload', with_it), ('none', without))}
        for reeve in (with_it, without):
            reeve.wait('worker_ready')
        return {'server': server, **costs.compare(context, sides, fresh=False)}


def measure_hang(context, server):
    """A loop stops turning after a random while. Milliseconds until reeve finds it: `overrun` from
    the last beat plus `timeout`, `blocked` from when it stood still plus `timeout`."""
    overrun, blocked = [], []
    for _ in range(context.effort.loop_hangs):
        with _start(context, server, 'preload', '--timeout', f'{HANG_TIMEOUT}s', '--beat-interval',
                    f'{HANG_TIMEOUT / 3}s') as reeve:
            reeve.wait('worker_ready')
            time.sleep(context.effort.settle / 4 + time.monotonic_ns() % 1000 / 1000)
            with socket.create_connection(('127.0.0.1', reeve.port()), 30) as connection:
                connection.sendall(b'GET /hang HTTP/1.1\r\nHost: x\r\n\r\n')
                hang = reeve.wait('hang')[0]
            at = reeve.monotonic_ns(hang)
            overrun.append(1000 * (hang['silence_seconds'] - HANG_TIMEOUT))
            since = int((context.folder / f'{server}-preload/blocked').read_text())
            blocked.append((at - since) / 1e6 - 1000 * HANG_TIMEOUT)
    return {'server': server, 'timeout_s': HANG_TIMEOUT, 'overrun': overrun, 'blocked': blocked}


def measure_idle(context, servers):
    """How often idle servers were taken for hung over a while of many timeouts."""
    hangs = {}
    for server in servers:
        with _start(context, server, 'preload', '--timeout', '1s') as reeve:
            reeve.wait('worker_ready')
            time.sleep(context.effort.loop_idle)
            hangs[server] = len(reeve.found('hang')) + len(reeve.found('worker_died'))
    return {'seconds': context.effort.loop_idle, 'ended': hangs}
