#!/usr/bin/env python3
"""The founding example: nginx, reeve, Django on uvicorn, MariaDB and Redis, all real."""
import datetime
import json
import os
import signal
import subprocess
import time

import cgroup
import net
import runner
from board import EXAMPLE, Board, Browser, Load
from change import never_fewer, reload
from client import ask
from harness import Failed, check, descriptors, equal, patient, pause, stat_of
from python_worker import WebSocket

UNMODIFIED = 'reeve-unmodified.yaml'
CLIENTS = 12
ROTATIONS = 4
BEAT = 1.0      # seconds between two beats of a worker, as the example has it
KEPT = 32       # connections that nginx keeps to the service

# A machine with more CPUs than this one.
EIGHT_CPUS = '''#define _GNU_SOURCE
#include <sched.h>
int sched_getaffinity(pid_t pid, size_t size, cpu_set_t* set) {
    (void)pid;
    CPU_ZERO_S(size, set);
    for (int cpu = 0; cpu < 8; cpu++) CPU_SET_S(cpu, size, set);
    return 0;
}
'''


def _wait(condition, what):
    return patient(lambda left: condition() or pause(min(left, 0.05)), what)


def _seconds(event):
    """When an event was, on the clock of time.time()."""
    return datetime.datetime.fromisoformat(event['time'].replace('Z', '+00:00')).timestamp()


def _stop(board, reeve):
    reeve.stop()
    board.stop()


def _session_survives(t, config):
    board = Board(t)
    reeve = board.reeve(config=config, environment={'BOARD_SCHEDULE': '0.2'})
    browser = Browser(board.nginx(reeve.address()))
    equal(browser.request('GET', '/')[0], 302, 'who is not logged in is sent to do so')
    browser.log_in()
    equal(browser.request('POST', '/', 'text=before')[0], 200, 'a note')
    before = set(reeve.wait_ready(2))
    reload(reeve)
    found = json.loads(browser.get('/'))
    equal((found['user'], found['notes']), ('ann', ['before']), 'what the new workers know')
    check(found['worker'] not in before, 'a new worker answers', found['worker'])
    equal(browser.request('POST', '/', 'text=after')[0], 200, 'a note in the same session')
    _wait(lambda: json.loads(browser.get('/'))['counted'] == 2, 'the count of the queue worker')
    _wait(lambda: ['scheduler'] in board.sql('SELECT DISTINCT asked_by FROM board.board_tally'),
          'a count that the scheduler asked for')
    # At no time there were two schedulers.
    scheduler = [event for event in reeve.events if event.get('pool') == 'scheduler'
                 and event['event'] in ('worker_started', 'worker_died')]
    equal([event['event'] for event in scheduler],
          ['worker_started', 'worker_died', 'worker_started'], 'the scheduler at the reload')
    _stop(board, reeve)


def test_a_session_survives_a_reload(t):
    """Each release would log everybody out, or leave jobs and schedule behind."""
    _session_survives(t, 'reeve.yaml')


def test_a_session_survives_a_reload_of_unmodified_uvicorn(t):
    """Who cannot add a package to the image would lose what the client gives."""
    _session_survives(t, UNMODIFIED)


def _rotate(reeve, browser, since):
    """Requests until the one worker is told to leave; the event."""
    _wait(lambda: browser.get('/worker') and reeve.find('rotation', since, pool='web'),
          'a rotation')
    return reeve.wait_for('rotation', since=since, pool='web')


def _talk(front):
    """(a WebSocket, the pid that it talks to)"""
    talk = WebSocket(front)
    return talk, int(talk.receive()[1])


def test_a_websocket_echoes_through_a_rotation(t):
    """Whoever talks over a WebSocket would be thrown out whenever a worker has done its quota."""
    board = Board(t)
    reeve = board.reeve(workers=1, max_requests=30, max_requests_jitter=0)
    front = board.nginx(reeve.address())
    old = reeve.worker()
    talk, pid = _talk(front)
    equal(pid, old.pid, 'whom it talks to')
    equal(talk.ask('before'), ['before'], 'the echo')
    browser = Browser(front)
    rotation = _rotate(reeve, browser, 0)
    equal(rotation['pid'], old.pid, 'who is told to leave')
    # nginx has to be told first, on the connection that it keeps.
    _wait(lambda: int(browser.get('/worker')) == rotation['successor_pid'], 'its successor')
    for number in range(50):
        equal(talk.ask(f'leaving {number}'), ['leaving', str(number)], 'the echo')
    other, pid = _talk(front)
    equal(pid, rotation['successor_pid'], 'who takes new ones')
    check(not old.gone(), 'the old one stays for its WebSocket')
    talk.close()
    equal(reeve.death(old)['exit_code'], 0, 'how it left')
    other.close()
    reeve.never('kill')
    _stop(board, reeve)


