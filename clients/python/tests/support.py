"""A reeve made of a pipe and a socketpair, for tests that need no daemon."""
import array
import os
import select
import socket
import struct
import sys
import unittest
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1] / 'src'
sys.path.insert(0, str(SOURCES))

# pylint: disable=wrong-import-position
from reeve import Worker, _protocol  # noqa: E402

PATIENCE = 30.0


def header(kind, size):
    return struct.pack('<IHHI', _protocol.CONTROL_MAGIC, 1, kind, size)


def drain(milliseconds):
    return header(_protocol.DRAIN, 16) + struct.pack('<I', milliseconds)


def reopen():
    return header(_protocol.REOPEN, 12)


def welcome(names=(), interval=0, quota=0, flags=0, count=None):
    text = b''.join(name.encode() + b'\0' for name in names)
    body = struct.pack('<IIIIIQQ', flags, interval, 3, len(names) if count is None else count,
                       len(text), quota, 7) + text
    return header(_protocol.WELCOME, 12 + len(body)) + body


class FakeReeve:
    """The other ends of a worker's descriptors, and its environment. The ends that it names belong
    to the worker that is made of it."""

    def __init__(self, **more):
        self.beats, self.beat_end = os.pipe2(os.O_DIRECT | os.O_NONBLOCK | os.O_CLOEXEC)
        self.control, channel = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.control_end = channel.detach()
        self.environ = {'REEVE_PROTOCOL': '1', 'REEVE_HEARTBEAT_FD': str(self.beat_end),
                        'REEVE_CONTROL_FD': str(self.control_end),
                        'REEVE_BEAT_INTERVAL': '20', 'REEVE_POOL': 'web', 'REEVE_SLOT': '3', **more}

    def end(self):
        """reeve is gone."""
        if self.beats >= 0:
            os.close(self.beats)
            self.beats = -1
        self.control.close()

    def give_away(self):
        """A child of ours has the worker's ends."""
        os.close(self.beat_end)
        os.close(self.control_end)

    def read_beats(self):
        """All beats that are in the pipe."""
        found = []
        while True:
            try:
                packet = os.read(self.beats, 4096)
            except BlockingIOError:
                return found
            if not packet:
                return found
            found.append(_protocol.parse_beat(packet))

    def wait_beat(self, wanted=lambda beat: True):
        """The first beat from now on that is as wanted."""
        while True:
            ready, _, _ = select.select([self.beats], [], [], PATIENCE)
            if not ready:
                raise AssertionError('no such beat came')
            for beat in self.read_beats():
                if wanted(beat):
                    return beat

    def message(self):
        """(type, bytes) of the next message; ('end', b'') at the end of the channel."""
        self.control.settimeout(PATIENCE)
        data = self.control.recv(4096)
        return (_protocol.type_of(data), data) if data else ('end', b'')

    def no_message(self):
        ready, _, _ = select.select([self.control], [], [], 0)
        return not ready

    def send(self, message, sockets=()):
        rights = array.array('i', [sock.fileno() for sock in sockets])
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if sockets else []
        self.control.sendmsg([message], ancillary)


class TestCase(unittest.TestCase):
    """A test with a fake reeve."""

    def fake(self, **more):
        reeve = FakeReeve(**more)
        self.addCleanup(reeve.end)
        return reeve

    def worker(self, reeve, **more):
        worker = Worker(reeve.environ, **more)
        self.addCleanup(worker.close)
        return worker

    def listener(self):
        sock = socket.create_server(('127.0.0.1', 0))
        self.addCleanup(sock.close)
        return sock
