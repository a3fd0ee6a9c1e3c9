"""Python workers for the tests: an application, its runner, and a WebSocket client."""
import base64
import os
import struct
from pathlib import Path

import net
from harness import check

# Debian's own, for which Debian's uvicorn is installed.
PYTHON = '/usr/bin/python3'
CLIENT = Path(__file__).resolve().parents[2] / 'clients' / 'python'
SOURCES = CLIENT / 'src'

APP = r'''import asyncio
import os
import select


async def pause(seconds):
    over = asyncio.get_running_loop().create_future()
    over.get_loop().call_later(seconds, over.set_result, None)
    await over


def note(name):
    with open(name, 'a') as file:
        file.write('%d\n' % os.getpid())


async def lifespan(receive, send):
    while True:
        if (await receive())['type'] == 'lifespan.shutdown':
            note('left')
            await send({'type': 'lifespan.shutdown.complete'})
            return
        note('booted')
        while os.environ.get('GATE') and not os.path.exists(os.environ['GATE']):
            await pause(0.01)
        failed = os.environ.get('FAIL')
        await send({'type': 'lifespan.startup.' + ('failed' if failed else 'complete')})


async def echo(receive, send):
    await receive()
    await send({'type': 'websocket.accept'})
    while True:
        message = await receive()
        if message['type'] == 'websocket.disconnect':
            return
        await send({'type': 'websocket.send', 'text': '%d %s' % (os.getpid(), message['text'])})


async def wait_for(path):
    while not os.path.exists(path):
        await pause(0.01)


async def application(scope, receive, send):
    if scope['type'] == 'lifespan':
        return await lifespan(receive, send)
    if scope['type'] == 'websocket':
        return await echo(receive, send)
    path, query = scope['path'], scope['query_string'].decode()
    if path == '/block':
        select.select([], [], [], float(query))
    elif path == '/pause':
        await pause(float(query))
    elif path == '/wait':
        note('begun')
        await wait_for(query)
    elif path == '/fail':
        raise RuntimeError('as asked')
    body = b'%d\n' % os.getpid()
    parts = [body] if path != '/stream' else [body, b'end\n']
    size = str(sum(map(len, parts))).encode()
    await send({'type': 'http.response.start', 'status': 200,
                'headers': [(b'content-length', size)]})
    for part in parts:
        last = part is parts[-1]
        if last and path == '/stream':
            await wait_for(query)
        await send({'type': 'http.response.body', 'body': part, 'more_body': not last})
'''


def runner(*options):
    """The command of a worker that serves APP."""
    return [PYTHON, '-m', 'reeve.uvicorn', 'app:application', '--no-access-log', *options]


def environment(**more):
    return {'PYTHONPATH': str(SOURCES), **more}


def prepare(t):
    """Puts the application where workers are started; skips where there is no uvicorn."""
    t.skip_unless(os.access('/usr/bin/uvicorn', os.X_OK), 'uvicorn is missing')
    t.file('app.py', APP)


def web(t, *options, runner_options=(), workers=1, env=None, **more):
    """reeve with workers that serve APP."""
    prepare(t)
    return t.web(*options, workers=workers, command=runner(*runner_options),
                 env=environment(**(env or {})), **more)


class WebSocket:
    """Just enough of a client: short text messages."""

    def __init__(self, address):
        self.connection = net.connect(address)
        key = base64.b64encode(os.urandom(16)).decode()
        self.connection.sendall(
            f'GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
            f'Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n'.encode())
        self._data = b''
        while b'\r\n\r\n' not in self._data:
            self._more()
        head, self._data = self._data.split(b'\r\n\r\n', 1)
        check(head.startswith(b'HTTP/1.1 101'), 'the handshake', head)

    def _more(self):
        data = self.connection.recv(4096)
        if not data:
            raise ConnectionError('the WebSocket ended without a close frame')
        self._data += data

    def _send(self, opcode, payload):
        # A mask of zeros changes nothing.
        self.connection.sendall(struct.pack('!BB4x', 0x80 | opcode, 0x80 | len(payload)) + payload)

    def receive(self):
        """(opcode, payload) of the next frame but pings."""
        while True:
            while len(self._data) < 2 or len(self._data) < 2 + self._data[1]:
                self._more()
            size = 2 + self._data[1]
            frame, self._data = self._data[:size], self._data[size:]
            if frame[0] & 0xf != 9:
                return frame[0] & 0xf, frame[2:]

    def ask(self, text):
        """Sends a text; the words of the answer."""
        self._send(1, text.encode())
        opcode, payload = self.receive()
        check(opcode == 1, 'a text frame', opcode, payload)
        return payload.decode().split()

    def wait_close(self):
        """The code with which the server closes; answers it."""
        opcode, payload = self.receive()
        check(opcode == 8, 'a close frame', opcode, payload)
        self._send(8, payload[:2])
        return struct.unpack('!H', payload[:2])[0]

    def close(self):
        """Closes as a client does, and waits for the server to agree."""
        self._send(8, struct.pack('!H', 1000))
        opcode, _payload = self.receive()
        check(opcode == 8, 'a close frame', opcode)
        self.connection.close()
