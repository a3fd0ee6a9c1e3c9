"""Runs the built reeve as a black box: its events, its processes, and what must not be left behind.

A test is a function `test_*(t)` whose docstring says what would break for the user. It waits for
facts (an event of the log, the end of a process, a byte on a socket), each with the same generous
bound, and asserts nothing about time.
"""
import ctypes
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import net

PATIENCE = 60.0     # seconds until a fact that does not come is missed; no measure of speed
LAST_BREATH = 10.0  # seconds that a process may take to be gone after its SIGKILL

_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_CHILD_SUBREAPER = 36


class Failed(AssertionError):
    """The test failed; the text says how."""


class Skipped(Exception):
    """The test cannot run here; the text says why."""


class Event(dict):
    """One JSON line of the log; `at` is its place in the stream."""
    at = 0


def check(condition, message, *details):
    """Fails the test unless `condition`."""
    if not condition:
        raise Failed(' '.join([message, *(repr(detail) for detail in details)]))


def equal(found, wanted, what):
    check(found == wanted, f'{what}: found {found!r}, wanted {wanted!r}')


def patient(wait, what, seconds=PATIENCE):
    """Calls wait(seconds left) until it returns something true; returns that."""
    until = time.monotonic() + seconds
    while True:
        left = until - time.monotonic()
        found = wait(max(left, 0))
        if found:
            return found
        check(left > 0, f'never came within {seconds:.0f} s: {what}')


def pause(seconds):
    """Lets time pass where that is the point of the test; never to wait for a fact."""
    select.select([], [], [], seconds)


def become_subreaper():
    """Orphans of a reeve that was killed become ours, so that none can hide."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), 'PR_SET_CHILD_SUBREAPER')


def stat_of(pid):
    """(parent, state, name) of a process, or None if there is none."""
    try:
        with open(f'/proc/{pid}/stat', encoding='utf-8', errors='replace') as file:
            text = file.read()
    except OSError:
        return None
    state, parent = text[text.rindex(')') + 2:].split()[:2]
    return int(parent), state, text[text.index('(') + 1:text.rindex(')')]


def descendants(root):
    """Pids of all processes below `root`, zombies too."""
    children = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            known = stat_of(entry)
            if known:
                children.setdefault(known[0], []).append(int(entry))
    found, todo = [], [root]
    while todo:
        below = children.get(todo.pop(), [])
        found += below
        todo += below
    return found


def zombies(root):
    return [pid for pid in descendants(root) if (stat_of(pid) or (0, '', ''))[1] == 'Z']


def descriptors(pid):
    """{number: target} of a process's open files."""
    found = {}
    for number in os.listdir(f'/proc/{pid}/fd'):
        try:
            found[int(number)] = os.readlink(f'/proc/{pid}/fd/{number}')
        except OSError:
            pass
    return found


class Handle:
    """A process by pidfd, whoever its parent is."""

    def __init__(self, pid):
        self.pid = pid
        try:
            self.fd = os.pidfd_open(pid)
        except ProcessLookupError:
            self.fd = None

    def gone(self, seconds=0.0):
        """Whether it has ended, within so many seconds."""
        if self.fd is None:
            return True
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        return bool(poll.poll(seconds * 1000))

    def wait_gone(self, seconds=PATIENCE):
        check(self.gone(seconds), f'pid {self.pid} has not ended')

    def signal(self, number):
        check(self.fd is not None, f'pid {self.pid} was gone before it was opened')
        signal.pidfd_send_signal(self.fd, number)

    def reap(self):
        """Waits for its end and takes its status; only for children of ours. Negative: a signal."""
        self.wait_gone()
        info = os.waitid(os.P_PIDFD, self.fd, os.WEXITED)
        return info.si_status if info.si_code == os.CLD_EXITED else -info.si_status

    def close(self):
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None


class Stream:
    """What a process writes, read by a thread: events, and lines that are none."""

    def __init__(self, file):
        self.events = []
        self.lines = []
        self.ended = False
        self.news = threading.Condition()
        self._file = file
        self._thread = threading.Thread(target=self._read, daemon=True)

    def start(self):
        self._thread.start()

    def _read(self):
        for raw in self._file:
            line = raw.decode('utf-8', 'replace').rstrip('\n')
            # The bytes of a worker's stderr may stand before a line of the log.
            at = line.find('{"time":')
            event = None
            if at >= 0:
                try:
                    event = Event(json.loads(line[at:]))
                except ValueError:
                    at = -1
            with self.news:
                if event is not None:
                    event.at = len(self.events)
                    self.events.append(event)
                if at != 0:
                    self.lines.append(line[:at] if event is not None else line)
                self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    @property
    def started(self):
        return self._thread.ident is not None

    def close(self):
        """Reads to the end, for which every writer must be gone."""
        if self.started:
            self._thread.join(PATIENCE)
            check(self.ended, 'somebody still holds the log open')
        self._file.close()


