"""The WSGI middleware, called as a server would call it, and gunicorn's hooks."""
import os
import tempfile
import time
import unittest
from unittest import mock

from support import TestCase

from reeve import Worker, _protocol, gunicorn, wsgi


def _environ(**more):
    return {'REQUEST_METHOD': 'GET', 'SCRIPT_NAME': '/app', 'PATH_INFO': '/a', 'REMOTE_ADDR': '::1',
            'QUERY_STRING': 'x=1', 'SERVER_PROTOCOL': 'HTTP/1.1', **more}


def _answer(_environ_, start_response):
    start_response('200 OK', [])
    yield b'one'
    yield b'two'


def _start(*_arguments):
    return None


class Middleware(TestCase):
    """Counting, logging, and what silence means."""

    def middleware(self, app, **environ):
        self.reeve = self.fake(**environ)
        self.counter = self.worker(self.reeve)
        return wsgi.Middleware(app, self.counter)

    def serve(self, app, **environ):
        answer = app(_environ(**environ), _start)
        try:
            return b''.join(answer)
        finally:
            answer.close()

    def test_counts(self):
        """max_requests and the metrics would be wrong."""
        app = self.middleware(_answer)
        self.assertEqual(self.serve(app), b'onetwo')
        app.app = lambda environ, start: (_ for _ in ()).throw(RuntimeError)
        with self.assertRaises(RuntimeError):
            self.serve(app)
        app.app = lambda environ, start: start('503 Busy', []) or [b'']
        self.serve(app)
        counted = self.counter.requests
        self.assertEqual((counted.ended, counted.errors, counted.in_flight), (3, 2, 0))

    def test_idle_is_no_hang(self):
        """reeve would kill a worker for waiting for its next request."""
        app = self.middleware(_answer)
        self.serve(app)
        beat, = self.reeve.read_beats()
        self.assertEqual((beat.state, beat.requests), (_protocol.STOPPING, 1))

    def test_beats_are_rare(self):
        """Many short requests would flood the pipe, and reeve would end the worker."""
        app = self.middleware(_answer, REEVE_BEAT_INTERVAL='600000', REEVE_QUOTA='50')
        for _ in range(100):
            self.serve(app)
        self.assertEqual([beat.requests for beat in self.reeve.read_beats()], [1, 50])

    def test_without_reeve(self):
        """The application would behave differently on a developer's machine."""
        body = [b'x']
        app = wsgi.Middleware(lambda environ, start: body, Worker({}))
        self.assertIs(app(_environ(), _start), body)

    def test_access_log(self):
        """A request would be missing in the access log, or stand there wrongly."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'log')
            with mock.patch.dict(os.environ, REEVE_ACCESS_LOG=path):
                app = self.middleware(_answer)
            self.serve(app, HTTP_USER_AGENT='test')
            with open(path, encoding='ascii') as file:
                line, = file
        self.assertTrue(line.startswith('::1 - - ['), line)
        self.assertTrue(line.endswith('"GET /app/a?x=1 HTTP/1.1" 200 6 "-" "test"\n'), line)

    def test_gunicorn(self):
        """Under gunicorn a worker that hangs would not be found."""
        app = self.middleware(_answer)
        seen = []

        class Loop:
            """Has what the hooks touch."""
            def notify(self):
                seen.append('notified')
        loop = Loop()
        with mock.patch.object(wsgi, '_beats', app._beats):
            gunicorn.post_worker_init(loop)
            loop.notify()
            self.assertEqual(self.reeve.read_beats()[-1].state, _protocol.SERVING)
            self.serve(app)
            time.sleep(0.03)
            loop.notify()
            beat = self.reeve.read_beats()[-1]
            self.assertEqual((beat.state, beat.requests), (_protocol.SERVING, 1))
            gunicorn.worker_exit(None, loop)
        self.assertEqual(self.reeve.read_beats()[-1].state, _protocol.STOPPING)
        self.assertEqual(seen, ['notified', 'notified'])


if __name__ == '__main__':
    unittest.main()
