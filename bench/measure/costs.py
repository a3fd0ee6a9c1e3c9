"""What reeve costs the workers: requests a second, nanoseconds a request; and the build."""
import json
import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from . import proc
from .processes import Failed, Raw, Reeve, make_listener


def measure_beats(context):
    """Nanoseconds in the worker, as libreeve-worker's own microbenchmark says."""
    done = subprocess.run([context.tool('beat-cost'), str(context.effort.beat_pairs)], check=True,
                          capture_output=True, text=True)
    return json.loads(done.stdout)


def _load(context, port, fresh, pids):
    """Requests a second and worker CPU microseconds a request, over one run of the load."""
    connections = context.effort.connections
    before = sum(proc.cpu_seconds(pid) for pid in pids)
    done = subprocess.run(
        [context.tool('loadgen'), '--port', str(port), '--connections', str(connections),
         '--fresh', str(connections if fresh else 0), '--seconds', str(context.effort.load)],
        capture_output=True, text=True)
    result = json.loads(done.stdout)
    if result['failed'] or not result['answers']:
        raise Failed(f'requests failed: {done.stdout[:500]}')
    used = sum(proc.cpu_seconds(pid) for pid in pids) - before
    return result['per_second'], 1e6 * used / result['answers']


def compare(context, sides, fresh):
    """Loads two sides turn about; the other one idles. `sides`: name -> (port, function for pids).

    For each side the requests a second and `NAME_cpu_us` a request, of each turn; `ratios` are
    those of the first side's requests a second to the second's.
    """
    samples = {key: [] for name in sides for key in (name, f'{name}_cpu_us')}
    for port, _ in sides.values():
        _load(context, port, fresh, [])  # warm
    pids = {name: pids_of() for name, (_, pids_of) in sides.items()}
    for turn in range(context.effort.loads):
        for name in list(sides)[::-1 if turn % 2 else 1]:
            rate, cpu = _load(context, sides[name][0], fresh, pids[name])
            samples[name].append(rate)
            samples[f'{name}_cpu_us'].append(cpu)
    first, second = (samples[name] for name in sides)
    samples['ratios'] = [one / other for one, other in zip(first, second)]
    return {'ratio': statistics.median(samples['ratios']), **samples}


def measure_throughput(context, workers, fresh):
    """The same worker under reeve and started by hand, on sockets of the same kind."""
    options = ['--listen', '127.0.0.1:0', '--workers', str(workers)]
    with Reeve(context, options, [context.http_worker]) as reeve, make_listener() as listener, \
            Raw(context, [context.http_worker], listener=listener) as raw:
        reeve.wait('worker_ready', workers)
        by_hand = [raw.tell('spawn')[0] for _ in range(workers)]
        sides = {'reeve': (reeve.port(), lambda: proc.children(reeve.pid)),
                 'hand': (listener.getsockname()[1], lambda: by_hand)}
        return {'workers': workers, 'fresh': fresh, **compare(context, sides, fresh)}


def _bind_cost(path):
    """What the program says; it writes at the end, in one piece."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        if path.exists() and path.read_text(encoding='ascii').endswith('\n'):
            return json.loads(path.read_text(encoding='ascii'))
        time.sleep(0.05)
    raise Failed('bind-cost did not write its figures')


def measure_adopt(context):
    """A bind that reeve answers, beside one that the kernel does."""
    hand, adopted = context.folder / 'bind-by-hand', context.folder / 'bind-adopted'
    with subprocess.Popen([context.tool('bind-cost'), '0', hand]) as process:
        try:
            by_hand = _bind_cost(hand)
        finally:
            process.terminate()
    options = ['--listen', '127.0.0.1:0', '--workers', '1', '--handoff', 'adopt']
    with Reeve(context, options, [context.tool('bind-cost'), '{port:web}', adopted]) as reeve:
        reeve.wait('worker_ready', 1)
        return {'hand': by_hand, 'adopted': _bind_cost(adopted)}


def measure_size(context):
    """Bytes of the binary, as built and stripped."""
    stripped = context.folder / 'stripped'
    shutil.copy(context.reeve, stripped)
    subprocess.run(['strip', stripped], check=True)
    return {'built': os.stat(context.reeve).st_size, 'stripped': stripped.stat().st_size}


def measure_build(context, source):
    """Seconds for all that is built by default, from nothing and without a compiler cache."""
    folder = context.folder / 'build'
    environment = {**os.environ, 'CCACHE_DISABLE': '1'}
    subprocess.run(['meson', 'setup', folder, source], check=True, env=environment,
                   stdout=subprocess.DEVNULL)
    before = time.monotonic()
    subprocess.run(['ninja', '-C', folder], check=True, env=environment, stdout=subprocess.DEVNULL)
    seconds = time.monotonic() - before
    objects = sum(1 for _ in Path(folder).rglob('*.o'))
    return {'seconds': seconds, 'objects': objects}
