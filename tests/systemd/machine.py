"""A real systemd as process 1 of its own namespaces, for the units of one test."""
import os
import re
import shutil
import signal
import subprocess
import types

import harness
from harness import Failed, check, patient, pause

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(os.path.dirname(HERE))
SYSTEMD = '/lib/systemd/systemd'
TARGETS = ('sysinit', 'basic', 'shutdown', 'multi-user', 'sockets', 'network-online', 'nss-lookup',
           'umount', 'final', 'local-fs')

# What runs between unshare and systemd: private /run and cgroups; over /etc and /usr, if wanted,
# an installed tree.
BOOT = '''set -e
mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for place in etc usr; do
    [ -d "$ROOT/$place" ] || continue
    mkdir -p /run/over/$place/upper /run/over/$place/work
    layers=lowerdir=$ROOT/$place:/$place,upperdir=/run/over/$place/upper
    mount -t overlay overlay -o "$layers,workdir=/run/over/$place/work" /$place
done
exec env -i PATH="$PATH" container=other SYSTEMD_UNIT_PATH="$UNITS" SYSTEMD_LOG_TARGET=console \
    SYSTEMD_LOG_LEVEL=info %s --system --unit=multi-user.target
''' % SYSTEMD


def _unified_place():
    """Our directory in the unified cgroup hierarchy, or None."""
    with open('/proc/self/mountinfo', encoding='utf-8') as file:
        mounts = [line.split() for line in file if ' - cgroup2 ' in line]
    with open('/proc/self/cgroup', encoding='utf-8') as file:
        places = [line[3:].strip() for line in file if line.startswith('0::')]
    for mount in mounts:
        for place in places:
            path = os.path.join(mount[4], place.lstrip('/'))
            if os.access(os.path.join(path, 'cgroup.procs'), os.W_OK):
                return path
    return None


_does_not_boot = None  # what was found out by trying


def why_not():
    """Why no systemd can be run here, or None."""
    if _does_not_boot:
        return _does_not_boot
    if os.getuid() != 0:
        return 'needs root'
    if not os.access(SYSTEMD, os.X_OK):
        return f'{SYSTEMD} is not installed'
    for program in ('unshare', 'nsenter', 'systemctl'):
        if shutil.which(program) is None:
            return f'{program} is not installed'
    if _unified_place() is None:
        return 'no writable cgroup2 hierarchy'
    tried = subprocess.run(['unshare', '-p', '-f', '-m', '-C', '-i', '-u', '--mount-proc', 'true'],
                           stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30)
    if tried.returncode != 0:
        return 'namespaces cannot be made: ' + tried.stderr.decode().strip()
    return None


def unit_text(name, bindir):
    """A unit of this project as it is installed for that directory."""
    with open(os.path.join(SOURCE, 'systemd', name + '.in'), encoding='utf-8') as file:
        return file.read().replace('@BINDIR@', bindir)


class Unit(harness.Reeve):
    """The events of a reeve that systemd runs: of each one that this unit ever was."""

    def __init__(self, machine, name):
        path = machine.test.path(name + '.log')
        os.mkfifo(path)
        # Held open for writing here too, so that the end of one reeve is not the end of the log.
        reader = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.keeper = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
        self.reader = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        os.close(reader)
        self.name, self.test, self.machine, self.log = name, machine.test, machine, path
        self.stream = harness.Stream(os.fdopen(self.reader, 'rb'))
        self.extra = None
        self.exit_code = 0  # its end is not the test's business: systemd reaps it
        self.argv = ['unit', name]
        self.pid = 0
        self.child = types.SimpleNamespace(returncode=0)
        self.stream.start()

    def close(self):
        if self.keeper is not None:
            os.close(self.keeper)
            self.keeper = None

    def show(self, name):
        return self.machine.show(self.name, name)

    def wait_show(self, name, wanted):
        """Waits until systemd shows that value of a property."""
        def look(left):
            if wanted(self.show(name)) if callable(wanted) else self.show(name) == wanted:
                return True
            pause(min(left, 0.02))
            return False
        patient(look, f'{self.name}: {name} {wanted}, which is {self.show(name)!r}')

    def main(self):
        """Handle on the unit's main process, by its pid out here."""
        inside = int(self.show('MainPID'))
        check(inside != 0, 'the unit has no main process')
        return self.test.handle(self.machine.outside(inside))


