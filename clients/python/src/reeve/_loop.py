"""Joins a worker to an asyncio event loop: beats come from the loop itself, so that one that is
blocked goes silent, and what reeve says is read there."""
from __future__ import annotations

import asyncio
from typing import Callable, Optional

from .worker import Event, Worker


class LoopBeats:
    """Beats while the loop turns; hands what reeve says to `on_event`."""

    def __init__(self, worker: Worker, on_event: Callable[[Event], None]) -> None:
        self._worker = worker
        self._on_event = on_event
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._timer: Optional[asyncio.TimerHandle] = None
        self._watched = -1

    def start(self) -> None:
        """From the running loop."""
        self._loop = asyncio.get_running_loop()
        if self._worker.control_fd >= 0:
            self._watched = self._worker.control_fd
            self._loop.add_reader(self._watched, self.read_control)
        if self._worker.beats:
            self._timer = self._loop.call_later(self._worker.interval, self._beat)

    def _beat(self) -> None:
        assert self._loop is not None
        self._worker.requests.look_for_slow()
        self._worker.beat()
        self._timer = self._loop.call_later(self._worker.interval, self._beat)

    def read_control(self) -> None:
        """Also called by who cannot wait for the loop to see that there is something to read."""
        if self._worker.control_fd < 0:
            return
        for event in self._worker.control():
            if self._worker.control_fd < 0:
                self._unwatch()
            self._on_event(event)

    def _unwatch(self) -> None:
        if self._loop is not None and self._watched >= 0:
            self._loop.remove_reader(self._watched)
        self._watched = -1

    def stop(self) -> None:
        self._unwatch()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
