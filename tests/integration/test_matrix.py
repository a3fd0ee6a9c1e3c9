#!/usr/bin/env python3
"""Real servers, changed in nothing, as workers: every row of the matrix is held to what it says."""
import json
import os
import signal
import socket

import matrix_client as client
import runner
from change import reload
from harness import check, equal, patient, pause, stat_of
from matrix_rows import ROWS, missing

WORKERS = 4
RELOADS = 2
ROTATIONS = 6
LIFETIME = '1s'
REQUESTS = '100'
TIMEOUT = '3s'


def _port(t):
    """A port that stays ours until the test ends; reeve may listen there as well."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(('127.0.0.1', 0))
    t.cleanups.append(held.close)
    return held.getsockname()[1]


def _start(t, row, *options):
    """reeve with the row's server, without a file, and all workers ready."""
    program = missing(row)
    t.skip_unless(program is None, f'{program} is missing: apt-get install {row.package}')
    port = _port(t)
    for name, text in row.files.items():
        t.file(name, text.replace('PORT', str(port)))
    fill = {'{port}': str(port), '{dir}': t.dir}

    def filled(words):
        for key, value in fill.items():
            words = [word.replace(key, value) for word in words]
        return words
    for command in row.build:
        client.compile_program(t, *filled(command), env={'GOCACHE': t.built('go-cache')})
    reeve = t.reeve('--listen', f'127.0.0.1:{port}', '--workers', WORKERS, '--stable-after',
                    '100ms', *filled(row.options), *options, command=filled(row.command))
    reeve.wait_ready(WORKERS)
    return reeve


def _note(t, row, **found):
    """Keeps what was measured, for who wants to know: DIR/matrix/ROW.json."""
    folder = t.built('matrix')
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f'{row.name}.json')
    if os.path.exists(path):
        with open(path, encoding='utf-8') as file:
            found = {**json.load(file), **found}
    with open(path, 'w', encoding='utf-8') as file:
        json.dump(found, file, indent=1)


def _no_loss(row, load, least):
    """Ends a load: it lost what the row allows; how many requests, and how many of them failed."""
    answers, failed, reasons = load.end()
    check(answers >= least, 'the load went on', answers)
    check(failed <= row.lost, f'{failed} of {answers} requests failed:', reasons)
    return answers, failed


def _filled(t, row):
    """The row with its directory in the paths."""
    return type(row)(**{**row.__dict__, 'path': row.path.replace('{dir}', t.dir),
                        'hang': row.hang.replace('{dir}', t.dir)})


def serves(t, row):
    """Four serve, a killed one is replaced, and so are all in a reload under load."""
    reeve = _start(t, row)
    row = _filled(t, row)
    first = client.gather(row, reeve.address(), lambda pids: len(pids) == WORKERS)
    victim = reeve.worker(0)
    victim.signal(signal.SIGKILL)
    reeve.successor(victim)
    client.gather(row, reeve.address(), lambda pids: len(pids - first) == 1)
    load = client.load(t, row, reeve.address())
    for _ in range(RELOADS):
        reload(reeve)
    answers, failed = _no_loss(row, load, 1)
    _note(t, row, pids=len(first), reload_requests=answers, reload_lost=failed)
    client.gather(row, reeve.address(), lambda pids: len(pids - first) >= WORKERS)
    reeve.stop()


def rotates(t, row):
    """Each worker is replaced when its quota is reached, and a load does not notice."""
    quota = (('--max-requests', REQUESTS) if row.quota == 'requests'
             else ('--max-lifetime', LIFETIME, '--max-lifetime-jitter', '500ms'))
    reeve = _start(t, row, *quota)
    row = _filled(t, row)
    load = client.load(t, row, reeve.address())
    reeve.wait_for('rotation', count=ROTATIONS, reason=row.quota)
    answers, failed = _no_loss(row, load, 1)
    _note(t, row, rotation_requests=answers, rotation_lost=failed)
    for event in ('hang', 'backoff', 'pool_degraded', *(() if row.killed else ('kill',))):
        reeve.never(event)
    reeve.stop()


def _stop_process(t, pid):
    """Stops it, and waits until no thread of it can take a connection any more."""
    t.handle(pid).signal(signal.SIGSTOP)

    def stopped(left):
        threads = [stat_of(f'{pid}/task/{thread}') for thread in os.listdir(f'/proc/{pid}/task')]
        return all(stat and stat[1] == 'T' for stat in threads) or pause(min(left, 0.02))
    patient(stopped, 'the stop of all threads')


def finds_hang(t, row):
    """A worker that hangs is found and replaced, the others are left alone."""
    reeve = _start(t, row, '--timeout', TIMEOUT)
    row = _filled(t, row)
    before = client.gather(row, reeve.address(), lambda pids: len(pids) == WORKERS)
    asked = []
    if row.hang == 'stopped':
        _stop_process(t, min(before))
    else:
        asked.append(client.begin(row, reeve.address(), row.hang))
    if row.liveness == 'queue':
        # Enough that its own queue gets some.
        asked += [client.begin(row, reeve.address(), row.path) for _ in range(64)]
    hang = reeve.wait_for('hang')
    victim = t.handle(hang['pid'])
    reeve.death(victim)
    reeve.successor(victim, slot=hang['slot'])
    for connection in asked:
        connection.close()
    equal(len(reeve.find('hang')), 1, 'hung workers')
    client.gather(row, reeve.address(), lambda pids: len(pids - before) == 1)
    _note(t, row, hang=True)
    reeve.stop()


def _tests():
    """test_ROW_SCENARIO for each."""
    for row in ROWS:
        for scenario in (serves, finds_hang, rotates):
            if scenario is finds_hang and row.liveness == 'auto':
                continue

            def test(t, scenario=scenario, row=row):
                scenario(t, row)
            test.__name__ = f'test_{row.name}_{scenario.__name__}'
            test.__doc__ = f'{row.title}: {scenario.__doc__}'
            globals()[test.__name__] = test


_tests()

if __name__ == '__main__':
    runner.main(globals())
