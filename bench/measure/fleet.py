"""What a supervisor costs while nothing happens, and how fast it starts many workers."""
import time

from . import proc
from .processes import STARTED, Failed, Raw, Reeve


def measure_idle(context, workers, liveness):
    """Memory, wake-ups and CPU of reeve over a while in which no worker does anything but beat."""
    options = ['--listen', '127.0.0.1:0', '--workers', str(workers), '--liveness', liveness]
    with Reeve(context, options, [context.http_worker]) as reeve:
        reeve.wait('worker_ready', workers, every=0.2)
        time.sleep(context.effort.settle)
        switches, cpu, at = proc.switches(reeve.pid), proc.cpu_seconds(reeve.pid), time.monotonic()
        time.sleep(context.effort.idle)
        elapsed = time.monotonic() - at
        voluntary, involuntary = (after - before for after, before
                                  in zip(proc.switches(reeve.pid), switches))
        return {'workers': workers, 'liveness': liveness, **proc.memory_kib(reeve.pid),
                'wakeups_s': voluntary / elapsed, 'involuntary_s': involuntary / elapsed,
                'cpu_ms_s': 1000 * (proc.cpu_seconds(reeve.pid) - cpu) / elapsed}


def measure_spawn(context, workers):
    """Seconds to start many workers, between bare fork+exec loops by a process of the same size.

    `started`: from reeve's own exec until the last main() runs; `spawned`: the same from when it
    says that it has started; `ready`: from its exec until it holds the last one for ready.
    `raw`: from the first fork of the loop until the last main() runs.
    """
    samples = {'raw': [], 'started': [], 'spawned': [], 'ready': []}
    resident = 0
    for _ in range(context.effort.spawns):
        with context.reports() as reports:
            resident = _spawn_one(context, workers, reports, samples)
        with context.reports() as reports, \
                Raw(context, context.probe(reports), resident) as raw:
            _, before = raw.tell(f'loop {workers}')
            time.sleep(context.effort.spawn_wait)
            started = reports.collect(STARTED, workers)
            samples['raw'].append((max(one.at_ns for one in started) - before) / 1e9)
    return {'workers': workers, 'memory': resident, **samples}


def _spawn_one(context, workers, reports, samples):
    options = ['--listen', '127.0.0.1:0', '--workers', str(workers), '--start-concurrency',
               'unbounded']
    with Reeve(context, options, context.probe(reports)) as reeve:
        # Whoever looks while they start takes their CPU.
        time.sleep(context.effort.spawn_wait)
        ready = reeve.wait('worker_ready', workers, every=0.2)
        began = reeve.monotonic_ns(reeve.wait('reeve_started')[0])
        last = max(one.at_ns for one in reports.collect(STARTED, workers))
        if len(ready) != workers:
            raise Failed(f'{len(ready)} workers became ready, not {workers}')
        samples['started'].append((last - reeve.started_ns) / 1e9)
        samples['spawned'].append((last - began) / 1e9)
        samples['ready'].append((reeve.monotonic_ns(ready[-1]) - reeve.started_ns) / 1e9)
        return reeve.anonymous_kib()
