#!/usr/bin/env python3
"""reeve as the first process of a PID namespace, as in a container."""
import os
import signal
import subprocess

import net
import runner
from harness import check, descendants, descriptors, equal, patient, pause, zombies
from namespaces import NAMESPACES, first_process, skip_without

def _contained(t, *options, before=(), **more):
    """reeve as process 1 behind `unshare`, which ends with its exit code."""
    return t.web(*options, before=[*NAMESPACES, *before], **more)


def test_it_serves_and_stops_as_the_first_process(t):
    """`docker stop` would wait ten seconds and kill: nobody handles TERM for process 1."""
    skip_without(t)
    for number in (signal.SIGTERM, signal.SIGINT):
        reeve = _contained(t, workers=2)
        reeve.wait_ready(2)
        equal(reeve.wait_for('reeve_started')['pid'], 1, 'the pid of reeve')
        reeve.get()
        first = first_process(t, reeve)
        first.signal(number)
        reeve.finish(0)
        stopped = reeve.find('stopped')[-1]
        equal((stopped['exit_code'], stopped['killed']), (0, 0), 'the end')
        check(net.refused(reeve.address()), 'the port is closed')


def test_requests_are_finished_in_a_container(t):
    """Each `docker stop` would cut off the requests that are under way."""
    skip_without(t)
    reeve = _contained(t, workers=1)
    reeve.wait_ready(1)
    first = first_process(t, reeve)
    worker = descendants(first.pid)[0]
    before = len(descriptors(worker))
    with net.connect(reeve.address()) as client:
        net.request(client, '/sleep?ms=1500')
        patient(lambda left: len(descriptors(worker)) > before or pause(min(left, 0.02)),
                'a connection that was accepted')
        first.signal(signal.SIGTERM)
        equal(net.answer(client)[0], 200, 'the request under way')
    reeve.finish(0)


def test_orphans_are_reaped(t):
    """Every daemonised child of a worker would stay as a zombie until there are no pids left."""
    skip_without(t)
    orphan = t.file('orphan.sh', '( ( sleep 0.2; : ) & ) & wait; exec "$@"\n')
    reeve = _contained(t, workers=3, command=['sh', orphan, *t.http_worker])
    reeve.wait_ready(3)
    first = first_process(t, reeve)
    patient(lambda left: (len(descendants(first.pid)) == 3 and not zombies(first.pid))
            or pause(min(left, 0.02)), 'the end and reaping of all orphans')
    reeve.never('worker_died')
    first.signal(signal.SIGTERM)
    reeve.finish(0)


def test_the_exit_code_tells_why(t):
    """A container that cannot serve would look as if somebody had stopped it, or stay alive."""
    skip_without(t)
    reeve = _contained(t, workers=1, command=t.misbehave('exit', 7, '--on', 'start'))
    reeve.finish(3)
    reeve = _contained(t, '--listen', 'second=192.0.2.1:80', workers=1)
    equal(reeve.wait(), 69, 'the exit code of an address that cannot be had')
    reeve.exit_code = 69
    reeve = _contained(t, '--orphans', 'keep', '--output', 'inherit', workers=1)
    equal(reeve.wait(), 78, 'the exit code of a configuration that cannot be')
    reeve.exit_code = 78


def test_a_killed_container_takes_its_workers_along(t):
    """Workers of a container that was killed would hold its port."""
    skip_without(t)
    reeve = _contained(t, workers=2)
    reeve.wait_ready(2)
    first = first_process(t, reeve)
    workers = [t.handle(pid) for pid in descendants(first.pid)]
    equal(len(workers), 2, 'workers')
    first.signal(signal.SIGKILL)
    for worker in workers:
        worker.wait_gone()
    reeve.exit_code = reeve.wait()


def test_a_read_only_root(t):
    """A container with a read-only root would not start: reeve wants to write somewhere."""
    skip_without(t)
    script = t.file('readonly.sh', 'mount -o remount,bind,ro / 2>/dev/null || '
                    '{ mount --bind / /mnt && mount -o remount,bind,ro /mnt && cd /mnt && '
                    'exec chroot /mnt "$@"; }\nexec "$@"\n')
    tried = subprocess.run(
        [*NAMESPACES, 'sh', script, 'sh', '-c', f'touch {t.dir}/proof 2>/dev/null'],
        stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=30)
    t.skip_unless(tried.returncode != 0 and not os.path.exists(t.path('proof')),
                  'the root cannot be made read-only here')
    reeve = _contained(t, '--admin', 'none', workers=2, before=['sh', script])
    reeve.wait_ready(2)
    reeve.get()
    first_process(t, reeve).signal(signal.SIGTERM)
    reeve.finish(0)


if __name__ == '__main__':
    runner.main(globals())