def matches(event, name, fields, where):
    if event.get('event') != name:
        return False
    for key, wanted in fields.items():
        if key not in event or event[key] != wanted:
            return False
    return where is None or where(event)


class Process:
    """A process that a test started."""

    def __init__(self, argv, env, cwd, **streams):
        self.argv = argv
        self.child = subprocess.Popen(argv, env=env, cwd=cwd, **streams)
        self.handle = Handle(self.child.pid)
        self.pid = self.child.pid

    def signal(self, number):
        self.handle.signal(number)

    def alive(self):
        return not self.handle.gone()

    def wait(self, seconds=PATIENCE):
        """Waits for its end; the exit code, or minus the signal."""
        self.handle.wait_gone(seconds)
        return self.child.wait()

    def close(self):
        for stream in (self.child.stdin, self.child.stdout, self.child.stderr):
            if stream is not None:
                stream.close()
        self.handle.close()


class Reeve(Process):
    """A running `reeve run` and its events."""

    def __init__(self, test, argv, env, cwd, log, read, stdin, stdout, stderr):
        streams = {'stdin': stdin, 'stdout': stdout, 'stderr': stderr}
        super().__init__(argv, env, cwd, **streams)
        self.test = test
        source = self.child.stderr if log == 'stderr' else self.child.stdout
        self.stream = Stream(source) if source is not None else None
        self.extra = None
        if log == 'stdout' and self.child.stderr is not None:
            self.extra = Stream(self.child.stderr)
        self.exit_code = None
        if read:
            self.read()

    def read(self):
        """Starts reading what it writes."""
        for stream in (self.stream, self.extra):
            if stream is not None:
                stream.start()

    # Events

    @property
    def events(self):
        return self.stream.events

    def mark(self):
        """The place in the stream from which on everything is new."""
        return len(self.stream.events)

    def find(self, name, since=0, where=None, **fields):
        """All events so far of this name with these fields, from `since` on (a place, an event)."""
        first = since.at + 1 if isinstance(since, Event) else since
        with self.stream.news:
            return [event for event in self.stream.events[first:]
                    if matches(event, name, fields, where)]

    def wait_for(self, name, since=0, count=1, where=None, seconds=PATIENCE, **fields):
        """Waits for the count-th such event and returns it. Fails if reeve's log ends before."""
        def look(left):
            found = self.find(name, since, where, **fields)
            if len(found) >= count:
                return found[count - 1]
            with self.stream.news:
                check(not self.stream.ended, f'the log ended without {name} {fields}')
                fresh = [event for event in self.stream.events[seen[0]:]
                         if matches(event, name, fields, where)]
                if not fresh:
                    self.stream.news.wait(left)
                seen[0] = len(self.stream.events)
            return None
        seen = [0]
        return patient(look, f'{count} x event {name} {fields}', seconds)

    def wait_line(self, text, stream=None):
        """Waits for a line that is no event and contains `text`."""
        stream = stream or self.stream

        def look(left):
            with stream.news:
                for line in stream.lines:
                    if text in line:
                        return line
                check(not stream.ended, f'the output ended without {text!r}')
                stream.news.wait(left)
            return None
        return patient(look, f'a line with {text!r}')

    def never(self, name, since=0, where=None, **fields):
        found = self.find(name, since, where, **fields)
        check(not found, f'there must be no {name} {fields}:', found[:1])

    def wait_descriptors(self, most):
        """Waits until reeve has at most so many; those of a start in progress come and go."""
        patient(lambda left: len(descriptors(self.pid)) <= most or pause(min(left, 0.02)),
                f'at most {most} descriptors of reeve')

    # Workers

    def wait_ready(self, count, pool='web', since=0):
        """Waits until the pool was complete once; returns the pids of the first ready ones."""
        if since == 0:
            self.wait_for('pool_ready', pool=pool, complete=True)
        self.wait_for('worker_ready', since=since, count=count, pool=pool)
        return [event['pid'] for event in
                self.find('worker_ready', since, pool=pool)[:count]]

    def worker(self, slot=0, pool='web', since=0):
        """Handle on the first worker that became ready in the slot since then."""
        ready = self.wait_for('worker_ready', since=since, pool=pool, slot=slot)
        return self.test.handle(ready['pid'])

    def successor(self, old, slot=0, pool='web'):
        """Handle on the next process that became ready in the slot after that one did."""
        ready = self.wait_for('worker_ready', pool=pool, slot=slot, pid=old.pid)
        return self.worker(slot, pool, since=ready)

    def death(self, handle_or_pid, **fields):
        """Waits for the death record of that process."""
        pid = getattr(handle_or_pid, 'pid', handle_or_pid)
        return self.wait_for('worker_died', pid=pid, **fields)

    # Sockets

    def address(self, socket='web', pool='web'):
        return self.wait_for('listening', pool=pool, socket=socket)['address']

    def get(self, path='/pid', socket='web', pool='web', **options):
        """GET on a new connection; the body."""
        return net.get(self.address(socket, pool), path, **options)

    def wait_pids(self, wanted, path='/pid', **options):
        """Asks until the pids that answered satisfy wanted(set); returns them."""
        seen = set()

        def ask(_left):
            seen.add(int(self.get(path, **options)))
            return wanted(seen) and seen
        return patient(ask, 'answers of the wanted workers')

    # The end

    def finish(self, code=0, seconds=PATIENCE):
        """Waits for its end by itself, checks the exit code and reads the log to its end."""
        self.exit_code = self.wait(seconds)
        for stream in (self.stream, self.extra):
            if stream is not None and stream.started:
                stream.close()
        check(self.exit_code == code, f'exit code {self.exit_code}, wanted {code}')

    def stop(self, number=signal.SIGTERM, code=0):
        """Asks it to stop and waits for its end."""
        self.signal(number)
        self.finish(code)

    def kill(self):
        """SIGKILL: its workers become orphans, who may hold its log open."""
        self.signal(signal.SIGKILL)
        self.exit_code = self.wait()


