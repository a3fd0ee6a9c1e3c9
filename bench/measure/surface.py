"""What it costs reeve to show itself: a page of metrics, and the status."""
import socket
import time
from contextlib import closing

from . import proc
from .processes import Failed, Reeve

FRESH = 0.3  # seconds after which an answer is made anew


def _get(family, where, path):
    """(milliseconds from connect until the last byte, bytes of the answer)."""
    began = time.monotonic()
    with closing(socket.socket(family, socket.SOCK_STREAM)) as connection:
        connection.settimeout(30)
        connection.connect(where)
        connection.sendall(f'GET {path} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n'
                           .encode())
        answer = bytearray()
        while more := connection.recv(1 << 20):
            answer += more
    spent = time.monotonic() - began
    if not answer.startswith(b'HTTP/1.1 200 '):
        raise Failed(f'{path}: {bytes(answer[:200])}')
    return 1000 * spent, len(answer)


def measure_scrape(context, workers):
    """Wall time of an answer that is made for the question, and the CPU that reeve spends on it."""
    admin = str(context.folder / f'admin-{time.monotonic_ns()}.sock')
    options = ['--listen', '127.0.0.1:0', '--metrics', '127.0.0.1:0', '--admin', admin, '--workers',
               str(workers), '--start-concurrency', 'unbounded']
    record = {'workers': workers}
    with Reeve(context, options, [context.http_worker]) as reeve:
        reeve.wait('worker_ready', workers, every=0.2)
        address = reeve.wait('metrics_listening')[0]['address'].removeprefix('tcp://')
        host, port = address.rsplit(':', 1)
        time.sleep(context.effort.settle)
        questions = {'metrics': (socket.AF_INET, (host, int(port)), '/metrics'),
                     'status': (socket.AF_UNIX, admin, '/v1/status')}
        for name, question in questions.items():
            wall, cpu, size = [], [], 0
            for _ in range(context.effort.scrapes):
                time.sleep(FRESH)
                before = proc.cpu_seconds(reeve.pid)
                spent, size = _get(*question)
                wall.append(spent)
                cpu.append(1000 * (proc.cpu_seconds(reeve.pid) - before))
            record[name] = {'wall_ms': wall, 'cpu_ms': cpu, 'bytes': size}
        record.update(proc.memory_kib(reeve.pid))
    return record
