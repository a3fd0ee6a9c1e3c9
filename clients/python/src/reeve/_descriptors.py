"""What the environment promises, checked before it is believed: variables are inherited by
grandchildren, and the numbers in them may belong to other files by then."""
from __future__ import annotations

import fcntl
import os
import signal
import socket
import stat
from typing import List, Mapping, Optional, Tuple

from . import _protocol

FIRST_SOCKET = 3


def number(environ: Mapping[str, str], name: str, most: int) -> Optional[int]:
    """A decimal number up to `most`; None where it is absent or no such number."""
    text = environ.get(name, '')
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        return None
    value = int(text)
    return value if value <= most else None


def _close_on_exec(descriptor: int) -> None:
    os.set_inheritable(descriptor, False)


class Heartbeat:
    """The heartbeat pipe. A packet that it cannot take is dropped: counters are cumulative."""

    def __init__(self, descriptor: int, guarded: bool) -> None:
        self.descriptor = descriptor
        self._guarded = guarded  # opened for writing alone: a write may raise SIGPIPE

    def write(self, packet: bytes) -> bool:
        if self._guarded:
            return self._write_guarded(packet)
        try:
            os.write(self.descriptor, packet)
        except OSError:
            return False
        return True

    def _write_guarded(self, packet: bytes) -> bool:
        """Keeps the SIGPIPE of this write from the program, where no other was waiting for it."""
        waiting = signal.SIGPIPE in signal.sigpending()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
        try:
            os.write(self.descriptor, packet)
        except BrokenPipeError:
            if not waiting:
                signal.sigtimedwait({signal.SIGPIPE}, 0)
            return False
        except OSError:
            return False
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return True


def take_heartbeat(environ: Mapping[str, str]) -> Optional[Heartbeat]:
    """A pipe in packet mode, which is hardly anything else than reeve's."""
    descriptor = number(environ, 'REEVE_HEARTBEAT_FD', 2**31 - 1)
    if descriptor is None:
        return None
    try:
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        mode = flags & os.O_ACCMODE
        if (not stat.S_ISFIFO(os.fstat(descriptor).st_mode) or not flags & os.O_DIRECT
                or mode == os.O_RDONLY):
            return None
        os.set_blocking(descriptor, False)
        _close_on_exec(descriptor)
    except OSError:
        return None
    return Heartbeat(descriptor, mode == os.O_WRONLY)


def _socket_at(descriptor: int) -> Optional[socket.socket]:
    try:
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            return socket.socket(fileno=descriptor)
    except OSError:
        pass
    return None


def take_control(environ: Mapping[str, str]) -> Optional[socket.socket]:
    """A Unix socket of type SOCK_SEQPACKET."""
    descriptor = number(environ, 'REEVE_CONTROL_FD', 2**31 - 1)
    channel = _socket_at(descriptor) if descriptor is not None else None
    if channel is None:
        return None
    if channel.family != socket.AF_UNIX or channel.type != socket.SOCK_SEQPACKET:
        channel.detach()
        return None
    _close_on_exec(channel.fileno())
    return channel


def listening(descriptor: int) -> Optional[socket.socket]:
    """The socket of that number where it listens."""
    sock = _socket_at(descriptor)
    if sock is None:
        return None
    try:
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            _close_on_exec(descriptor)
            return sock
    except OSError:
        pass
    sock.detach()
    return None


def take_sockets(environ: Mapping[str, str]) -> List[Tuple[str, socket.socket]]:
    """LISTEN_FDS count only where LISTEN_PID is this process: else a parent was meant."""
    count = number(environ, 'LISTEN_FDS', _protocol.SOCKETS_MAX)
    if not count or number(environ, 'LISTEN_PID', 2**31 - 1) != os.getpid():
        return []
    names = environ.get('LISTEN_FDNAMES', '').split(':')
    found = []
    for at in range(count):
        sock = listening(FIRST_SOCKET + at)
        if sock is not None:
            found.append((names[at] if at < len(names) and names[at] else 'unknown', sock))
    return found
