"""The access log: one line a request, in Apache's combined form or as JSON.

A line is written by one write(2) on a descriptor in append mode and is at most 4 KiB, so lines of
several workers never mix in one file. A line that cannot be written is lost, never waited for.
"""
from __future__ import annotations

import json
import os
import re
import sys
import time
from typing import Mapping, NamedTuple, Optional

LINE_MAX = 4096
VALUE_MAX = 2048  # of a target or a header; less where the line would be too long
STDOUT = '-'

_MONTHS = ('Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec')
_UNSAFE = re.compile(r'[^ !#-\[\]-~]')


class Entry(NamedTuple):
    """What is said about one request. Bytes beyond ASCII stand in texts as latin-1; empty = none.
    `time`: when it began, in seconds since the epoch."""
    time: float
    remote: str
    method: str
    target: str
    protocol: str
    status: int
    size: int
    seconds: float
    referer: str
    user_agent: str


def _escape(found: 're.Match[str]') -> str:
    char = found.group()
    return '\\' + char if char in '"\\' else ''.join(f'\\x{byte:02x}' for byte in _bytes(char))


def _bytes(char: str) -> bytes:
    return char.encode('latin-1') if char < '\u0100' else char.encode('utf-8', 'surrogatepass')


def _quoted(text: str, most: int) -> str:
    return _UNSAFE.sub(_escape, text[:most]) or '-'


class Combined:
    """Apache's combined form."""

    def __init__(self) -> None:
        self._second = -1
        self._date = ''

    def _date_of(self, second: int) -> str:
        if second != self._second:
            when = time.gmtime(second)
            self._second = second
            self._date = (f'{when.tm_mday:02}/{_MONTHS[when.tm_mon - 1]}/{when.tm_year}:'
                          f'{when.tm_hour:02}:{when.tm_min:02}:{when.tm_sec:02} +0000')
        return self._date

    def line(self, entry: Entry, most: int) -> str:
        target = _quoted(entry.target, most)
        return (f'{_quoted(entry.remote, 64)} - - [{self._date_of(int(entry.time))}] '
                f'"{_quoted(entry.method, 32)} {target} {_quoted(entry.protocol, 16)}" '
                f'{entry.status} {entry.size} "{_quoted(entry.referer, most)}" '
                f'"{_quoted(entry.user_agent, most)}"\n')


class Json:
    """One object a line."""

    def __init__(self, pool: str, slot: int) -> None:
        self._pool = pool
        self._slot = slot

    def line(self, entry: Entry, most: int) -> str:
        when = time.gmtime(entry.time)
        milliseconds = int(entry.time % 1 * 1000)
        return json.dumps({
            'time': time.strftime('%Y-%m-%dT%H:%M:%S', when) + f'.{milliseconds:03}Z',
            'remote': entry.remote[:64] or None,
            'method': entry.method[:32],
            'target': entry.target[:most],
            'protocol': entry.protocol[:16],
            'status': entry.status,
            'bytes': entry.size,
            'seconds': round(entry.seconds, 6),
            'referer': entry.referer[:most] or None,
            'user_agent': entry.user_agent[:most] or None,
            'pid': os.getpid(),
            'pool': self._pool,
            'slot': self._slot}, separators=(',', ':')) + '\n'


class AccessLog:
    """Where the lines go: a file that `reopen()` opens anew, or standard output."""

    def __init__(self, path: str, form: 'Combined | Json') -> None:
        self._path = path
        self._form = form
        self._descriptor = 1 if path == STDOUT else -1
        self.lost = 0
        self.reopen()

    def reopen(self) -> None:
        """Where that fails, the file that is open stays."""
        if self._path == STDOUT:
            return
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
            fresh = os.open(self._path, flags, 0o644)
        except OSError as error:
            print(f'reeve: access log: {self._path}: {error.strerror}', file=sys.stderr)
            return
        before, self._descriptor = self._descriptor, fresh
        if before >= 0:
            os.close(before)

    def write(self, entry: Entry) -> None:
        most = VALUE_MAX
        line = self._form.line(entry, most)
        while len(line) > LINE_MAX:
            most //= 2
            line = self._form.line(entry, most)
        try:
            os.write(self._descriptor, line.encode('ascii'))
        except OSError:
            self.lost += 1


def from_environment(environ: Optional[Mapping[str, str]] = None) -> Optional[AccessLog]:
    """The access log that the pool's configuration asks for; None without one."""
    environ = os.environ if environ is None else environ
    path = environ.get('REEVE_ACCESS_LOG', '')
    if path != STDOUT and not path.startswith('/'):
        return None
    if environ.get('REEVE_ACCESS_LOG_FORMAT') == 'json':
        slot = environ.get('REEVE_SLOT', '')
        return AccessLog(path, Json(environ.get('REEVE_POOL', ''),
                                    int(slot) if slot.isdigit() else 0))
    return AccessLog(path, Combined())
