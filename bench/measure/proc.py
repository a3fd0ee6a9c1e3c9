"""What /proc says about one process and about the machine."""
import os
import platform
import time
from pathlib import Path


def _fields(path):
    """'Key: value kB' lines as {key: first word}."""
    found = {}
    for line in Path(path).read_text().splitlines():
        key, _, rest = line.partition(':')
        if rest.split():
            found[key] = rest.split()[0]
    return found


def memory_kib(pid):
    """Resident, proportional and anonymous memory of a process in KiB."""
    rollup = _fields(f'/proc/{pid}/smaps_rollup')
    return {key.lower(): int(rollup[key]) for key in ('Rss', 'Pss', 'Anonymous')}


def switches(pid):
    """(voluntary, involuntary) context switches of all threads so far."""
    voluntary = involuntary = 0
    for task in os.listdir(f'/proc/{pid}/task'):
        status = _fields(f'/proc/{pid}/task/{task}/status')
        voluntary += int(status['voluntary_ctxt_switches'])
        involuntary += int(status['nonvoluntary_ctxt_switches'])
    return voluntary, involuntary


def cpu_seconds(pid):
    """Time that all threads have spent on a CPU so far."""
    total = 0
    for task in os.listdir(f'/proc/{pid}/task'):
        total += int(Path(f'/proc/{pid}/task/{task}/schedstat').read_text().split()[0])
    return total / 1e9


def children(pid):
    """Pids of the living children."""
    return [int(word) for word in Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]


def descendants(pid):
    """Pids of the living children, theirs, and so on."""
    return [one for child in children(pid) for one in (child, *descendants(child))]


class Load:
    """What else the machine did while something was measured."""

    def __init__(self):
        self._before = self._jiffies()
        self._at = time.monotonic()

    @staticmethod
    def _jiffies():
        words = Path('/proc/stat').read_text().split('\n', 1)[0].split()[1:9]
        return [int(word) for word in words]

    def report(self):
        """Load average, share of CPU time that was busy, and that the host took (steal)."""
        now = self._jiffies()
        spent = [after - before for after, before in zip(now, self._before)]
        total = sum(spent) or 1
        return {'load1': round(os.getloadavg()[0], 2),
                'busy_pct': round(100 * (total - spent[3] - spent[4]) / total, 1),
                'steal_pct': round(100 * spent[7] / total, 1),
                'seconds': round(time.monotonic() - self._at, 1)}


def machine():
    """The machine in general words."""
    cpus = Path('/proc/cpuinfo').read_text()
    memory = int(_fields('/proc/meminfo')['MemTotal']) / 1024 / 1024
    return {'architecture': platform.machine(), 'cpus': len(os.sched_getaffinity(0)),
            'virtual': ' hypervisor' in cpus, 'memory_gib': round(memory),
            'kernel': '.'.join(platform.release().split('.')[:2])}
