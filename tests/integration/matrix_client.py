"""Asks the servers of the matrix who they are, in HTTP and in FastCGI, alone and under load."""
import re
import struct
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor

import net
from harness import patient

AT_ONCE = 16        # connections at the same moment, so that every worker gets one
LOAD = 4            # connections of the load, each for one request
REASON_MAX = 5

_FCGI_BEGIN, _FCGI_END, _FCGI_PARAMS, _FCGI_STDIN, _FCGI_STDOUT = 1, 3, 4, 5, 6


def _record(kind, data=b''):
    return struct.pack('!BBHHBx', 1, kind, 1, len(data), 0) + data


def _pair(name, value):
    return struct.pack('!BB', len(name), len(value)) + name.encode() + value.encode()


def _exactly(connection, size):
    data = b''
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise ConnectionError('the connection ended before the answer did')
        data += more
    return data


def begin(row, address, path, seconds=net.PATIENCE):
    """Sends a request; the connection."""
    connection = net.connect(address, seconds)
    if not row.fastcgi:
        net.request(connection, path)
        return connection
    params = _pair('SCRIPT_FILENAME', path) + _pair('REQUEST_METHOD', 'GET')
    connection.sendall(_record(_FCGI_BEGIN, struct.pack('!HB5x', 1, 0)) +
                       _record(_FCGI_PARAMS, params) + _record(_FCGI_PARAMS) +
                       _record(_FCGI_STDIN))
    return connection


def _fastcgi_answer(connection):
    """The body; ConnectionError or TimeoutError if there is none."""
    out = b''
    while True:
        head = _exactly(connection, 8)
        _version, kind, _id, length, padding = struct.unpack('!BBHHBx', head)
        data = _exactly(connection, length + padding)[:length]
        if kind == _FCGI_STDOUT:
            out += data
        elif kind == _FCGI_END:
            return out.split(b'\r\n\r\n', 1)[1].decode()


def pid_in(body):
    """The pid in an answer: alone, or the smallest in a listing of /proc/self/task."""
    if body.strip().isdigit():
        return int(body)
    found = [int(word) for word in re.findall(r'(?i)href="(\d+)/?"', body)]
    if not found:
        raise ConnectionError(f'no pid in {body[:80]!r}')
    return min(found)


def ask(row, address, seconds=net.PATIENCE):
    """The pid that answers."""
    if not row.fastcgi:
        return pid_in(net.get(address, row.path, seconds))
    with begin(row, address, row.path, seconds) as connection:
        return pid_in(_fastcgi_answer(connection))


def gather(row, address, wanted):
    """Asks, many at a time, until the pids that answered satisfy wanted(set); returns them."""
    seen = set()

    def one(_number):
        try:
            return ask(row, address)
        except (ConnectionError, TimeoutError):
            return None     # the worker was killed under it, which is the point of some tests

    with ThreadPoolExecutor(AT_ONCE) as pool:
        def more(_left):
            seen.update(pid for pid in pool.map(one, range(AT_ONCE)) if pid)
            return wanted(seen) and seen
        return patient(more, 'answers of the wanted workers')


class FastcgiLoad:
    """Requests without end, each on a connection of its own; no failure is tried again."""

    def __init__(self, row, address):
        self.row, self.address = row, address
        self.answers = self.failed = 0
        self.reasons = []
        self._ends = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(LOAD)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        while not self._ends.is_set():
            try:
                ask(self.row, self.address)
                failure = None
            except (OSError, IndexError) as error:
                failure = repr(error)
            with self._lock:
                self.answers += failure is None
                self.failed += failure is not None
                if failure and len(self.reasons) < REASON_MAX:
                    self.reasons.append(failure)

    def end(self):
        self._ends.set()
        for thread in self._threads:
            thread.join()
        return self.answers, self.failed, self.reasons


class HttpLoad:
    """The same by the load generator."""

    def __init__(self, t, row, address):
        self.t = t
        self.process = t.loadgen(address, '--connections', LOAD, '--fresh', LOAD, '--seconds', 0,
                                 '--until-eof', '--timeout-ms', 50000, '--path', row.path)

    def end(self):
        report = self.t.load_report(self.process)
        return report['answers'], report['failed'], report['first_failures'][:REASON_MAX]


def load(t, row, address):
    return FastcgiLoad(row, address) if row.fastcgi else HttpLoad(t, row, address)


def compile_program(t, *words, env=None):
    """Runs a compiler to its end."""
    subprocess.run(words, cwd=t.dir, env=t.environment(env), check=True, timeout=120,
                   stdout=subprocess.DEVNULL)
