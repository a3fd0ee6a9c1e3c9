"""Makes cgroups with a CPU quota, as containers have them."""
import os
import subprocess

from harness import Skipped

CPU_CONTROLLER = '/sys/fs/cgroup/cpu'


def with_quota(t, cpus):
    """Words before a command that put it into a cgroup with this quota; gone with the test."""
    unified = os.path.exists('/sys/fs/cgroup/cgroup.controllers')
    path = os.path.join('/sys/fs/cgroup' if unified else CPU_CONTROLLER,
                        f'reeve-{os.getpid()}-{cpus}')
    try:
        os.mkdir(path)
        t.cleanups.append(lambda: os.rmdir(path))
        files = ({'cpu.max': f'{cpus * 100000} 100000'} if unified else
                 {'cpu.cfs_period_us': '100000', 'cpu.cfs_quota_us': str(cpus * 100000)})
        for name, value in files.items():
            with open(os.path.join(path, name), 'w', encoding='ascii') as file:
                file.write(value)
    except OSError as error:
        raise Skipped(f'no cgroup with a CPU quota can be made here: {error}') from error
    enter = ['/bin/sh', '-c', 'echo $$ > "$0" && exec "$@"', os.path.join(path, 'cgroup.procs')]
    probe = t.start(*enter, 'true', stderr=subprocess.DEVNULL)
    t.skip_unless(probe.wait() == 0, 'the cgroup cannot be entered')
    return enter
