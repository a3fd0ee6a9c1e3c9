"""How long it takes from a crash to the successor, and from silence to SIGABRT."""
import os
import random
import signal
import time

from .processes import ABORTED, HUNG, STARTED, Raw, Reeve


def _milliseconds(after_ns, before_ns):
    return (after_ns - before_ns) / 1e6


def measure_crash(context, workers):
    """SIGKILL at random phases, between raw fork+execs of the same program.

    Milliseconds until the successor's main() runs: `reeve` from the kill; `raw` from before a fork;
    `lean` from a kill by a parent that waits for nothing else, forks and execs at once.
    """
    samples = {'reeve': [], 'raw': [], 'lean': []}
    options = ['--listen', '127.0.0.1:0', '--workers', str(workers), '--stable-after', '1ms']
    with context.reports() as reports, \
            Reeve(context, options, context.probe(reports)) as reeve:
        pids = [report.pid for report in reports.collect(STARTED, workers)]
        reeve.wait('worker_ready', workers)
        with Raw(context, context.probe(reports), reeve.anonymous_kib()) as raw:
            for _ in range(context.effort.crashes):
                order = ['reeve', 'raw']
                random.shuffle(order)
                for who in order:
                    time.sleep(random.uniform(0.05, 0.15))
                    if who == 'reeve':
                        samples['reeve'].append(_crash_one(reports, pids))
                    else:
                        _raw_one(reports, raw, samples)
        return {'workers': workers, 'memory': reeve.anonymous_kib(), **samples}


def _crash_one(reports, pids):
    victim = random.randrange(len(pids))
    before = time.monotonic_ns()
    os.kill(pids[victim], signal.SIGKILL)
    successor = reports.next(STARTED)
    pids[victim] = successor.pid
    return _milliseconds(successor.at_ns, before)


def _raw_one(reports, raw, samples):
    pid, before = raw.tell('spawn')
    samples['raw'].append(_milliseconds(reports.next(STARTED, pids={pid}).at_ns, before))
    time.sleep(random.uniform(0.01, 0.05))
    pid, before = raw.tell(f'replace {pid}')
    samples['lean'].append(_milliseconds(reports.next(STARTED, pids={pid}).at_ns, before))
    raw.tell('end')


def measure_hang(context, at_once, rounds):
    """Workers beat once more and stand still, all at the same moment.

    Milliseconds from the deadline (the time of the last beat plus `timeout`) until SIGABRT is
    handled in the worker.
    """
    timeout = context.effort.hang_timeout
    workers = max(4, at_once)
    samples = []
    options = ['--listen', '127.0.0.1:0', '--workers', str(workers), '--stable-after', '1ms',
               '--timeout', f'{timeout}s', '--beat-interval', f'{timeout / 3:.3f}s']
    with context.reports() as reports, \
            Reeve(context, options, context.probe(reports)) as reeve:
        pids = [report.pid for report in reports.collect(STARTED, workers)]
        reeve.wait('worker_ready', workers)
        for _ in range(rounds):
            time.sleep(random.uniform(0.1, 0.1 + timeout / 3))
            random.shuffle(pids)
            for pid in pids[:at_once]:
                os.kill(pid, signal.SIGUSR1)
            reports.collect(HUNG, at_once)
            aborted, started = [], []
            while len(aborted) < at_once or len(started) < at_once:
                report = reports.next(ABORTED, STARTED)
                (aborted if report.kind == ABORTED else started).append(report)
            for report in aborted:
                samples.append(_milliseconds(report.at_ns, report.beat_ns + timeout * 1e9))
            pids = pids[at_once:] + [report.pid for report in started]
        reeve.wait('worker_ready', workers + len(samples))
    return {'at_once': at_once, 'timeout_s': timeout, 'overrun': samples}
