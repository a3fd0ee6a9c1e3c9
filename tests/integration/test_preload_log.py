#!/usr/bin/env python3
"""liveness: preload: the access log that is written for servers equals their own."""
import json
import os
import re
import signal
import socket

import net
import runner
import servers
from harness import check, equal, patient, pause

CONNECTIONS = 8
EACH = 125
REQUESTS = CONNECTIONS * EACH

APP = '''import asyncio
async def app(scope, receive, send):
    if scope['type'] != 'http':
        return
    more = True
    while more:
        more = (await receive()).get('more_body')
    if scope['path'] == '/slow':
        await asyncio.wait([asyncio.ensure_future(asyncio.Event().wait())], timeout=0.5)
    status = 404 if scope['path'].startswith('/missing') else 200
    await send({'type': 'http.response.start', 'status': status,
                'headers': [(b'content-length', b'3')]})
    await send({'type': 'http.response.body', 'body': b'o', 'more_body': True})
    await send({'type': 'http.response.body', 'body': b'k\\n'})
'''

# Node.js has no access log: the program writes what others' servers write.
NODE = '''const http = require('http'), fs = require('fs');
const log = fs.openSync(process.argv[3], 'a');
http.createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    response.statusCode = request.url.startsWith('/missing') ? 404 : 200;
    response.on('finish', () => fs.writeSync(log,
      `"${request.method} ${request.url} HTTP/${request.httpVersion}" ${response.statusCode}\\n`));
    response.end('ok\\n');
  });
}).listen({ fd: +process.argv[2] });
'''

LINE = re.compile(r'"(?P<method>\S+) (?P<target>\S+) HTTP/1\.[01]" (?P<status>\d{3})')


def uvicorn(t):
    t.file('app.py', APP)
    line = f'exec {servers.find(t, "uvicorn")} app:app --fd {{fd:web}} >own.log'
    return ['/bin/sh', '-c', line], ()


def node(t):
    t.file('app.js', NODE)
    return [servers.find(t, 'node'), 'app.js', '{fd:web}', t.path('own.log')], ()


def nginx(t):
    command, options, _log = servers.nginx(t)
    with open(t.path('nginx.conf.in'), encoding='utf-8') as file:
        text = file.read()
    missing = 'location /missing { return 404 "no\\n"; }\n'
    text = text.replace('access_log access.log', 'access_log own.log')
    text = text.replace('location / {', missing + 'location / {')
    t.file('nginx.conf.in', text)
    return command, options


def _asked(text):
    """(method, target, status) of each line, in order of their targets."""
    return sorted(match.group('method', 'target', 'status')
                  for match in map(LINE.search, text.splitlines()) if match)


def _read(t, name):
    with open(t.path(name), encoding='utf-8', errors='replace') as file:
        return file.read()


def _ask_all(address):
    """Kept connections with requests of all kinds; some come in pieces."""
    for number in range(CONNECTIONS):
        with net.connect(address) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for index in range(EACH):
                where = 'missing' if index % 7 == 3 else 'found'
                target = f'/{where}/{number}/{index}?q=%20a'
                head = f'{target} HTTP/1.1\r\nHost: x\r\nUser-Agent: load {number}\r\n'
                pieces = [f'GET {head}Referer: http://x/{index}\r\n\r\n']
                if index % 5 == 1:
                    body = 'b' * (3000 if index % 2 else 5)
                    pieces = [f'POST {head}Content-Length: {len(body)}\r\n\r\n', body]
                if index % 11 == 2:
                    pieces = ['GET /found/in/', f'{number}/{index} HTTP/1.1\r\nHo', 'st: x\r\n\r\n']
                for piece in pieces:
                    connection.sendall(piece.encode())
                    pause(0.001 if len(pieces) > 1 else 0)
                net.answer(connection)


