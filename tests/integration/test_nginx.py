#!/usr/bin/env python3
"""nginx, unchanged, as a worker: it takes its sockets from NGINX= and drains on QUIT."""
import json
import os
import shutil
import signal

import runner
from change import never_fewer, no_loss, reload, scale_by_signals
from harness import check, equal
from servers import nginx_config

CHANGES = 20
ROTATIONS = 100

# nginx takes an inherited socket only where its configuration names the same address, and the port
# is the kernel's choice. Each worker has a directory of its own for its pid file and its buffers.
START = '''mkdir "$0" && sed "s/PORT/$1/" nginx.conf > "$0/nginx.conf" &&
exec "$2" -p "$0" -c nginx.conf -e stderr'''

CONFIG = '''
pools:
  web:
    command: {command}
    env: {{NGINX: "{{fd:web}};"}}
    workers: {workers}
    # The worker processes of nginx wake up together; who comes late must not wait in accept.
    listen: {{web: {{address: "127.0.0.1:0", nonblocking: yes}}}}
    stop_signal: QUIT
    stable_after: 100ms
    max_draining: 60
'''


def _nginx(t, workers, extra=''):
    """reeve with nginx in each slot, all ready."""
    nginx = shutil.which('nginx', path=os.environ['PATH'] + ':/usr/sbin')
    check(nginx, 'nginx is missing: apt-get install nginx-light')
    # With its master process: without it nginx leaves at once on QUIT, and drops what it accepted.
    t.file('nginx.conf', nginx_config('location / { return 200 "$pid\\n"; }'))
    command = json.dumps(['/bin/sh', '-c', START, 'nginx-{incarnation}', '{port:web}', nginx])
    reeve = t.reeve(config=CONFIG.format(command=command, workers=workers) + extra)
    reeve.wait_ready(workers)
    for event in reeve.find('worker_ready'):
        equal(event['by'], 'kernel', 'what made it ready')
    return reeve


def _load(t, reeve):
    """A load in which each request has a connection of its own."""
    return t.loadgen(reeve.address(), '--connections', 32, '--fresh', 32, '--seconds', 0,
                     '--until-eof', '--timeout-ms', 50000)


def test_nginx_reloads_under_load(t):
    """A new configuration of nginx would cost some client an error."""
    reeve = _nginx(t, 4)
    load = _load(t, reeve)
    for _ in range(CHANGES):
        reload(reeve)
    no_loss(t, reeve, load, CHANGES * 2)
    never_fewer(reeve, 4)


def test_nginx_scaling_under_load(t):
    """More of nginx, or less, would cost some client an error."""
    reeve = _nginx(t, 3)
    load = _load(t, reeve)
    up, down = signal.SIGTTIN, signal.SIGTTOU
    scale_by_signals(reeve, [up, up, down, down] * (CHANGES // 4))
    no_loss(t, reeve, load, 3)
    never_fewer(reeve, 3)


def test_nginx_rotations_under_load(t):
    """Each replacement of an nginx would cost some client an error."""
    reeve = _nginx(t, 4, extra='    max_lifetime: 1s\n    max_lifetime_jitter: 500ms\n')
    load = _load(t, reeve)
    reeve.wait_for('rotation', count=ROTATIONS, reason='lifetime', seconds=240)
    no_loss(t, reeve, load, ROTATIONS // 2)
    never_fewer(reeve, 4)


if __name__ == '__main__':
    runner.main(globals())
