#!/usr/bin/env python3
"""The example in a container, by its own Containerfile, compose file and Kubernetes manifest."""
import json
import os
import re
import signal
import subprocess

import runner
import yaml
from board import Board
from harness import check, descendants, equal, patient, pause, stat_of, zombies
from image import COMPOSE_RUN, POD_RUN, SOURCE, Container, skip_unless_possible

MOUNTED = {'MYSQL_HOST': '/mnt/mysql/socket', 'REDIS_URL': 'unix:///mnt/redis/socket?db=0',
           'MYSQL_PASSWORD': 'board-secret', 'DJANGO_SECRET_KEY': 'of-the-test',
           'BOARD_FAULTS': '1'}


def _wait(condition, what):
    return patient(lambda left: condition() or pause(min(left, 0.05)), what)


def _status(container):
    return json.loads(container.tell('reeve', 'status', '--json')[1])['pools']


def _start(t, words=None, run=COMPOSE_RUN, **environment):
    skip_unless_possible(t)
    board = Board(t)
    container = Container(t, words, {**MOUNTED, **environment}, run)
    _wait(lambda: container.tell('reeve', 'health')[0] == 0, 'a healthy container')
    return board, container


def _stop(board, container):
    container.first.signal(signal.SIGTERM)
    equal(container.process.wait(), 0, 'exit code')
    board.stop()


def _state(pid, field):
    """Words of one line of /proc/PID/status."""
    with open(f'/proc/{pid}/status', encoding='utf-8') as file:
        return re.search(rf'^{field}:\s*(.*)$', file.read(), re.M).group(1).split()


def test_the_container_serves(t):
    """The image would not build, or serve only as root, on a writable root, or unhealthy."""
    board, container = _start(t, GUNICORN_WORKERS='2')
    equal(container.health_check, ['CMD', 'reeve', 'health'], 'the health check that was tried')
    equal(container.status('/health'), 200, 'a page')
    equal(container.status('/readyz', 9101), 200, 'readiness')
    pools = _status(container)
    equal((pools['web']['ready'], pools['queue']['ready'], pools['scheduler']['ready']), (2, 1, 1),
          'workers')
    for pid in [container.first.pid, *descendants(container.first.pid)]:
        equal(set(_state(pid, 'Uid') + _state(pid, 'Gid')), {'10001'}, 'user and group')
        equal(_state(pid, 'CapEff'), ['0000000000000000'], 'capabilities')
    check(container.tell('touch', '/srv/board/new')[0] != 0, 'the root is read-only')
    written = container.tell('sh', '-c', 'find / -xdev -newer /proc/1 -type f 2>/dev/null')[1]
    equal(written, '', 'what was written')
    check(' level=' not in container.said(), 'its log')
    _stop(board, container)


def test_the_container_stops_gracefully(t):
    """`docker stop` and each rollout would cut the requests that are under way."""
    board, container = _start(t, GUNICORN_WORKERS='1')
    asked = subprocess.Popen(container.ask('/slow?seconds=2'), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE)
    _wait(lambda: _status(container)['web']['workers'][0]['in_flight'], 'a request under way')
    container.first.signal(signal.SIGTERM)
    equal(container.process.wait(), 0, 'exit code')
    equal(asked.communicate()[0], b'200', 'the request under way')
    check('0 killed' in container.said(), 'nobody was killed', container.said()[-500:])
    board.stop()


def test_the_container_reaps_orphans(t):
    """What is left behind in a container would stay as zombies until there are no pids left."""
    board, container = _start(t, GUNICORN_WORKERS='1')
    before = set(descendants(container.first.pid))
    equal(container.tell('sh', '-c', 'sleep 1000 >&- 2>&- & sleep 1001 >&- 2>&- &')[0], 0, 'exec')

    def orphans():
        return [pid for pid in set(descendants(container.first.pid)) - before
                if stat_of(pid)[2] == 'sleep' and stat_of(pid)[0] == container.first.pid]
    _wait(lambda: len(orphans()) == 2, 'orphans that are now of reeve')
    for pid in orphans():
        t.handle(pid).signal(signal.SIGKILL)
    _wait(lambda: not orphans() and not zombies(container.first.pid), 'their reaping')
    equal(container.tell('reeve', 'health')[0], 0, 'health')
    _stop(board, container)


def _pod():
    """The Pod of the Deployment, with its annotations."""
    with open(os.path.join(SOURCE, 'deploy/kubernetes/board.yaml'), encoding='utf-8') as file:
        return yaml.safe_load(file)['spec']['template']


def test_the_pod_runs(t):
    """The Deployment would start Pods that never get ready, or cut requests in each rollout."""
    pod = _pod()
    box, noted = pod['spec']['containers'][0], pod['metadata']['annotations']
    board, container = _start(t, box['args'], POD_RUN)
    ports = {port['name']: port['containerPort'] for port in box['ports']}

    def probe(name):
        get = box[name]['httpGet']
        return container.status(get['path'], ports[get['port']])
    for name in ('startupProbe', 'readinessProbe', 'livenessProbe'):
        equal(probe(name), 200, name)
    equal(container.status('/health', ports['web']), 200, 'a page')
    equal(container.status(noted['prometheus.io/path'], noted['prometheus.io/port']), 200,
          'what is scraped')
    equal(container.tell(*box['lifecycle']['preStop']['exec']['command'])[0], 0, 'preStop')
    container.first.signal(signal.SIGTERM)
    _wait(lambda: probe('readinessProbe') == 503, 'a Pod that says that it leaves')
    equal(container.status('/health', ports['web']), 200, 'it serves on in stop_delay')
    equal(probe('livenessProbe'), 200, 'and lives')
    equal(container.process.wait(), 0, 'exit code')
    board.stop()


if __name__ == '__main__':
    runner.main(globals())
