"""The example's web pool under Gunicorn and under reeve, seen from outside in the same way."""
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / 'tests' / 'integration'), str(ROOT / 'bench')]

import net  # noqa: E402
from board import EXAMPLE, program  # noqa: E402
from harness import Handle, descendants, patient, stat_of  # noqa: E402
from measure import proc  # noqa: E402

WORKERS = 4
PATIENCE = 120.0
# Not in a record of reeve, which cites the last line of a worker that died.
BOOTED = r'^(?!\{"time":).*Application startup complete'


class Failed(Exception):
    """A measurement could not be made; the text says why."""


class Server:
    """One of the candidates, running; everything that it says has the time when it said so."""

    name = ''
    title = ''

    def __init__(self, board, build, timeout, quota):
        self.lines = []
        self._news = threading.Condition()
        self._process = subprocess.Popen(
            self.command(board, build, timeout, quota), cwd=EXAMPLE, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=board.t.environment({**board.environment, 'GUNICORN_WORKERS': str(WORKERS)}))
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self.wait(BOOTED, WORKERS)
        self.address = self.find_address()
        patient(self._answers, 'a first answer')

    def _answers(self, _left):
        """A first request takes long, on a busy machine longer than a short `timeout` allows."""
        try:
            return net.get(self.address, '/worker')
        except OSError:
            return None

    def command(self, board, build, timeout, quota):
        """The command line; a quota of 0 is none."""
        raise NotImplementedError

    def find_address(self):
        """Where it listens, by what it has said."""
        raise NotImplementedError

    def _read(self):
        for raw in self._process.stderr:
            with self._news:
                self.lines.append((time.monotonic(), raw.decode('utf-8', 'replace')))
                self._news.notify_all()

    @property
    def pid(self):
        return self._process.pid

    def mark(self):
        return len(self.lines)

    def wait(self, pattern, count=1, since=0, seconds=PATIENCE):
        """Waits for the count-th such line from that place on; (when, its match)."""
        until = time.monotonic() + seconds
        with self._news:
            while True:
                found = [(at, match) for at, text in self.lines[since:]
                         if (match := re.search(pattern, text))]
                if len(found) >= count:
                    return found[count - 1]
                left = until - time.monotonic()
                if left <= 0 or self._process.poll() is not None:
                    last = ''.join(text for _at, text in self.lines[-5:])
                    raise Failed(f'{self.name}: {len(found)} of {count} lines {pattern!r}: {last}')
                self._news.wait(min(left, 0.5))

    def workers(self):
        """Pids of the processes that run the application."""
        return [pid for pid in descendants(self.pid)
                if stat_of(pid) and stat_of(pid)[0] == self.pid]

    def wait_gone(self, pids, seconds=PATIENCE):
        """Waits until all these have ended; when the last had."""
        handles = [Handle(pid) for pid in pids]
        try:
            if not all(handle.gone(seconds) for handle in handles):
                raise Failed(f'{self.name}: workers that were replaced are still there')
            return time.monotonic()
        finally:
            for handle in handles:
                handle.close()

    def memory_mib(self):
        """Proportional memory of all its processes."""
        return sum(proc.memory_kib(pid)['pss'] for pid in [self.pid, *descendants(self.pid)]) / 1024

    def signal(self, number):
        self._process.send_signal(number)

    def stop(self):
        self.signal(signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._thread.join(PATIENCE)
        self._process.stderr.close()


class Gunicorn(Server):
    """As it was."""
    name = 'gunicorn'
    title = 'Gunicorn + UvicornWorker'

    def command(self, board, build, timeout, quota):
        jitter = min(50, quota)
        return [program('gunicorn'), 'config.asgi:application', '-c', 'gunicorn.conf.py',
                '--timeout', str(timeout), '--max-requests', str(quota),
                '--max-requests-jitter', str(jitter)]

    def find_address(self):
        return self.wait(r'Listening at: http://(\S+) ')[1].group(1)


class Reeve(Server):
    """The pool web of the example's configuration."""
    name = 'reeve'
    title = 'reeve, `python3 -m reeve.uvicorn`'
    config = 'reeve.yaml'
    stable_after = '10s'

    def command(self, board, build, timeout, quota):
        text = board.config(self.config, timeout=f'{timeout}s', request_timeout=f'{timeout}s',
                            max_requests=quota or 'off',
                            max_requests_jitter=min(50, quota) or 'off')
        # Gunicorn runs neither the other pools nor the migrations.
        text = text[:text.index('\n  # Takes jobs')]
        text = re.sub(r'^    before_start:.*\n', f'    stable_after: {self.stable_after}\n', text,
                      flags=re.MULTILINE)
        return [os.path.join(build, 'src/cli/reeve'), 'run', '--log-format', 'json', '-c',
                board.t.file(f'{self.name}.yaml', text)]

    def find_address(self):
        return self.wait(r'"event":"listening".*"address":"(?:tcp://)?([^"]+)"')[1].group(1)


class Unmodified(Reeve):
    """The same with uvicorn's own program."""
    name = 'unmodified'
    title = "reeve, uvicorn's own program"
    config = 'reeve-unmodified.yaml'


CANDIDATES = (Gunicorn, Reeve, Unmodified)
