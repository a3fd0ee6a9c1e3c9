"""How many workers suit an application: requests a second, latency and memory by their number."""
import json
import subprocess

from . import proc
from .processes import Failed, Reeve
from .tools import find_program

# What a request does: all of its time on a CPU; waiting, while the loop serves others; waiting
# while nobody is served.
WORK = {
    'compute': 'computes for 5 ms',
    'await': 'awaits for 20 ms',
    'block': 'blocks for 20 ms',
}

_APP = '''import asyncio, time
async def app(scope, receive, send):
    if scope['type'] != 'http':
        return
    if scope['path'] == '/compute':
        until = time.thread_time() + 0.005
        while time.thread_time() < until:
            pass
    elif scope['path'] == '/await':
        await asyncio.sleep(0.02)
    else:
        time.sleep(0.02)
    head = [(b'content-length', b'3')]
    await send({'type': 'http.response.start', 'status': 200, 'headers': head})
    await send({'type': 'http.response.body', 'body': b'ok\\n'})
'''


def measure(context, work, workers):
    """One load of a connection a request, as nginx makes them by default."""
    (context.folder / 'sized.py').write_text(_APP)
    command = [find_program('uvicorn'), 'sized:app', '--app-dir', str(context.folder),
               '--no-access-log', '--fd', '{fd:web}']
    options = ['--listen', '127.0.0.1:0', '--workers', str(workers), '--liveness', 'preload']
    connections = context.effort.connections
    with Reeve(context, options, command) as reeve:
        reeve.wait('worker_ready', workers)
        for seconds in (context.effort.load / 3, context.effort.load):  # the first to warm up
            done = subprocess.run(
                [context.tool('loadgen'), '--port', str(reeve.port()), '--path', f'/{work}',
                 '--connections', str(connections), '--fresh', str(connections), '--seconds',
                 str(seconds)], capture_output=True, text=True)
            result = json.loads(done.stdout)
            if result['failed'] or not result['answers']:
                raise Failed(f'requests failed: {done.stdout[:500]}')
        memory = sum(proc.memory_kib(pid)['pss'] for pid in proc.descendants(reeve.pid))
    return {'work': work, 'workers': workers, 'connections': connections,
            'per_second': result['per_second'], 'p50_ms': result['latency_ms']['p50'],
            'p99_ms': result['latency_ms']['p99'], 'pss_kib': memory}


def markdown(records):
    """A table with a row for each number of workers."""
    lines = ['| workers | memory of all (PSS) | ' +
             ' | '.join(f'a request {text}' for text in WORK.values()) + ' |',
             '|---' * (2 + len(WORK)) + '|']
    for workers in sorted({record['workers'] for record in records}):
        rows = {one['work']: one for one in records if one['workers'] == workers}
        cells = [f'{row["per_second"]:,.0f}/s, p50 {row["p50_ms"]:.0f} ms, p99 '
                 f'{row["p99_ms"]:.0f} ms' for row in (rows[work] for work in WORK)]
        memory = max(row['pss_kib'] for row in rows.values()) / 1024
        lines.append(f'| {workers} | {memory:.0f} MiB | ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)
