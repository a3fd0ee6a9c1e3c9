"""The ASGI middleware, called as a server would call it."""
import asyncio
import os
import struct
import tempfile
import time
import unittest

from support import TestCase, drain, reopen

from reeve import Worker, _protocol, asgi


async def _nothing():
    return {'type': 'http.disconnect'}


async def _answer(_scope, _receive, send):
    await send({'type': 'http.response.start', 'status': 200,
                'headers': [(b'Connection', b'keep-alive'), (b'a', b'b')]})
    await send({'type': 'http.response.body', 'body': b'one', 'more_body': True})
    await send({'type': 'http.response.body', 'body': b'two'})


async def _fail(_scope, _receive, _send):
    raise RuntimeError('no')


def _scope(**more):
    return {'type': 'http', 'method': 'GET', 'path': '/a b', 'raw_path': b'/a%20b',
            'query_string': b'x=1', 'http_version': '1.1', 'client': ('10.0.0.1', 9),
            'headers': [(b'user-agent', b'test'), (b'referer', b'http://r/')], **more}


class Middleware(TestCase):
    """Counting, logging, draining."""

    def middleware(self, app, beats=False, **environ):
        self.reeve = self.fake(**environ)
        self.counter = self.worker(self.reeve)
        return asgi.Middleware(app, self.counter, beats=beats)

    def call(self, app, receive=_nothing, **scope):
        """Calls it once; all that it sent."""
        sent = []

        async def send(message):
            sent.append(message)

        async def run():
            await app(_scope(**scope), receive, send)
        asyncio.run(run())
        return sent

    def test_counts(self):
        """max_requests and the metrics would be wrong."""
        app = self.middleware(_answer)
        self.assertEqual(len(self.call(app)), 3)
        app.app = _fail
        with self.assertRaises(RuntimeError):
            self.call(app)
        counted = self.counter.requests
        self.assertEqual((counted.ended, counted.errors, counted.in_flight), (2, 1, 0))

    def test_ends_with_the_answer(self):
        """Work that an application does after its answer would count as a slow request."""
        async def lingers(scope, receive, send):
            await _answer(scope, receive, send)
            seen.append(self.counter.requests.in_flight)
        seen = []
        self.call(self.middleware(lingers))
        self.assertEqual((seen, self.counter.requests.ended), ([0], 1))

    def test_nested(self):
        """Each request would count twice where the runner and the application both count."""
        outer = self.middleware(_answer)
        self.counter.taken = True
        outer.app = asgi.Middleware(_answer, self.counter)
        self.call(outer)
        self.assertEqual(self.counter.requests.ended, 1)

    def test_without_reeve(self):
        """The application would behave differently on a developer's machine."""
        seen = []

        async def looks(scope, _receive, send):
            seen.append((scope, send))
        app = asgi.Middleware(looks, Worker({}))

        async def run():
            scope = _scope()
            await app(scope, _nothing, _fail)
            self.assertEqual(seen, [(scope, _fail)])
        asyncio.run(run())

    def test_draining(self):
        """A client would send its next request on a connection that is about to end."""
        app = self.middleware(_answer)
        self.assertIn((b'Connection', b'keep-alive'), self.call(app)[0]['headers'])
        app.draining = True
        self.assertEqual(self.call(app)[0]['headers'], [(b'a', b'b'), (b'connection', b'close')])
        self.assertNotIn((b'connection', b'close'),
                         self.call(app, http_version='2')[0]['headers'])

    def test_access_log(self):
        """A request would be missing in the access log, or stand there wrongly."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'log')
            os.environ['REEVE_ACCESS_LOG'] = path
            self.addCleanup(os.environ.pop, 'REEVE_ACCESS_LOG', None)
            app = self.middleware(_answer)
            self.call(app)
            self.call(app, method='HEAD', client=None, headers=[])
            app.app = _fail
            with self.assertRaises(RuntimeError):
                self.call(app)
            with open(path, encoding='ascii') as file:
                lines = file.read().splitlines()
        self.assertEqual(lines[0].split(' - - ')[0], '10.0.0.1')
        self.assertTrue(lines[0].endswith(
            '"GET /a%20b?x=1 HTTP/1.1" 200 6 "http://r/" "test"'), lines[0])
        self.assertTrue(lines[1].startswith('- - - ['), lines[1])
        self.assertTrue(lines[1].endswith('"HEAD /a%20b?x=1 HTTP/1.1" 200 0 "-" "-"'), lines[1])
        self.assertIn('" 500 0 ', lines[2])

    def test_slow_request(self):
        """Nobody would know which request it is that runs so long."""
        app = self.middleware(_answer, REEVE_SLOW_REQUEST='1')

        async def slow(scope, receive, send):
            time.sleep(0.002)
            await _answer(scope, receive, send)
        app.app = slow
        self.call(app)
        kind, data = self.reeve.message()
        self.assertEqual((kind, data[32:]), (_protocol.SLOW, b'GET /a%20b?x=1'))

    def test_websocket(self):
        """A WebSocket would count as a request that runs for days, or end without a word."""
        async def echo(_scope, receive, send):
            await receive()
            await send({'type': 'websocket.accept'})
            seen.append((self.counter.requests.in_flight, self.counter.requests.ended))
            app.close_websockets()
            while (await receive())['type'] != 'websocket.disconnect':
                pass
            await send({'type': 'websocket.send', 'text': 'too late'})

        async def receive():
            await asyncio.sleep(0)
            done = any(message['type'] == 'websocket.close' for message in sent)
            return {'type': 'websocket.disconnect' if done else 'websocket.connect'}

        async def send(message):
            sent.append(message)
        seen, sent = [], []
        app = self.middleware(echo)
        asyncio.run(app(_scope(type='websocket'), receive, send))
        self.assertEqual(seen, [(0, 1)])
        self.assertEqual([(message['type'], message.get('code')) for message in sent],
                         [('websocket.accept', None), ('websocket.close', 1012)])

    def test_under_another_server(self):
        """Under hypercorn or gunicorn a worker would not be watched."""
        async def app(scope, receive, send):
            if scope['type'] == 'lifespan':
                await send({'type': 'lifespan.startup.complete'})
                await asyncio.get_running_loop().run_in_executor(None, self.seen)
                await send({'type': 'lifespan.shutdown.complete'})
            else:
                await _answer(scope, receive, send)
        wrapped = self.middleware(app, beats=True)
        self.reeve.send(drain(1000))
        self.reeve.send(reopen())
        self.assertEqual(len(self.call(wrapped, type='lifespan')), 2)
        self.assertEqual(self.reeve.read_beats()[-1].state, _protocol.STOPPING)

    def seen(self):
        kind, data = self.reeve.message()
        self.assertEqual((kind, struct.unpack('<I', data[16:])),
                         (_protocol.HELLO, (_protocol.HELLO_SLOW,)))
        self.assertEqual(self.reeve.message()[0], _protocol.READY)
        for sequence in (1, 2, 3):
            beat = self.reeve.wait_beat(lambda beat, wanted=sequence: beat.sequence >= wanted)
            self.assertEqual(beat.state, _protocol.SERVING)

    def test_blocked_loop(self):
        """A worker whose loop stands still would look alive."""
        async def blocks(_scope, _receive, send):
            # The first beat says ready; then nobody turns the loop.
            self.reeve.wait_beat()
            time.sleep(0.2)
            self.assertEqual(self.reeve.read_beats(), [])
            await _answer(_scope, _receive, send)
        self.call(self.middleware(blocks, beats=True))


if __name__ == '__main__':
    unittest.main()
