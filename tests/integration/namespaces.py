"""reeve as the first process of a PID namespace, seen from outside."""
import re
import shutil
import subprocess

from harness import descendants, patient, pause, stat_of

NAMESPACES = ['unshare', '-p', '-f', '-m', '--mount-proc', '--kill-child']


def skip_without(t):
    t.skip_unless_root()
    t.skip_unless(shutil.which('unshare') is not None, 'unshare is not installed')
    done = subprocess.run([*NAMESPACES, 'true'], stdin=subprocess.DEVNULL, capture_output=True,
                          check=False, timeout=30)
    t.skip_unless(done.returncode == 0, 'no PID namespace can be made here: '
                  + done.stderr.decode().strip())


def first_process(t, process):
    """Handle on the reeve that is process 1 below that process, by its pid out here."""
    def look(left):
        for pid in descendants(process.pid):
            if (stat_of(pid) or (0, '', ''))[2] == 'reeve' and number_inside(pid) == 1:
                return t.handle(pid)
        return pause(min(left, 0.02))
    return patient(look, 'reeve as process 1')


def number_inside(pid):
    """The number of a process in its own namespace."""
    try:
        with open(f'/proc/{pid}/status', encoding='utf-8') as file:
            return int(re.search(r'^NSpid:\s.*?(\d+)$', file.read(), re.M).group(1))
    except (OSError, AttributeError):
        return None
