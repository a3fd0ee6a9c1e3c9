"""uvicorn's server on the sockets of reeve: readiness, beats, and a drain that loses nothing."""
from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from typing import Any, List, Optional

from .. import asgi
from .._loop import LoopBeats
from ..worker import Drain, Event, Gone, Reopen, Worker
from . import _compat
from ._accept import Acceptor, Connections, backlog_of
from ._linger import Lingering

WELCOME_PATIENCE = 30.0  # seconds for the sockets to come
ORPHAN_DRAIN = 30.0      # seconds for a drain that nobody set a deadline for
MARGIN_MAX = 2.0         # seconds between the polite end of what is open and the deadline
LOOK = 0.02              # seconds between two looks at whether all is done

logger = logging.getLogger('uvicorn.error')


class Server(_compat.ServerBase):
    """`worker`, `limit` and `refuse` are set by the runner before uvicorn makes its server."""

    worker: Worker
    started: bool
    should_exit: bool
    limit = 0
    refuse = False

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.server_state.connections = Connections(self._on_open, self._on_close)
        self._acceptor: Optional[Acceptor] = None
        self._beats = LoopBeats(self.worker, self._on_event)
        self._deadline = 0.0         # of the drain; 0 = there is none
        self._orphaned = False
        self._terms = 0
        self._timers: List[asyncio.TimerHandle] = []
        self._given_up = False

    # Start

    async def serve(self, sockets: Any = None) -> None:
        self._loop = asyncio.get_running_loop()
        if not self.config.loaded:
            self.config.load()
        self._middleware = asgi.Middleware(self.config.loaded_app, self.worker, beats=False)
        self.config.loaded_app = self._middleware
        if self._middleware.log is not None:
            # The pool's takes the place of uvicorn's own.
            access = logging.getLogger('uvicorn.access')
            access.handlers, access.propagate = [], False
        try:
            await super().serve(sockets)
        finally:
            self._beats.stop()
            if self.started:
                self.worker.stopping()

    async def startup(self, sockets: Any = None) -> None:
        if self.worker.alone and not self.limit:
            await super().startup(sockets)
            return
        await self.lifespan.startup()
        unwanted = self.should_exit or self.lifespan.should_exit
        listeners = [] if unwanted else await self._listeners()
        if not listeners:
            self.should_exit = True
            return
        await self._accept_from(listeners)
        self.started = True
        if not self.worker.sockets:
            self._log_started_message(listeners)
        self.worker.ready()
        self._beats.start()

    async def _accept_from(self, listeners: List[socket.socket]) -> None:
        """By the loop's own servers, which are quicker, where connections are not counted."""
        make = _compat.protocol_factory(self)
        if self.limit:
            self._acceptor = Acceptor(listeners, make, self.config.ssl,
                                      self.server_state.connections, self.limit, self.refuse)
            self._acceptor.start()
            servers: List[Any] = [self._acceptor]
        else:
            servers = [
                await self._loop.create_server(make, sock=sock, ssl=self.config.ssl,
                                               backlog=backlog_of(sock) or self.config.backlog)
                for sock in listeners]
        self.servers = servers

    async def _listeners(self) -> List[socket.socket]:
        """The sockets of the pool, with --fd that one alone; else what the command line says. None
        where reeve changed its mind."""
        self.worker.hello()
        until = self._loop.time() + WELCOME_PATIENCE
        while self.worker.control_fd >= 0 and not (self.worker.inherited or self.worker.welcomed):
            if not await self._readable(until - self._loop.time()):
                logger.error('reeve sends no sockets')
                return []
            if not self.worker.take_welcome():
                return []
        found = [sock for _name, sock in self.worker.sockets]
        if found:
            logger.info('Serving on %d socket(s) of reeve', len(found))
            return [sock for sock in found if sock.fileno() == self.config.fd] or found
        if self.config.fd is not None:
            return [socket.socket(fileno=os.dup(self.config.fd))]
        own: socket.socket = self.config.bind_socket()
        own.listen(self.config.backlog)
        if own.family != socket.AF_UNIX:
            # asyncio sets it only on sockets that were made with the protocol's number.
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return [own]

    async def _readable(self, seconds: float) -> bool:
        """Whether reeve says something in time."""
        told = asyncio.Event()
        self._loop.add_reader(self.worker.control_fd, told.set)
        try:
            await asyncio.wait_for(told.wait(), seconds)
        except asyncio.TimeoutError:
            return False
        finally:
            self._loop.remove_reader(self.worker.control_fd)
        return True

    # What happens

    def _on_open(self, connection: Any) -> None:
        if not _compat.is_http(connection):
            return  # it was counted before it became a WebSocket
        self.worker.requests.connections += 1
        if self._deadline:
            # Its protocol is about to be told of the transport.
            self._loop.call_soon(self._linger, connection)

    def _on_close(self) -> None:
        # A connection that becomes a WebSocket is away for a moment.
        if self.limit and self._acceptor is not None:
            self._loop.call_soon(self._acceptor.review)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Drain):
            self._drain(event.seconds)
        elif isinstance(event, Gone) and not event.keep:
            logger.warning('reeve is gone')
            self._orphaned = True
            if not self._deadline:
                self._drain(ORPHAN_DRAIN)
        elif isinstance(event, Reopen) and self._middleware.log is not None:
            self._middleware.log.reopen()

    def handle_exit(self, sig: Any, frame: Any) -> None:
        if self.started and not self.worker.alone and sig == signal.SIGTERM:
            self._loop.call_soon_threadsafe(self._on_term)
        else:
            super().handle_exit(sig, frame)

    def _on_term(self) -> None:
        """What dies with reeve gets the end of the channel and a TERM: one wish, and not two."""
        self._beats.read_control()
        self._terms += 1
        if self._deadline and (self._terms > 1 or not self._orphaned):
            self._end_politely()
        elif not self._deadline:
            self.worker.draining()
            super().handle_exit(signal.SIGTERM, None)

    # Drain

    def _drain(self, seconds: float) -> None:
        """Open connections may stay until shortly before the deadline: a client may be sending on
        an idle one at this very moment."""
        margin = min(MARGIN_MAX, seconds / 4)
        for timer in self._timers:
            timer.cancel()
        self._timers = [self._loop.call_later(seconds - margin, self._end_politely),
                        self._loop.call_later(seconds - margin / 2, self._give_up)]
        first = not self._deadline
        self._deadline = self._loop.time() + seconds
        if not first:
            return
        logger.info('Draining for up to %.1f s', seconds)
        self._middleware.draining = True
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            self._linger(connection)
        self.worker.draining()
        self.should_exit = True

    def _linger(self, connection: Any) -> None:
        if connection in self.server_state.connections and _compat.is_http(connection):
            _compat.replace_transport(connection, Lingering)

    def _end_politely(self) -> None:
        """The deadline is near: idle connections end, WebSockets are told to come again."""
        self._middleware.close_websockets()
        for connection in list(self.server_state.connections):
            if _compat.is_http(connection) and _compat.is_idle(connection):
                connection.transport.close()

    def _give_up(self) -> None:
        self._given_up = True

    def _busy(self) -> bool:
        state = self.server_state
        opening = self._acceptor is not None and self._acceptor.opening
        return bool(state.connections or state.tasks or opening)

    async def shutdown(self, sockets: Any = None) -> None:
        if not self._deadline:
            await super().shutdown(sockets)
            return
        # First a look's time for connections that the loop has accepted and not yet made.
        await asyncio.sleep(LOOK)
        while self._busy() and not self.force_exit and not self._given_up:
            await asyncio.sleep(LOOK)
        if self._given_up:
            logger.warning('%d connection(s) cut by the deadline',
                           len(self.server_state.connections))
        if not self.force_exit:
            await self.lifespan.shutdown()