def _equal_logs(t, server):
    command, options = server(t)
    access = t.path('access.log')
    reeve = t.web('--liveness', 'preload', '--beat-interval', '200ms', '--access-log', access,
                  *options, command=command)
    reeve.wait_ready(1)
    _ask_all(reeve.address().removeprefix('tcp://'))
    patient(lambda left: len(_asked(_read(t, 'access.log'))) >= REQUESTS
            or pause(min(left, 0.05)), f'{REQUESTS} lines')
    reeve.stop()
    ours, own = _read(t, 'access.log'), _read(t, 'own.log')
    equal(len(_asked(own)), REQUESTS, "lines of the server's own")
    equal(len(ours.splitlines()), REQUESTS, 'lines')
    equal(_asked(ours), _asked(own), 'what was asked')
    return ours, own


def test_uvicorn(t):
    """The access log of an unchanged uvicorn would differ from its own."""
    ours, _own = _equal_logs(t, uvicorn)
    for line in ours.splitlines():
        check(re.search(r'" (200|404) 3 "', line), 'the bytes of the body', line)


def test_node(t):
    """An unchanged Node.js would have no access log, or a wrong one."""
    ours, _own = _equal_logs(t, node)
    check('"http://x/5" "load 7"' in ours, 'referer and user agent')


def test_nginx(t):
    """The access log would not be what nginx writes, byte for byte but for the time."""
    def timeless(text):
        return sorted(re.sub(r'\[.*?\]', '[]', line) for line in text.splitlines())
    ours, own = _equal_logs(t, nginx)
    equal(timeless(ours), timeless(own), 'lines')


def test_what_is_no_http_has_no_line(t):
    """Bytes of other protocols would be written into the log, or stop the server."""
    command, options = nginx(t)
    access = t.path('access.log')
    reeve = t.web('--liveness', 'preload', '--access-log', access, '--access-log-format', 'json',
                  '--beat-interval', '100ms', *options, command=command)
    reeve.wait_ready(1)
    address = reeve.address().removeprefix('tcp://')
    for noise in (b'\x16\x03\x01' + os.urandom(200), b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
                  b'\0' * 5000, b'GET\r\n\r\n', b'G' * 5000, b'GET /\r\n\r\n'):
        with net.connect(address) as connection:
            connection.sendall(noise)
            connection.shutdown(1)
            try:
                while connection.recv(65536):
                    pass
            except ConnectionError:
                pass
    with net.connect(address) as connection:
        long = '/' + 'x' * 5000
        net.request(connection, long)
        equal(net.answer(connection)[0], 200, 'status')
    patient(lambda left: _read(t, 'access.log').splitlines() or pause(min(left, 0.05)), 'a line')
    reeve.stop()
    lines = [json.loads(line) for line in _read(t, 'access.log').splitlines()]
    equal(len(lines), 1, 'lines')
    check(lines[0]['target'] == long[:len(lines[0]['target'])] and
          len(lines[0]['target']) > 1500, 'the target is cut', lines)


def test_rotation_and_slow_requests(t):
    """An unchanged server could neither have its log rotated nor its slow requests named."""
    command, options = uvicorn(t)
    access = t.path('access.log')
    reeve = t.web('--liveness', 'preload', '--access-log', access, '--slow-request', '100ms',
                  '--beat-interval', '100ms', *options, command=command)
    reeve.wait_ready(1)
    reeve.get('/before')
    patient(lambda left: '/before' in _read(t, 'access.log') or pause(min(left, 0.05)), 'a line')
    os.rename(access, access + '.1')
    reeve.signal(signal.SIGUSR1)
    equal(reeve.wait_for('logs_reopened')['workers'], 1, 'workers that were told')
    patient(lambda left: os.path.exists(access) or pause(min(left, 0.05)), 'the new file')
    reeve.get('/slow')
    patient(lambda left: '/slow' in _read(t, 'access.log') or pause(min(left, 0.05)), 'a line')
    check('/slow' not in _read(t, 'access.log.1'), 'the old file is let go')
    slow = reeve.wait_for('slow_request')
    equal((slow['method'], slow['target']), ('GET', '/slow'), 'what was slow')
    equal(len(reeve.find('slow_request')), 1, 'records')


if __name__ == '__main__':
    runner.main(globals())
