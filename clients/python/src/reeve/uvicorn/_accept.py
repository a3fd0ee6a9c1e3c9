"""Accepts connections, no more at a time than is allowed, and tells others to come again.

One connection a turn of the loop, so that others on the same socket get theirs.
"""
from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import struct
from typing import Any, Callable, List, Optional, Sequence, Set

from ._linger import Discard

ACCEPT_PAUSE = 0.1      # seconds without accepting when there is no descriptor left
REFUSE_PATIENCE = 2.0   # seconds for a client to send its request, and to take the answer
REFUSED_MAX = 256       # clients that are told to come again at a time
RETRY_AFTER = 1

_BUSY = b'too many connections\n'
_REFUSAL = (b'HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain\r\n'
            b'Content-Length: %d\r\nRetry-After: %d\r\nConnection: close\r\n\r\n%s'
            % (len(_BUSY), RETRY_AFTER, _BUSY))

logger = logging.getLogger('uvicorn.error')


def backlog_of(sock: socket.socket) -> int:
    """The length of a TCP socket's accept queue as it was made; 0 = not known. A server of the
    loop's makes it anew, and others share it."""
    if sock.family == socket.AF_UNIX:
        return 0
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 32)
    # In a listening socket tcpi_sacked, the eighth word, is the queue's limit.
    return int(struct.unpack_from('=I', info, 28)[0]) if len(info) == 32 else 0


class Connections(Set[Any]):
    """The open connections, as uvicorn keeps them; tells when one comes or goes."""

    def __init__(self, on_open: Callable[[Any], None], on_close: Callable[[], None]) -> None:
        super().__init__()
        self._on_open = on_open
        self._on_close = on_close

    def add(self, connection: Any) -> None:
        super().add(connection)
        self._on_open(connection)

    def discard(self, connection: Any) -> None:
        super().discard(connection)
        self._on_close()

    def remove(self, connection: Any) -> None:
        super().remove(connection)
        self._on_close()


class _Refuse(asyncio.Protocol):
    """Answers the first bytes of a client with 503."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_end: Callable[[], None]) -> None:
        self._loop = loop
        self._on_end = on_end
        self._transport: Any = None
        self._timer: Optional[asyncio.TimerHandle] = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._timer = self._loop.call_later(REFUSE_PATIENCE, self._transport.close)

    def data_received(self, _data: bytes) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._transport.write(_REFUSAL)
        Discard.take_over(self._transport, self, self._loop, REFUSE_PATIENCE)

    def connection_lost(self, _error: Optional[Exception]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._on_end()


class Acceptor:
    """Has the part of an asyncio server that uvicorn uses: `close` and `wait_closed`.

    `limit`: connections at a time, 0 = any number. When there are so many, new ones wait in the
    socket's queue, or with `refuse` are answered with 503 and Retry-After.
    """

    def __init__(self, sockets: Sequence[socket.socket], make: Callable[[], asyncio.Protocol],
                 context: Optional[ssl.SSLContext], connections: Connections, limit: int,
                 refuse: bool) -> None:
        # As Any: not every description of a loop knows connect_accepted_socket.
        self._loop: Any = asyncio.get_running_loop()
        self._sockets: List[socket.socket] = list(sockets)
        self._make = make
        self._context = context
        self._connections = connections
        self._limit = limit
        self._refuse = refuse
        self._opening: Set['asyncio.Task[None]'] = set()
        self._refused = 0
        self._accepting = False
        self._paused = False
        self.closed = False

    def start(self) -> None:
        for sock in self._sockets:
            sock.setblocking(False)
        self.review()

    @property
    def opening(self) -> int:
        """Accepted, and not yet among the connections."""
        return len(self._opening)

    def _full(self) -> bool:
        return bool(self._limit) and len(self._connections) + self.opening >= self._limit

    def review(self) -> None:
        """Accepts, or does not, as it is now due."""
        wanted = not self.closed and not self._paused and (
            not self._full() or (self._refuse and self._refused < REFUSED_MAX))
        if wanted == self._accepting:
            return
        self._accepting = wanted
        for sock in self._sockets:
            if wanted:
                self._loop.add_reader(sock.fileno(), self._accept, sock)
            else:
                self._loop.remove_reader(sock.fileno())

    def _accept(self, sock: socket.socket) -> None:
        if not self._accepting:
            return
        try:
            connection, _address = sock.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return  # somebody else was faster, or the client has left
        except OSError as error:
            # Out of something, or the socket was shut down: the loop must not spin on it.
            logger.error('accept: %s', error)
            self._paused = True
            self._loop.call_later(ACCEPT_PAUSE, self._resume)
            self.review()
            return
        connection.setblocking(False)
        if self._full():
            self._refused += 1
            self._open(connection, lambda: _Refuse(self._loop, self._refusal_ended))
        else:
            self._open(connection, self._make)
        if self._limit:
            self.review()

    def _resume(self) -> None:
        self._paused = False
        self.review()

    def _refusal_ended(self) -> None:
        self._refused -= 1
        self.review()

    def _open(self, connection: socket.socket, make: Callable[[], asyncio.Protocol]) -> None:
        task = self._loop.create_task(self._connect(connection, make))
        self._opening.add(task)
        task.add_done_callback(self._opened)

    async def _connect(self, connection: socket.socket,
                       make: Callable[[], asyncio.Protocol]) -> None:
        try:
            await self._loop.connect_accepted_socket(make, connection, ssl=self._context)
        except OSError:
            connection.close()  # it broke off, or its TLS handshake failed

    def _opened(self, task: 'asyncio.Task[None]') -> None:
        self._opening.discard(task)
        if self._limit:
            self.review()

    def close(self) -> None:
        """Stops accepting. Never a shutdown: others hold the same sockets."""
        if self.closed:
            return
        self.closed = True
        self.review()
        for sock in self._sockets:
            sock.close()

    async def wait_closed(self) -> None:
        """There is nothing to wait for."""
