"""The bytes of protocol version 1: beats, and the messages of the control channel."""
from __future__ import annotations

import struct
from typing import NamedTuple, Optional, Sequence, Tuple

VERSION = 1
BEAT_MAGIC = 0x31425652
CONTROL_MAGIC = 0x31435652
CONTROL_SIZE_MAX = 4096
SOCKETS_MAX = 64

STARTING, SERVING, DRAINING, STOPPING = 1, 2, 3, 4
HELLO, WELCOME, READY, DRAIN = 1, 2, 3, 4
REOPEN, SLOW = 7, 8

HELLO_DRAINS, HELLO_SLOW = 1, 4
WELCOME_ORPHANS_KEEP = 1
SLOW_TEXT_MAX = 1024

LATENCY_BOUNDS_NS = tuple(1000 * microseconds for microseconds in (
    1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000,
    1000000, 2500000, 5000000, 10000000, 30000000, 60000000))
LATENCY_BUCKETS = len(LATENCY_BOUNDS_NS)

_BEAT = struct.Struct('<IHHIIQII6Q15Q')
_HEADER = struct.Struct('<IHHI')
_HELLO = struct.Struct('<IHHIII')
_WELCOME = struct.Struct('<IHHIIIIIIQQ')
_DRAIN = struct.Struct('<IHHII')
_SLOW = struct.Struct('<IHHIIQII')

BEAT_SIZE = _BEAT.size


class Beat(NamedTuple):
    """What one beat says; times in nanoseconds of CLOCK_MONOTONIC."""
    process: int
    image: int
    sequence: int
    state: int
    in_flight: int
    sent_ns: int
    oldest_ns: int
    requests: int
    connections: int
    errors: int
    latency_sum_ns: int
    latency_counts: Sequence[int]


class Welcome(NamedTuple):
    """reeve's answer to Hello; `names` are those of the sockets that came with it."""
    flags: int
    beat_interval_ms: int
    slot: int
    quota: int
    generation: int
    names: Tuple[str, ...]


def beat(what: Beat) -> bytes:
    return _BEAT.pack(BEAT_MAGIC, VERSION, BEAT_SIZE, *what[:11], *what.latency_counts)


def parse_beat(data: bytes) -> Optional[Beat]:
    """The beat in a packet, None where it is none; for tests and tools."""
    if len(data) != BEAT_SIZE:
        return None
    words = _BEAT.unpack(data)
    if words[:3] != (BEAT_MAGIC, VERSION, BEAT_SIZE):
        return None
    return Beat._make([*words[3:14], words[14:]])


def hello(process: int, flags: int) -> bytes:
    return _HELLO.pack(CONTROL_MAGIC, VERSION, HELLO, _HELLO.size, process, flags)


def ready() -> bytes:
    return _HEADER.pack(CONTROL_MAGIC, VERSION, READY, _HEADER.size)


def slow_text(method: str, target: str) -> bytes:
    """Bytes beyond ASCII stand in a target as latin-1, as the client sent them."""
    text = f'{method} {target}'[:SLOW_TEXT_MAX].replace('\0', '')
    try:
        return text.encode('latin-1')
    except UnicodeEncodeError:
        return text.encode('utf-8', 'replace')


def slow(process: int, duration_ns: int, text: bytes) -> bytes:
    text = text[:SLOW_TEXT_MAX]
    return _SLOW.pack(CONTROL_MAGIC, VERSION, SLOW, _SLOW.size + len(text), process, duration_ns,
                      len(text), 0) + text


def type_of(data: bytes) -> int:
    """The type of a message, 0 where header and size do not fit."""
    if len(data) < _HEADER.size:
        return 0
    magic, version, kind, size = _HEADER.unpack_from(data)
    return int(kind) if (magic, version, size) == (CONTROL_MAGIC, VERSION, len(data)) else 0


def parse_welcome(data: bytes, descriptors: int) -> Optional[Welcome]:
    """None where the numbers do not fit the descriptors that came with it."""
    if len(data) < _WELCOME.size:
        return None
    (_magic, _version, _type, _size, flags, interval, slot, sockets, names_size, quota,
     generation) = _WELCOME.unpack_from(data)
    if sockets != descriptors or names_size > len(data) - _WELCOME.size:
        return None
    text = data[_WELCOME.size:_WELCOME.size + names_size]
    names = [name.decode('utf-8', 'replace') for name in text.split(b'\0')[:sockets]]
    names += [''] * (sockets - len(names))
    return Welcome(flags, interval, slot, quota, generation, tuple(names))


def parse_drain(data: bytes) -> Optional[float]:
    """Seconds from now until SIGKILL."""
    if len(data) < _DRAIN.size:
        return None
    return float(_DRAIN.unpack_from(data)[4]) / 1000
