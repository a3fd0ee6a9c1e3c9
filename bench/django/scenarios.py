"""What is done to each candidate, and what is measured; times in seconds."""
import json
import signal
import subprocess
import time
from dataclasses import dataclass

import net
from servers import BOOTED, CANDIDATES, WORKERS, Failed

PATH = '/worker'


@dataclass(frozen=True)
class Effort:
    """How much is measured."""
    reloads: int = 5
    rotations: int = 20
    quota: int = 1000
    connections: int = 32
    crashes: int = 10
    hangs: int = 5
    timeout: int = 3
    blind: int = 15         # how long a hang that nobody notices is watched
    rounds: int = 7
    load: float = 5.0
    stable_after: str = '10s'


EFFORTS = {
    'full': Effort(),
    'smoke': Effort(reloads=1, rotations=1, quota=60, connections=4, crashes=1, hangs=1, timeout=1,
                    blind=2, rounds=1, load=0.3, stable_after='200ms'),
}


class Load:
    """Clients that keep their connections and send one request after the other."""

    def __init__(self, context, server, *options):
        self._process = subprocess.Popen(
            [context.loadgen, '--port', server.address.rsplit(':', 1)[1], '--path', PATH,
             '--connections', str(context.effort.connections), '--timeout-ms', '60000', *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def end(self):
        """Waits for its end, or ends it where it has none of its own; its report."""
        report = self._process.communicate(timeout=600)[0]
        return json.loads(report)


def _endless(context, server):
    """Half of the clients never rest, half do, for up to 200 ms, between two requests."""
    return Load(context, server, '--seconds', '0', '--until-eof', '--idle-ms', '200', '--idle',
                str(context.effort.connections // 2))


def _lost(report):
    return {'answers': report['answers'], 'failed': report['failed'],
            'kinds': {kind: count for kind, count in report['failures'].items() if count},
            'longest_ms': report['latency_ms']['max']}


def reloads(context, kind):
    """HUP under load: lost requests, and until the new ones are up and the last old one is gone."""
    server = context.start(kind)
    load = _endless(context, server)
    up, gone = [], []
    for _ in range(context.effort.reloads):
        old = server.workers()
        since, began = server.mark(), time.monotonic()
        server.signal(signal.SIGHUP)
        up.append(server.wait(BOOTED, WORKERS, since)[0] - began)
        gone.append(server.wait_gone(old) - began)
    found = {**_lost(load.end()), 'up': up, 'gone': gone}
    server.stop()
    return found


def rotations(context, kind):
    """Quotas under load: lost requests."""
    server = context.start(kind, quota=context.effort.quota)
    load = _endless(context, server)
    server.wait(BOOTED, WORKERS + context.effort.rotations, seconds=600)
    found = _lost(load.end())
    server.stop()
    return found


def crashes(context, kind):
    """SIGKILL of an idle worker, until the next one has booted."""
    server = context.start(kind)
    took = []
    for _ in range(context.effort.crashes):
        since, victim = server.mark(), server.workers()[0]
        began = time.monotonic()
        context.kill(victim)
        took.append(server.wait(BOOTED, 1, since)[0] - began)
    server.stop()
    return {'took': took}


def _hang(context, server, path, seconds):
    """From a request that hangs until its worker, and so its connection, is gone, minus the
    timeout; None: in no time."""
    since = server.mark()
    with net.connect(server.address, seconds) as client:
        net.request(client, path)
        began = time.monotonic()
        try:
            answered = client.recv(1)
        except TimeoutError:
            return None
        except ConnectionError:
            answered = b''
        ended = time.monotonic()
    if answered:
        raise Failed(f'{server.name}: {path} was answered')
    server.wait(BOOTED, 1, since)
    return ended - began - context.effort.timeout


def hangs(context, kind):
    """A view that blocks the event loop, and one that blocks beside it."""
    effort = context.effort
    server = context.start(kind, timeout=effort.timeout)
    loop = [_hang(context, server, '/hang/loop', 60) for _ in range(effort.hangs)]
    thread = _hang(context, server, '/hang/thread', effort.timeout + effort.blind)
    # A thread that hangs keeps Python from leaving.
    for pid in server.workers() if thread is None else ():
        context.kill(pid)
    server.stop()
    if None in loop:
        raise Failed(f'{kind.name}: a hang of the event loop was not found')
    return {'loop': loop, 'thread': thread}


def throughput(context):
    """All candidates side by side, idle while it is another's turn; memory at the end."""
    effort = context.effort
    servers = [context.start(kind) for kind in CANDIDATES]
    found = {server.name: {'rates': [], 'p50': [], 'p99': []} for server in servers}
    for server in servers:      # whatever the first requests cost
        Load(context, server, '--seconds', str(effort.load)).end()
    for _ in range(effort.rounds):
        for server in servers:
            report = Load(context, server, '--seconds', str(effort.load)).end()
            found[server.name]['rates'].append(report['per_second'])
    for _ in range(effort.rounds):
        for server in servers:
            calm = Load(context, server, '--seconds', str(effort.load), '--idle-ms', '200').end()
            found[server.name]['p50'].append(calm['latency_ms']['p50'])
            found[server.name]['p99'].append(calm['latency_ms']['p99'])
    for server in servers:
        found[server.name]['memory'] = server.memory_mib()
        server.stop()
    return found


SCENARIOS = {'reloads': reloads, 'rotations': rotations, 'crashes': crashes, 'hangs': hangs}
