"""Closing a connection so that no answer is lost.

A close with unread bytes resets the connection and may take the answer with it. So the last answer
is followed by the end of our side alone, and what the client sends is thrown away until it closes.
"""
from __future__ import annotations

import asyncio
from typing import Any, Optional

PATIENCE = 2.0  # seconds for a client to close its side


class Discard(asyncio.Protocol):
    """Takes the place of a connection's protocol until the client has closed."""

    def __init__(self, before: Any, transport: Any, timer: asyncio.TimerHandle) -> None:
        self._before = before
        self._transport = transport
        self._timer = timer

    @classmethod
    def take_over(cls, transport: Any, before: Any, loop: asyncio.AbstractEventLoop,
                  patience: float) -> None:
        """Ends our side once all is sent; `before` is told when the connection is gone."""
        if transport.is_closing() or not transport.can_write_eof():
            transport.close()
            return
        try:
            transport.write_eof()
        except (OSError, RuntimeError):
            transport.close()
            return
        timer = loop.call_later(patience, transport.close)
        transport.set_protocol(cls(before, transport, timer))
        transport.resume_reading()

    def data_received(self, _data: bytes) -> None:
        """Nobody wants it."""

    def eof_received(self) -> Optional[bool]:
        return False

    def pause_writing(self) -> None:
        self._before.pause_writing()

    def resume_writing(self) -> None:
        self._before.resume_writing()

    def connection_lost(self, error: Optional[Exception]) -> None:
        self._timer.cancel()
        self._before.connection_lost(error)


class Lingering:
    """A transport whose `close` lingers; everything else is the transport's own."""

    def __init__(self, transport: Any, patience: float = PATIENCE) -> None:
        self._transport = transport
        self._patience = patience
        self._closing = False
        self._upgraded = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def set_protocol(self, protocol: Any) -> None:
        """Another protocol (WebSocket) closes in its own way."""
        self._upgraded = True
        self._transport.set_protocol(protocol)

    def is_closing(self) -> bool:
        return self._closing or bool(self._transport.is_closing())

    def close(self) -> None:
        if self._upgraded:
            self._transport.close()
        elif not self._closing:
            self._closing = True
            Discard.take_over(self._transport, self._transport.get_protocol(),
                              asyncio.get_running_loop(), self._patience)
