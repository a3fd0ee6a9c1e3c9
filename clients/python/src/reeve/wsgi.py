"""WSGI middleware: `app = reeve.wsgi.Middleware(app)` counts requests and writes the access log.

A WSGI application cannot reach the loop of its server, and a worker that waits for its next request
would look like one that hangs. So by itself this middleware counts, and its beats say that silence
means nothing: `max_requests`, latency and slow requests work, `timeout` and `request_timeout` do
not. Where the server calls something of ours in its own loop, `watched()` there makes every beat
count: `reeve.gunicorn.post_worker_init` does it for gunicorn.
"""
from __future__ import annotations

import threading
import time
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple

from . import _protocol, access_log
from .worker import Reopen, Worker, current

Environ = Dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


def describe(environ: Environ) -> Tuple[str, str]:
    """Method, and path and query as the client sent them, as far as the server tells."""
    raw = environ.get('RAW_URI') or environ.get('REQUEST_URI')
    if raw is None:
        query = environ.get('QUERY_STRING', '')
        raw = environ.get('SCRIPT_NAME', '') + environ.get('PATH_INFO', '')
        raw += f'?{query}' if query else ''
    return environ.get('REQUEST_METHOD', 'GET'), raw


class Beats:
    """Beats that come from requests and, once `watched()` was called, from the server's loop. Any
    thread may call it."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.log = None if worker.alone else access_log.from_environment()
        self._lock = threading.Lock()
        self._watched = False

    def begin(self, environ: Environ) -> int:
        with self._lock:
            return self.worker.requests.begin(describe, environ)

    def end(self, key: int, failed: bool) -> int:
        """The duration in nanoseconds."""
        with self._lock:
            if not self._watched:
                self.worker.state = _protocol.STOPPING
            duration = self.worker.requests.end(key, failed)
            self._turn()
            return duration

    def watched(self) -> None:
        """From the server's loop, each turn: from the first one on, silence means a hang."""
        with self._lock:
            if not self._watched:
                self._watched = True
                self.worker.ready()
            self._turn()

    def stopping(self) -> None:
        with self._lock:
            self._watched = False
            self.worker.stopping()

    def _turn(self) -> None:
        """Beats where one is due."""
        if not self.worker.turn():
            return
        for event in self.worker.control():
            if isinstance(event, Reopen) and self.log is not None:
                self.log.reopen()


_beats: Optional[Beats] = None


def beats() -> Beats:
    """Those of this process."""
    global _beats
    if _beats is None:
        _beats = Beats(current())
    return _beats


class Middleware:
    """Wraps a WSGI application."""

    def __init__(self, app: Application, worker: Optional[Worker] = None) -> None:
        self.app = app
        self._beats = beats() if worker is None else Beats(worker)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if self._beats.worker.alone:
            return self.app(environ, start_response)
        answer = _Answer(self._beats, environ)

        def started(status: str, headers: List[Tuple[str, str]], *more: Any) -> Any:
            answer.status = int(status.split(' ', 1)[0])
            return start_response(status, headers, *more)

        try:
            answer.body = self.app(environ, started)
        except Exception:
            answer.finish(failed=True)
            raise
        return answer


class _Answer:
    """The body of an answer; the request ends when the server closes it."""

    def __init__(self, counter: Beats, environ: Environ) -> None:
        self._beats = counter
        self._environ = environ
        self._key = counter.begin(environ)
        self._size = 0
        self.status = 0
        self.body: Iterable[bytes] = ()

    def __iter__(self) -> Iterator[bytes]:
        try:
            for part in self.body:
                self._size += len(part)
                yield part
        except Exception:
            self.finish(failed=True)
            raise

    def close(self) -> None:
        try:
            close = getattr(self.body, 'close', None)
            if close is not None:
                close()
        finally:
            self.finish(failed=self.status >= 500)

    def finish(self, failed: bool) -> None:
        if not self._key:
            return
        duration = self._beats.end(self._key, failed)
        self._key = 0
        if self._beats.log is None:
            return
        environ, seconds = self._environ, duration / 1e9
        method, target = describe(environ)
        self._beats.log.write(access_log.Entry(
            time.time() - seconds, environ.get('REMOTE_ADDR', ''), method, target,
            environ.get('SERVER_PROTOCOL', ''), self.status or 500,
            0 if method == 'HEAD' else self._size, seconds, environ.get('HTTP_REFERER', ''),
            environ.get('HTTP_USER_AGENT', '')))
