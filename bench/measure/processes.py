"""The processes of a measurement: reeve, raw fork+exec, and the reports of their workers."""
import contextlib
import datetime
import fcntl
import json
import os
import select
import signal
import socket
import struct
import subprocess
import time
from collections import namedtuple
from pathlib import Path

from . import proc

STARTED, HUNG, ABORTED = 1, 2, 3

Report = namedtuple('Report', 'pid kind at_ns beat_ns')


class Failed(Exception):
    """A measurement could not be made; the text says why."""


class Reports:
    """Reads what probe workers report (src/probe_report.h)."""

    _LAYOUT = struct.Struct('<IIQQ')
    _PIPE_BYTES = 1 << 20

    def __init__(self, folder):
        self.path = str(Path(folder) / 'reports')
        os.mkfifo(self.path, 0o600)
        # Open for writing too: there is no end of file while no worker runs.
        self._fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        with contextlib.suppress(OSError):
            fcntl.fcntl(self._fd, fcntl.F_SETPIPE_SZ, self._PIPE_BYTES)
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)

    def close(self):
        os.close(self._fd)

    def next(self, *kinds, timeout=30.0, pids=None):
        """The next report of these kinds, from one of `pids` where given. Others are dropped."""
        until = time.monotonic() + timeout
        while True:
            left = until - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise Failed(f'no report of kind {kinds} within {timeout} s')
            report = Report(*self._LAYOUT.unpack(os.read(self._fd, self._LAYOUT.size)))
            if report.kind in kinds and (pids is None or report.pid in pids):
                return report

    def collect(self, kind, count, timeout=60.0):
        """So many reports of that kind."""
        return [self.next(kind, timeout=timeout) for _ in range(count)]


class Raw:
    """raw-spawn: fork+exec with nothing around them."""

    def __init__(self, context, command, resident_kib=0, listener=None):
        arguments = [context.tool('raw-spawn'), '--resident-kib', str(resident_kib)]
        passed = ()
        if listener is not None:
            arguments += ['--listen-fd', str(listener.fileno())]
            passed = (listener.fileno(),)
        self._process = subprocess.Popen([*arguments, '--', *command], text=True, bufsize=1,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         pass_fds=passed)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        self._process.wait(60)
        self._process.stdout.close()

    def tell(self, line):
        """Answers (what, when_ns) of one command."""
        self._process.stdin.write(line + '\n')
        answer = self._process.stdout.readline().split()
        if len(answer) != 2:
            raise Failed(f'raw-spawn ended at: {line}')
        return int(answer[0]), int(answer[1])


class Reeve:
    """One reeve with one pool; its log is read from a file, so that nobody disturbs it."""

    def __init__(self, context, options, command):
        self._log_path = context.folder / f'reeve-{time.monotonic_ns()}.log'
        self._offset_ns = time.time_ns() - time.monotonic_ns()
        self._unread = b''
        self.events = []
        with open(self._log_path, 'wb') as log:
            self.started_ns = time.monotonic_ns()
            self._process = subprocess.Popen(
                [context.reeve, 'run', '--log-format', 'json', *options, '--', *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**os.environ, 'REEVE_ADMIN': 'none'})
        self._log = open(self._log_path, 'rb')

    @property
    def pid(self):
        return self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def _read(self):
        lines = (self._unread + self._log.read()).split(b'\n')
        self._unread = lines.pop()
        for line in lines:
            with contextlib.suppress(ValueError):
                self.events.append(json.loads(line))

    def found(self, event):
        """The lines of that event that the log has by now."""
        self._read()
        return [line for line in self.events if line.get('event') == event]

    def wait(self, event, count=1, timeout=90.0, every=0.02):
        """Waits until the log has so many lines of that event, and returns them."""
        until = time.monotonic() + timeout
        while True:
            found = self.found(event)
            if len(found) >= count:
                return found
            if self._process.poll() is not None:
                raise Failed(f'reeve ended with {self._process.returncode}: {self._tail()}')
            if time.monotonic() > until:
                raise Failed(f'{len(found)} of {count} {event} within {timeout} s: {self._tail()}')
            time.sleep(every)

    def _tail(self):
        return self._log_path.read_text(errors='replace')[-1500:]

    def monotonic_ns(self, line):
        """When a line was written, on the clock of the reports."""
        when = datetime.datetime.fromisoformat(line['time'])
        microseconds = (when - datetime.datetime.fromtimestamp(0, datetime.timezone.utc)) \
            // datetime.timedelta(microseconds=1)
        return microseconds * 1000 - self._offset_ns

    def port(self):
        """The TCP port of its first socket."""
        return int(self.wait('listening')[0]['address'].rsplit(':', 1)[1])

    def anonymous_kib(self):
        """The memory that a fork of it has to copy on write."""
        return proc.memory_kib(self.pid)['anonymous']


def make_listener():
    """A socket with the options that reeve sets on its own."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.bind(('127.0.0.1', 0))
    listener.listen(2048)
    return listener


class Context:
    """Where the programs are, where scratch files go, and how much is measured."""

    def __init__(self, build, folder, effort):
        self.build = Path(build)
        self.folder = Path(folder)
        self.effort = effort
        self.reeve = str(self.build / 'src/cli/reeve')
        self.http_worker = str(self.build / 'examples/reeve-http-worker')

    def tool(self, name):
        return str(self.build / 'bench/src' / name)

    def probe(self, reports):
        return [self.tool('probe-worker'), reports.path]

    @contextlib.contextmanager
    def reports(self):
        folder = self.folder / f'reports-{time.monotonic_ns()}'
        folder.mkdir()
        reports = Reports(folder)
        try:
            yield reports
        finally:
            reports.close()