class Machine:
    """Boots when it is entered, is gone when it is left. `root`: an installed tree to lay over."""

    def __init__(self, test, root='', unit_path=None):
        reason = why_not()
        test.skip_unless(reason is None, reason)
        self.test, self.root = test, root
        self.units = test.path('units')
        os.mkdir(self.units)
        self.unit_path = unit_path or self.units
        self.reeves = []
        self.cgroup = os.path.join(_unified_place(), f'reeve-test-{os.getpid()}')
        for name in TARGETS:
            self.unit(name + '.target', f'[Unit]\nDescription={name}\nDefaultDependencies=no\n')
        self.has_memory = False

    def unit(self, name, text):
        path = os.path.join(self.units, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)

    def reeve(self, name='reeve.service', config='', options='', service=''):
        """Our unit with this configuration, its log read by the test, and lines of a drop-in."""
        self.unit(name, unit_text(name, os.path.join(self.test.build, 'src/cli')))
        where = self.test.file(name + '.yaml', config)
        program = os.path.join(self.test.build, 'src/cli/reeve')
        unit = Unit(self, name)
        self.unit(name + '.d/test.conf', f'''[Unit]
StartLimitIntervalSec=0
[Service]
ExecStart=
ExecStart={program} run -c {where} --log-format json --log-level debug {options}
StandardError=append:{unit.log}
StandardOutput=null
{service}
''')
        self.watch(unit)
        return unit

    def watch(self, unit):
        """Has the unit's log shown where a test fails, and closed at the end."""
        self.reeves.append(unit)
        self.test.reeves.append(unit)

    def __enter__(self):
        os.makedirs(self.cgroup, exist_ok=True)
        try:
            with open(os.path.join(os.path.dirname(self.cgroup), 'cgroup.subtree_control'), 'w',
                      encoding='utf-8') as file:
                file.write('+memory')
        except OSError:
            pass  # a machine whose memory controller is elsewhere
        with open(os.path.join(self.cgroup, 'cgroup.controllers'), encoding='utf-8') as file:
            self.has_memory = 'memory' in file.read().split()
        boot = self.test.file('boot.sh', BOOT)
        self.said = open(self.test.path('systemd.log'), 'wb')
        self.outer = subprocess.Popen(
            ['sh', '-c', 'echo $$ > "$1" && shift && exec "$@"', 'sh',
             os.path.join(self.cgroup, 'cgroup.procs'), 'unshare', '-p', '-f', '-m', '-C', '-i',
             '-u', '--mount-proc', '--kill-child', 'sh', boot],
            env={**os.environ, 'UNITS': self.unit_path, 'ROOT': self.root or '/nonexistent'},
            stdin=subprocess.DEVNULL, stdout=self.said, stderr=self.said)
        self.pid = None
        try:
            patient(self._find_first, 'the first process of the namespace')
            patient(self._answers, 'an answer of systemd', 30)
        except Failed as failure:
            words = self.words()
            self.close()
            # No unit of ours was asked for yet: it is the machine on which systemd does not boot.
            global _does_not_boot
            _does_not_boot = f'systemd does not boot here: {failure} {words[-300:]}'
            raise harness.Skipped(_does_not_boot) from failure
        return self

    def _find_first(self, left):
        check(self.outer.poll() is None, 'the namespace has ended:', self.words())
        below = harness.descendants(self.outer.pid)
        self.pid = next((pid for pid in below
                         if (harness.stat_of(pid) or (0, '', ''))[2] == 'systemd'), None)
        return self.pid or pause(min(left, 0.02))

    def _answers(self, left):
        check(self.outer.poll() is None, 'the namespace has ended:', self.words())
        done = self.run('systemctl', 'is-active', 'multi-user.target')
        return done.returncode == 0 or pause(min(left, 0.05))

    def words(self):
        """What systemd said last."""
        with open(self.test.path('systemd.log'), encoding='utf-8', errors='replace') as file:
            return file.read()[-2000:]

    def run(self, *argv, seconds=harness.PATIENCE):
        """Runs a program inside."""
        return subprocess.run(
            ['nsenter', '-t', str(self.pid), '-p', '-m', '-C', '-i', '-u', '-r',
             *map(str, argv)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=seconds)

    def ctl(self, *words, ok=True):
        """systemctl; its output. `ok`: it must succeed, else it must fail."""
        done = self.run('systemctl', *words)
        check((done.returncode == 0) == ok,
              f'systemctl {" ".join(words)}: {done.returncode}: {done.stderr} {self.words()}')
        return done.stdout + done.stderr

    def begin(self, *words):
        """systemctl, not waited for."""
        return self.test.start('nsenter', '-t', self.pid, '-p', '-m', '-C', '-i', '-u', '-r',
                               'systemctl', *words, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def show(self, unit, name):
        return self.ctl('show', '--value', '-p', name, unit).strip()

    def path(self, inside):
        """The path out here of a file inside."""
        return os.path.join('/proc', str(self.pid), 'root', inside.lstrip('/'))

    def outside(self, inside):
        """The pid out here of a process inside."""
        for pid in harness.descendants(self.pid):
            try:
                with open(f'/proc/{pid}/status', encoding='utf-8') as file:
                    found = re.search(r'^NSpid:\s.*?(\d+)$', file.read(), re.M)
            except OSError:
                continue
            if found and int(found.group(1)) == inside:
                return pid
        raise Failed(f'no process has the number {inside} inside')

    def __exit__(self, *_error):
        self.close()

    def close(self):
        if self.pid is not None:
            first = harness.Handle(self.pid)
            if first.fd is not None:
                first.signal(signal.SIGKILL)
            first.wait_gone()
            first.close()
        else:
            self.outer.kill()
        self.outer.wait(harness.PATIENCE)
        self.said.close()
        for unit in self.reeves:
            unit.close()
        for folder, _folders, _files in os.walk(self.cgroup, topdown=False):
            patient(lambda left, path=folder: _remove(path) or pause(min(left, 0.02)),
                    f'the end of {folder}', harness.LAST_BREATH)


def _remove(path):
    try:
        os.rmdir(path)
    except FileNotFoundError:
        pass
    except OSError:
        return False
    return True