def test_a_websocket_of_unmodified_uvicorn_comes_again(t):
    """After a rotation a WebSocket could not be opened anew."""
    board = Board(t)
    reeve = board.reeve(workers=1, config=UNMODIFIED, max_requests=30, max_requests_jitter=0)
    front = board.nginx(reeve.address())
    talk, _pid = _talk(front)
    equal(talk.ask('before'), ['before'], 'the echo')
    rotation = _rotate(reeve, Browser(front), 0)
    try:
        talk.receive()
        raise Failed('the old worker cuts it as it leaves')
    except ConnectionError:
        talk.connection.close()
    again, pid = _talk(front)
    equal(pid, rotation['successor_pid'], 'who takes it')
    equal(again.ask('after'), ['after'], 'the echo')
    again.close()
    _stop(board, reeve)


def test_database_connections_are_kept(t):
    """Each request would log in to the database, or fail after the database had a restart."""
    board = Board(t)
    reeve = board.reeve(workers=2)
    # Not through nginx, which would keep to the worker that it has a connection to.
    browser = Browser(reeve.address())
    seen = {}

    def ask_worker():
        _status, headers, body = browser.request('GET', '/worker')
        seen.setdefault(int(body), set()).add(int(headers['x-database-connection']))
    _wait(lambda: ask_worker() or len(seen) == 2, 'answers of both workers')
    for _ in range(100):
        ask_worker()
    check(all(len(numbers) == 1 for numbers in seen.values()), 'one connection each', seen)
    of_web = set.union(*seen.values())
    check(of_web <= board.connections(), 'they are open', of_web, board.connections())
    for number in of_web:
        board.sql(f'KILL {number}')
    for _ in range(20):
        equal(browser.request('GET', '/worker')[0], 200, 'after the database cut them')
    check(not of_web & board.connections(), 'new ones', of_web)
    _stop(board, reeve)


def _connections_of(pid, address):
    """How many connections of that address the process has accepted."""
    port = f'{int(address.rsplit(":", 1)[1]):04X}'
    with open(f'/proc/{pid}/net/tcp', encoding='ascii') as file:
        rows = [line.split() for line in file][1:]
    inodes = {row[9] for row in rows if row[1].endswith(':' + port) and row[3] != '0A'}
    return sum(1 for target in descriptors(pid).values()
               if target.startswith('socket:[') and target[8:-1] in inodes)


def test_a_killed_worker_loses_what_it_had_begun(t):
    """One worker that the kernel kills would cost requests of others."""
    board = Board(t)
    reeve = board.reeve(workers=4)
    load = Load(board.nginx(reeve.address()), CLIENTS)
    load.wait_more(500)
    victim = reeve.worker(slot=1)
    victim.signal(signal.SIGSTOP)
    _wait(lambda: stat_of(victim.pid)[1] == 'T', 'its stop')
    held = _connections_of(victim.pid, reeve.address())
    victim.signal(signal.SIGKILL)
    reeve.successor(victim, slot=1)
    load.wait_more(500)
    load.end()
    check(len(load.failures) <= held < CLIENTS + KEPT, 'lost requests', load.failures, held)
    equal(reeve.death(victim)['signal'], 'SIGKILL', 'what is told of it')
    reeve.never('worker_died', where=lambda event: event['pid'] != victim.pid)
    _stop(board, reeve)


def _hang(t, path, event, **limits):
    """One view hangs: who is replaced, and (board, reeve, the client's status)."""
    board = Board(t)
    reeve = board.reeve(workers=2, **limits)
    with net.connect(board.nginx(reeve.address())) as client:
        net.request(client, path)
        found = reeve.wait_for(event)
        victim = t.handle(found['pid'])
        status, _body = net.answer(client)
    equal(status, 502, 'what the client of the hung view gets')
    reeve.death(victim)
    reeve.successor(victim, slot=found['slot'])
    equal(len(reeve.find(event)), 1, 'hung workers')
    reeve.never('worker_died', where=lambda death: death['pid'] != victim.pid)
    return board, reeve, found


def test_a_view_that_hangs_is_found_at_timeout(t):
    """A worker whose event loop stands still would answer nobody until somebody notices."""
    board, reeve, hang = _hang(t, '/hang/loop', 'hang', timeout='3s')
    equal(hang['limit_seconds'], 3.0, 'the limit')
    check(hang['silence_seconds'] >= 3, 'the silence', hang)
    reeve.wait_line('in hang_loop')
    _stop(board, reeve)


def test_a_view_that_hangs_beside_the_loop_is_found(t):
    """Synchronous views run beside the event loop, which turns on when one of them hangs."""
    board, reeve, found = _hang(t, '/hang/thread', 'request_timeout', request_timeout='3s',
                                slow_request='1s')
    slow = reeve.wait_for('slow_request', pid=found['pid'])
    equal((slow['method'], slow['target']), ('GET', '/hang/thread'), 'the slow request')
    reeve.never('hang')
    _stop(board, reeve)