class Test:
    """What one test has: a directory, processes, and the duty to leave nothing."""

    def __init__(self, build):
        self.build = build
        self.dir = tempfile.mkdtemp(prefix='reeve-')
        os.chmod(self.dir, 0o755)
        self.reeves = []
        self.others = []
        self.handles = []
        self.cleanups = []
        self._descriptors = set(descriptors(os.getpid()))
        self._files = 0

    # Programs

    def built(self, path):
        return os.path.join(self.build, path)

    def misbehave(self, *words):
        """Command of the worker that misbehaves on request."""
        return [self.built('tests/integration/workers/test-misbehave'), *map(str, words)]

    @property
    def http_worker(self):
        return [self.built('examples/reeve-http-worker')]

    @property
    def plain_worker(self):
        return [self.built('examples/reeve-plain-worker')]

    def environment(self, extra=None):
        """Ours without what would change what reeve does."""
        env = {key: value for key, value in os.environ.items()
               if not key.startswith(('REEVE_', 'LISTEN_', 'NOTIFY_', 'WATCHDOG_'))
               and key not in ('WEB_CONCURRENCY', 'MESON_TEST_ITERATION')}
        # Each would want the same place: those that are asked for more say where.
        env['REEVE_ADMIN'] = 'none'
        env.update(extra or {})
        return {key: value for key, value in env.items() if value is not None}

    def reeve(self, *options, command=None, config=None, env=None, cwd=None, log='stderr',
              read=True, before=(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
              stderr=subprocess.PIPE):
        """Starts `reeve run` with these options; `config` is the text of a file. `before`: words
        put before the command line, as in a wrapper. A log on stdout is read there."""
        argv = [*before, self.built('src/cli/reeve'), 'run', '--log-format', 'json',
                '--log-level', 'debug', '--log-target', log]
        if config is not None:
            argv += ['-c', self.file('reeve.yaml', config)]
        argv += [str(option) for option in options]
        if command is not None:
            argv += ['--', *command]
        if log == 'stdout' and stdout == subprocess.DEVNULL:
            stdout = subprocess.PIPE
        reeve = Reeve(self, argv, self.environment(env), cwd or self.dir, log, read,
                      stdin, stdout, stderr)
        self.reeves.append(reeve)
        return reeve

    def shell(self, line, path):
        """A `reeve run` as a line for a shell that looks for programs in `path` first."""
        env = self.environment({'PATH': f'{path}:{os.environ["PATH"]}'})
        reeve = Reeve(self, ['/bin/sh', '-c', line], env, self.dir, 'stderr', True,
                      subprocess.DEVNULL, subprocess.DEVNULL, subprocess.PIPE)
        self.reeves.append(reeve)
        return reeve

    def web(self, *options, workers=1, command=None, **more):
        """reeve with one pool behind a TCP port of the kernel's choice."""
        return self.reeve('--listen', '127.0.0.1:0', '--workers', workers, *options,
                          command=command or self.http_worker, **more)

    def run(self, *options, command=None, config=None, env=None, stderr=subprocess.PIPE):
        """`reeve run` that is expected to end by itself; (code, stderr)."""
        argv = [self.built('src/cli/reeve'), 'run']
        if config is not None:
            argv += ['-c', self.file('reeve.yaml', config)]
        argv += [str(option) for option in options]
        if command is not None:
            argv += ['--', *command]
        done = subprocess.run(argv, env=self.environment(env), cwd=self.dir,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr,
                              timeout=PATIENCE, check=False)
        return done.returncode, (done.stderr or b'').decode('utf-8', 'replace')

    def start(self, *argv, env=None, cwd=None, **streams):
        """Starts some other program."""
        process = Process([str(word) for word in argv], self.environment(env), cwd or self.dir,
                          **streams)
        self.others.append(process)
        return process

    def loadgen(self, address, *options):
        """Starts the load generator, to be ended by load_report()."""
        where = (['--unix', address[5:]] if address.startswith('unix:')
                 else ['--port', address.rsplit(':', 1)[1]])
        return self.start(self.built('bench/src/loadgen'), *where, *options,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def load_report(self, load):
        """Ends a load generator by the end of its input and returns what it counted."""
        load.child.stdin.close()
        text = load.child.stdout.read()
        load.wait()
        return json.loads(text)

    def handle(self, pid):
        handle = Handle(pid)
        self.handles.append(handle)
        return handle

    # Files

    def path(self, name):
        return os.path.join(self.dir, name)

    def file(self, name, text, mode=0o644):
        path = self.path(name)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def wait_file(self, name, lines=1):
        """Waits until the file has so many lines and returns them, split into words."""
        path = self.path(name)

        def look(left):
            try:
                with open(path, encoding='utf-8') as file:
                    found = [line.split() for line in file if line.endswith('\n')]
            except OSError:
                found = []
            if len(found) < lines:
                pause(min(left, 0.02))
                return None
            return found
        return patient(look, f'{lines} lines in {name}')

    def wait_json(self, name):
        """Waits for a file that is written whole or not at all."""
        path = self.path(name)

        def look(left):
            if os.path.exists(path):
                return True
            pause(min(left, 0.02))
            return False
        patient(look, name)
        with open(path, encoding='utf-8') as file:
            return json.load(file)

    def wait_socket(self, address, reeve):
        """Waits until somebody listens there; for a reeve whose log nobody reads."""
        def look(left):
            check(reeve.alive(), 'reeve has ended')
            try:
                net.connect(address).close()
                return True
            except (ConnectionError, FileNotFoundError):
                pause(min(left, 0.02))
                return False
        patient(look, f'a listener on {address}')

    def skip_unless(self, condition, why):
        if not condition:
            raise Skipped(why)

    def skip_unless_root(self):
        self.skip_unless(os.getuid() == 0, 'needs root')

    # The end

    def stop_all(self):
        """Ends what still runs, politely; every reeve must leave with 0."""
        for process in self.others:
            if process.alive():
                process.signal(signal.SIGTERM)
            process.wait()
        for reeve in reversed(self.reeves):
            if reeve.exit_code is None:
                if reeve.alive():
                    patient(lambda left, pid=reeve.pid: not zombies(pid) or pause(min(left, 0.02)),
                            'the reaping of all zombies', LAST_BREATH)
                    reeve.signal(signal.SIGTERM)
                reeve.finish(0)

    def check_left(self):
        """Complains about what a stopped reeve must not leave."""
        for pid in descendants(os.getpid()):
            handle = self.handle(pid)
            # What reeve killed as it left may be about to end; whoever is left there is not.
            check(handle.gone(LAST_BREATH), 'a process is left:', pid, stat_of(pid))
            try:
                os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG)
            except ChildProcessError:
                pass
        for folder, _folders, files in os.walk(self.dir):
            for file in files:
                mode = os.lstat(os.path.join(folder, file)).st_mode
                check((mode & 0o170000) != 0o140000, 'a socket file is left:', file)
        for reeve in self.reeves:
            for stream in (reeve.stream, reeve.extra):
                for line in stream.lines if stream is not None else ():
                    bad = 'Sanitizer' in line or 'runtime error:' in line
                    check(not bad, 'a sanitizer complains:', line)

    def kill_all(self):
        """Ends everything that is left, by pid, and reaps it."""
        while True:
            below = descendants(os.getpid())
            if not below:
                return
            for pid in below:
                handle = Handle(pid)
                if handle.fd is not None:
                    try:
                        handle.signal(signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                handle.close()
            try:
                while os.waitpid(-1, 0):
                    pass
            except ChildProcessError:
                pass

    def close(self):
        self.kill_all()
        for process in [*self.reeves, *self.others]:
            for stream in (getattr(process, 'stream', None), getattr(process, 'extra', None)):
                if stream is not None:
                    stream.close()
            process.child.returncode = 0
            process.close()
        for handle in self.handles:
            handle.close()
        for cleanup in reversed(self.cleanups):
            cleanup()
        shutil.rmtree(self.dir, ignore_errors=True)

    def check_descriptors(self):
        leaked = set(descriptors(os.getpid())) - self._descriptors
        # One is the listing itself.
        check(len(leaked) <= 1, 'the test leaves descriptors open:', sorted(leaked))
