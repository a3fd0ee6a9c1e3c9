"""ASGI middleware: `app = reeve.asgi.Middleware(app)` counts what the application does, writes the
access log, and beats from the event loop of the server that runs it.

Without reeve it hands everything through. Under `python3 -m reeve.uvicorn`, which counts outermost,
it does so too.
"""
from __future__ import annotations

import asyncio
import time
from time import monotonic_ns
from typing import Any, Awaitable, Callable, MutableMapping, Optional, Set, Tuple
from urllib.parse import quote

from . import access_log
from ._loop import LoopBeats
from .worker import Event, Reopen, Worker, current

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

SERVICE_RESTART = 1012  # the close code of WebSockets that says: come again
CLIENT_LEFT = 499       # logged where a client left before there was a status
_CLOSE = (b'connection', b'close')


def target_of(scope: Scope) -> str:
    """Path and query as the client sent them."""
    raw = scope.get('raw_path') or quote(scope.get('path', '')).encode()
    text = raw.decode('latin-1') if isinstance(raw, bytes) else str(raw)
    query = scope.get('query_string', b'')
    return f'{text}?{query.decode("latin-1")}' if query else text


def describe(scope: Scope) -> Tuple[str, str]:
    return scope.get('method', 'GET'), target_of(scope)


def _closing(scope: Scope, message: Message) -> Message:
    """The same start of an answer, which says that the connection ends with it."""
    if not scope.get('http_version', '1.1').startswith('1'):
        return message
    headers = [pair for pair in message.get('headers', ()) if pair[0].lower() != b'connection']
    return {**message, 'headers': [*headers, _CLOSE]}


class _Socket:
    """A WebSocket, with the application's own way to close it."""

    def __init__(self, send: Send) -> None:
        self.send = send
        self.closed = False  # by us, not by the application


class Middleware:
    """Wraps an ASGI application. `beats=False`: the server beats and tells of readiness itself."""

    def __init__(self, app: Application, worker: Optional[Worker] = None,
                 beats: bool = True) -> None:
        self.app = app
        self.draining = False  # answers that begin from now on end their connections
        self._worker = worker or current()
        # Nobody is there to be told, or somebody else tells.
        self._idle = self._worker.alone or (beats and self._worker.taken)
        self._requests = self._worker.requests
        self.log = None if self._idle else access_log.from_environment()
        self._beats = beats
        self._loop: Optional[LoopBeats] = None
        self._sockets: Set[_Socket] = set()
        self._closing: Set['asyncio.Task[None]'] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope['type'] != 'http' or self._idle:
            await self._other(scope, receive, send)
            return
        if self._beats and self._loop is None:
            self._ready()
        log = self.log
        status = size = 0
        requests = self._requests
        key = requests.begin(describe, scope)

        # No coroutine of its own: it hands the server's on.
        def counted(message: Message) -> Awaitable[None]:
            nonlocal key, status, size
            kind = message['type']
            if kind == 'http.response.body':
                if log is not None:
                    size += len(message.get('body', b''))
                if key and not message.get('more_body'):
                    duration = requests.end(key, status >= 500)
                    key = 0
                    if log is not None:
                        self._write(log, scope, status, size, duration)
            elif kind == 'http.response.start':
                status = message['status']
                if self.draining:
                    message = _closing(scope, message)
            return send(message)

        try:
            await self.app(scope, receive, counted)
        except Exception:
            # Whatever was begun, it is no answer.
            status = max(status, 500)
            raise
        finally:
            if key:
                duration = requests.end(key, status >= 500)
                if log is not None:
                    self._write(log, scope, status or CLIENT_LEFT, size, duration)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        kind = scope['type']
        if self._idle or kind not in ('lifespan', 'websocket'):
            await self.app(scope, receive, send)
        elif kind == 'websocket':
            await self._websocket(scope, receive, send)
        else:
            await self.app(scope, receive, self._lifespan(send) if self._beats else send)

    @staticmethod
    def _write(log: access_log.AccessLog, scope: Scope, status: int, size: int,
               duration_ns: int) -> None:
        seconds = duration_ns / 1e9
        referer = user_agent = ''
        for name, value in scope.get('headers', ()):
            if name == b'user-agent':
                user_agent = value.decode('latin-1')
            elif name == b'referer':
                referer = value.decode('latin-1')
        client = scope.get('client')
        method, target = describe(scope)
        log.write(access_log.Entry(
            time.time() - seconds, str(client[0]) if client else '', method, target,
            'HTTP/' + scope.get('http_version', '1.1'), status, 0 if method == 'HEAD' else size,
            seconds, referer, user_agent))

    # WebSockets: the handshake is the request; what follows may last for days.

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        requests = self._requests
        begin = monotonic_ns()
        key = requests.begin(describe, scope)
        held = _Socket(send)
        status = size = 0

        def decided(code: int) -> None:
            nonlocal key, status
            if key:
                status = code
                requests.end(key, code >= 500)
                key = 0

        async def counted(message: Message) -> None:
            nonlocal size
            kind = message['type']
            if held.closed:
                return
            await send(message)
            if kind == 'websocket.accept':
                decided(101)
                self._sockets.add(held)
            elif kind == 'websocket.close':
                decided(403)
                self._sockets.discard(held)
            elif kind == 'websocket.http.response.start':
                decided(message['status'])
            elif kind == 'websocket.send':
                size += len(message.get('bytes') or (message.get('text') or '').encode())

        try:
            await self.app(scope, receive, counted)
        except Exception:
            decided(500)
            raise
        finally:
            decided(CLIENT_LEFT)
            self._sockets.discard(held)
            if self.log is not None:
                self._write(self.log, scope, status, size, monotonic_ns() - begin)

    def close_websockets(self, code: int = SERVICE_RESTART) -> None:
        """Closes those that are open, as their applications would."""
        for held in list(self._sockets):
            held.closed = True
            self._sockets.discard(held)
            task = asyncio.get_running_loop().create_task(self._close(held, code))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    @staticmethod
    async def _close(held: _Socket, code: int) -> None:
        try:
            await held.send({'type': 'websocket.close', 'code': code, 'reason': 'service restart'})
        except Exception:
            pass  # the application or the client has closed it meanwhile

    # Under a server that knows nothing of reeve

    def _lifespan(self, send: Send) -> Send:
        async def told(message: Message) -> None:
            if message['type'].startswith('lifespan.shutdown.'):
                self._worker.stopping()
                if self._loop is not None:
                    self._loop.stop()
            await send(message)
            if message['type'] == 'lifespan.startup.complete':
                self._ready()
        return told

    def _ready(self) -> None:
        """Beats from the running loop; no loop of asyncio, no beats."""
        try:
            self._loop = LoopBeats(self._worker, self._on_event)
            self._loop.start()
        except RuntimeError:
            self._beats = False
            return
        self._worker.ready()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Reopen) and self.log is not None:
            self.log.reopen()