def test_rotation_by_requests(t):
    """Workers would be replaced too early, too late, together, or at the cost of requests."""
    board = Board(t)
    reeve = board.reeve(workers=4)
    load = Load(board.nginx(reeve.address()), CLIENTS)
    reeve.wait_for('rotation', count=ROTATIONS, pool='web')
    last = reeve.find('rotation', pool='web')[-1]
    # With nginx keeping connections it leaves when each of them has had its last answer.
    died = [reeve.wait_for('worker_died', pid=event['pid'])
            for event in reeve.find('rotation', pool='web')[:ROTATIONS]]
    load.wait_more(200)
    load.end()
    equal(load.failures, [], 'failed requests')
    limits = set()
    for death in died:
        due = reeve.find('rotation_due', pid=death['pid'])[0]
        rotation = reeve.find('rotation', pid=death['pid'])[0]
        limits.add(due['limit'])
        at = [answer.at for answer in load.answers if answer.worker == death['pid']]
        beat = sum(1 for moment in at if _seconds(due) - BEAT <= moment <= _seconds(due))
        booting = sum(1 for moment in at if _seconds(due) < moment <= _seconds(rotation))
        after = sum(1 for moment in at if moment > _seconds(rotation))
        check(1000 <= due['limit'] <= 1050, 'the quota', due)
        check(due['limit'] <= due['value'] <= due['limit'] + beat, 'when it is due', due, beat)
        # What is in flight as it is told to leave, and one last answer on each kept connection.
        check(after <= beat + KEPT + CLIENTS, 'answers after it was told to leave', after, beat)
        check(death['requests'] <= due['value'] + booting + after + CLIENTS,
              'requests in all', death['requests'], due, booting, after)
        equal(death['exit_code'], 0, 'how it left')
    check(len(limits) > 1, 'they are not due together', limits)
    never_fewer(reeve, 4)
    check(last['took_seconds'] > 0, 'the last rotation', last)
    _stop(board, reeve)


def _quiet_run(t, board, level, config):
    """The example as its users start it; (status, log, output) of a run."""
    with open(t.path('log'), 'w', encoding='utf-8') as log, \
            open(t.path('output'), 'w', encoding='utf-8') as output:
        admin = t.path('admin')
        reeve = t.start(t.built('src/cli/reeve'), 'run', '-c', os.path.join(EXAMPLE, config),
                        cwd=EXAMPLE, stdout=output, stderr=log, stdin=subprocess.DEVNULL,
                        env={**board.environment, 'REEVE_ADMIN': admin, 'GUNICORN_WORKERS': '4',
                             'GUNICORN_LOG_LEVEL': level})

    def status():
        told = ask(t, 'status', '--json', admin=admin)
        check(reeve.alive(), 'it has ended')
        web = json.loads(told.out)['pools']['web'] if told.code == 0 else {'ready': 0}
        return web if web['ready'] == 4 else None
    web = _wait(status, 'four workers')
    net.get(web['sockets'][0]['address'], '/worker')
    reeve.signal(signal.SIGTERM)
    equal(reeve.wait(), 0, 'exit code')
    texts = []
    for name in ('log', 'output'):
        with open(t.path(name), encoding='utf-8') as file:
            texts.append(file.read())
    return (web, *texts)


def test_the_environment_of_gunicorn_counts(t):
    """Compose files that set GUNICORN_WORKERS and GUNICORN_LOG_LEVEL would be ignored."""
    board = Board(t)
    for config in ('reeve.yaml', UNMODIFIED):
        web, log, output = _quiet_run(t, board, 'warning', config)
        equal((web['desired'], len(web['workers'])), (4, 4), 'workers')
        check(' info ' not in log and 'INFO' not in log, 'only warnings', log)
        check('"GET /worker HTTP/1.1" 200 ' in output, 'the access log goes on', output)
    _web, log, _output = _quiet_run(t, board, 'info', 'reeve.yaml')
    check(' info ' in log, "reeve's own lines are there by default", log[:500])
    board.stop()


def test_the_sizes_of_containers(t):
    """A container with two CPUs would not get its five workers, one with four not its nine."""
    t.skip_unless_root()
    source = t.file('eight.c', EIGHT_CPUS)
    subprocess.run(['gcc', '-shared', '-fPIC', '-o', t.path('eight.so'), source], check=True)
    for cpus, workers in ((2, 5), (4, 9)):
        in_container = cgroup.with_quota(t, cpus)
        for config in ('reeve.yaml', UNMODIFIED):
            done = subprocess.run(
                [*in_container, t.built('src/cli/reeve'), 'check', '-c', config],
                cwd=EXAMPLE, env=t.environment({'LD_PRELOAD': t.path('eight.so')}),
                capture_output=True, text=True, check=True, timeout=60)
            check(f'workers   {workers}\n' in done.stdout, 'workers', cpus, done.stdout)
            check(f'auto = 2 x {cpus} CPUs + 1 = {workers}' in done.stdout, 'why', done.stdout)


if __name__ == '__main__':
    runner.main(globals())
