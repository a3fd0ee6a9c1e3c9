"""A worker as reeve sees it: it says Hello and Ready, beats, and is told when to leave.

`current()` is the one of this process, made from the environment at first use. Without reeve it is
there all the same and does nothing. There is no helper thread, on purpose: a thread would beat on
while the program's own loop stands still, and hide what the beats are there to show.
"""
from __future__ import annotations

import array
import os
import select
import socket
import time
import weakref
from typing import List, Mapping, NamedTuple, Optional, Tuple, Union

from . import _descriptors, _protocol
from ._requests import Flight, Requests

SLOW_PER_SECOND = 20  # messages about slow requests; reeve records no more than that


class Drain(NamedTuple):
    """Stop accepting, finish what is in flight, exit: SIGKILL comes in so many seconds."""
    seconds: float


class Reopen(NamedTuple):
    """Open log files anew."""


class Gone(NamedTuple):
    """reeve is gone. `keep`: serve on; else drain and leave."""
    keep: bool


Event = Union[Drain, Reopen, Gone]


def _new_image() -> int:
    """Names a program image: the same pid after an exec or a fork is another one."""
    return int.from_bytes(os.urandom(4), 'little') or 1


class Worker:
    """Takes over the descriptors that the environment names. Sends nothing yet.

    `drains`: this program acts on Drain, so that reeve sends no stop signal.
    """

    def __init__(self, environ: Optional[Mapping[str, str]] = None, drains: bool = False) -> None:
        environ = os.environ if environ is None else environ
        self.drains = drains
        self.requests = Requests()
        self.requests.on_quota = self.beat
        self.requests.on_slow = self._tell_slow
        self._heartbeat = _descriptors.take_heartbeat(environ)
        self._control = _descriptors.take_control(environ)
        self.sockets: List[Tuple[str, socket.socket]] = _descriptors.take_sockets(environ)
        self.inherited = bool(self.sockets)
        self.interval = (_descriptors.number(environ, 'REEVE_BEAT_INTERVAL', 2**31 - 1)
                         or 1000) / 1000
        self.pool = environ.get('REEVE_POOL', '')
        self.slot = _descriptors.number(environ, 'REEVE_SLOT', 2**31 - 1) or 0
        self.state = _protocol.STARTING
        self.requests.quota = _descriptors.number(environ, 'REEVE_QUOTA', 2**63 - 1) or 0
        if self._control is not None:
            milliseconds = _descriptors.number(environ, 'REEVE_SLOW_REQUEST', 2**31 - 1)
            if milliseconds:
                self.requests.slow_ns = milliseconds * 1000000
        self.taken = False  # by a runner, which counts everything: middleware need not
        self.welcomed = False
        self._keep = False
        self._greeted = False
        self._slow_second = 0
        self._slow_told = 0
        self._become()
        _workers.add(self)

    def _become(self) -> None:
        self.process = os.getpid()
        self._image = _new_image()
        self._sequence = 0
        self._due = 0.0

    def _after_fork(self) -> None:
        """In a child: a process of its own, with counters from zero. The control channel stays the
        parent's, and nothing is seen of the child until it beats itself."""
        self._become()
        self.requests.reset()
        if self._control is not None:
            self._control.detach()
            self._control = None

    @property
    def beats(self) -> bool:
        """Whether there is a heartbeat pipe."""
        return self._heartbeat is not None

    @property
    def alone(self) -> bool:
        """Not run under reeve."""
        return self._heartbeat is None and self._control is None

    def close(self) -> None:
        """Gives up pipe and channel; the sockets stay open."""
        if self._heartbeat is not None:
            os.close(self._heartbeat.descriptor)
            self._heartbeat = None
        if self._control is not None:
            self._control.close()
            self._control = None

    # Beats

    def beat(self) -> None:
        """Writes one beat."""
        if self._heartbeat is None:
            return
        self._sequence += 1
        counted = self.requests
        self._heartbeat.write(_protocol.beat(_protocol.Beat(
            self.process, self._image, self._sequence, self.state, counted.in_flight,
            time.monotonic_ns(), counted.oldest_ns, counted.ended, counted.connections,
            counted.errors, counted.latency_sum_ns, counted.latency_counts)))

    def turn(self) -> bool:
        """For each turn of the program's loop: beats when it is due, and says whether it did."""
        now = time.monotonic()
        if now < self._due:
            return False
        self._due = now + self.interval
        self.requests.look_for_slow()
        self.beat()
        return True

    def _enter(self, state: int) -> None:
        self.state = state
        self.beat()

    def ready(self) -> None:
        """I serve: reeve may let the predecessor go."""
        self.hello()
        # The beat first: who is ready has beaten, so that its silence is noticed from then on.
        self._enter(_protocol.SERVING)
        self._send(_protocol.ready())

    def draining(self) -> None:
        """I accept no more connections and finish what I have. Beats go on, and must."""
        self._enter(_protocol.DRAINING)

    def stopping(self) -> None:
        """From here on the silence of this process means nothing."""
        self._enter(_protocol.STOPPING)

    def _tell_slow(self, flight: Flight, duration_ns: int) -> None:
        second = time.monotonic_ns() // 10**9
        if second != self._slow_second:
            self._slow_second, self._slow_told = second, 0
        self._slow_told += 1
        if self._slow_told > SLOW_PER_SECOND:
            return
        _start, describe, source = flight
        method, target = describe(source)
        text = _protocol.slow_text(method, target)
        self._send(_protocol.slow(self.process, duration_ns, text))

    # The control channel

    @property
    def control_fd(self) -> int:
        """The descriptor to poll for reading; -1 = none. Once it is readable call `control()`."""
        return self._control.fileno() if self._control is not None else -1

    def _send(self, message: bytes) -> None:
        """The channel holds many more of our small messages than we ever send: what does not go at
        once is given up, and each beat repeats the state."""
        if self._control is None:
            return
        try:
            self._control.send(message, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            pass

    def hello(self) -> None:
        """Says that the program has booted so far that it can take sockets; once."""
        if not self._greeted:
            self._greeted = True
            flags = _protocol.HELLO_DRAINS if self.drains else 0
            self._send(_protocol.hello(self.process, flags | _protocol.HELLO_SLOW))

    def receive(self, seconds: float) -> bool:
        """Says Hello and waits for the sockets where reeve sends them; whether they are there.
        Nothing but Welcome is taken from the channel here."""
        self.hello()
        until = time.monotonic() + seconds
        while not self.inherited and not self.welcomed and self._control is not None:
            left = until - time.monotonic()
            poll = select.poll()
            poll.register(self._control, select.POLLIN)
            if left < 0 or not poll.poll(left * 1000) or not self.take_welcome():
                return False
        return bool(self.sockets)

    def take_welcome(self) -> bool:
        """Reads one message where it is none that `control()` has to see; False where it is."""
        if self._control is None:
            return False
        try:
            flags = socket.MSG_PEEK | socket.MSG_DONTWAIT
            head = self._control.recv(_protocol.CONTROL_SIZE_MAX, flags)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if not head or _protocol.type_of(head) in (_protocol.DRAIN, _protocol.REOPEN):
            return False
        self._receive()
        return True

    def control(self) -> List[Event]:
        """All that reeve has said by now. After Gone there is no channel any more."""
        events: List[Event] = []
        while self._control is not None:
            try:
                event = self._receive()
            except BlockingIOError:
                break
            except OSError:
                event = self._orphaned()
            if event is not None:
                events.append(event)
        return events

    def _orphaned(self) -> Gone:
        if self._control is not None:
            self._control.close()
            self._control = None
        return Gone(self._keep)

    def _receive(self) -> Optional[Event]:
        """Reads one message; what is none, or is for a later version, means nothing."""
        assert self._control is not None
        size = socket.CMSG_SPACE(4 * _protocol.SOCKETS_MAX)
        data, ancillary, _flags, _address = self._control.recvmsg(
            _protocol.CONTROL_SIZE_MAX, size, socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC)
        descriptors = array.array('i')
        for level, kind, rights in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(rights[:len(rights) - len(rights) % descriptors.itemsize])
        try:
            return self._understand(data, descriptors)
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _understand(self, data: bytes, descriptors: 'array.array[int]') -> Optional[Event]:
        """Takes out of `descriptors` what it keeps."""
        if not data:
            return self._orphaned()
        kind = _protocol.type_of(data)
        if kind == _protocol.WELCOME:
            self._welcome(data, descriptors)
        elif kind == _protocol.DRAIN:
            seconds = _protocol.parse_drain(data)
            return Drain(seconds) if seconds is not None else None
        elif kind == _protocol.REOPEN:
            return Reopen()
        return None

    def _welcome(self, data: bytes, descriptors: 'array.array[int]') -> None:
        welcome = _protocol.parse_welcome(data, len(descriptors))
        if welcome is None or self.welcomed:
            return
        self.welcomed = True
        self._keep = bool(welcome.flags & _protocol.WELCOME_ORPHANS_KEEP)
        if welcome.beat_interval_ms:
            self.interval = welcome.beat_interval_ms / 1000
        if welcome.quota:
            self.requests.quota = welcome.quota
        if not self.sockets:
            for name, descriptor in zip(welcome.names, list(descriptors)):
                sock = _descriptors.listening(descriptor)
                if sock is not None:
                    descriptors.remove(descriptor)
                    self.sockets.append((name, sock))


_workers: 'weakref.WeakSet[Worker]' = weakref.WeakSet()
_current: Optional[Worker] = None


def current(drains: bool = False) -> Worker:
    """The worker of this process; `drains` counts only for who asks first."""
    global _current
    if _current is None:
        _current = Worker(drains=drains)
    return _current


def _after_fork() -> None:
    for worker in list(_workers):
        worker._after_fork()


os.register_at_fork(after_in_child=_after_fork)
