"""How the runner takes connections and lets them go. Needs no uvicorn."""
import asyncio
import socket
import threading
import unittest

from support import PATIENCE, TestCase

from reeve.uvicorn._accept import Acceptor, Connections, backlog_of
from reeve.uvicorn._linger import Lingering


class Greeter(asyncio.Protocol):
    """Answers the first bytes and closes, however much more there is to read."""

    def __init__(self, connections, wrap):
        self.connections = connections
        self.wrap = wrap

    def connection_made(self, transport):
        self.transport = self.wrap(transport)
        self.connections.add(self)

    def data_received(self, data):
        self.transport.pause_reading()
        self.transport.write(b'answer')
        self.transport.close()

    def connection_lost(self, error):
        self.connections.discard(self)


class Runner(TestCase):
    """An acceptor in a loop of a thread of its own."""

    def serve(self, limit=0, refuse=False, wrap=Lingering):
        """(address, connections): serves until the test ends."""
        listener = self.listener()
        started = threading.Event()
        found = {}

        async def run():
            ended = found['ended'] = asyncio.Event()
            found['loop'] = asyncio.get_running_loop()
            connections = found['connections'] = Connections(
                lambda connection: None, lambda: found['loop'].call_soon(acceptor.review))
            acceptor = Acceptor([listener], lambda: Greeter(connections, wrap), None,
                                connections, limit, refuse)
            acceptor.start()
            started.set()
            await ended.wait()
            acceptor.close()
            while connections:
                await asyncio.sleep(0.01)

        thread = threading.Thread(target=lambda: asyncio.run(run()))
        where = listener.getsockname()
        thread.start()
        self.addCleanup(thread.join)
        started.wait()
        self.addCleanup(lambda: found['loop'].call_soon_threadsafe(found['ended'].set))
        return where, found['connections']

    def connect(self, where):
        client = socket.create_connection(where, timeout=PATIENCE)
        self.addCleanup(client.close)
        return client

    def test_backlog(self):
        """The accept queue that all workers share would change its length with each of them."""
        listener = self.listener()
        listener.listen(77)
        self.assertEqual(backlog_of(listener), 77)
        with socket.socket(socket.AF_UNIX) as other:
            self.assertEqual(backlog_of(other), 0)

    def test_unread_bytes_take_no_answer_away(self):
        """A client that sends on while it is answered would see a reset in place of the answer."""
        where, _connections = self.serve()
        client = self.connect(where)
        client.sendall(b'x' * 300000)
        self.assertEqual(client.recv(100), b'answer')
        self.assertEqual(client.recv(100), b'')

    def test_refused(self):
        """A client that is one too many would wait, or be cut without a word."""
        where, connections = self.serve(limit=1, refuse=True)
        first = self.connect(where)
        while not connections:
            pass
        second = self.connect(where)
        second.sendall(b'GET / HTTP/1.1\r\n\r\n' + b'x' * 100000)
        text = second.makefile('rb').read()
        self.assertTrue(text.startswith(b'HTTP/1.1 503 '), text)
        self.assertIn(b'\r\nRetry-After: 1\r\n', text)
        second.close()
        first.sendall(b'x')
        self.assertEqual(first.recv(100), b'answer')
        first.close()
        while connections:
            pass
        third = self.connect(where)
        third.sendall(b'x')
        self.assertEqual(third.recv(100), b'answer')


if __name__ == '__main__':
    unittest.main()
