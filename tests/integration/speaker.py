"""The worker that speaks the protocols of others, and what the status says of it."""
import os
import sys

import admin
from harness import patient, pause

SPEAKER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'workers', 'speaker.py')


def speaker(*words):
    """The command of a worker that does these."""
    return [sys.executable, '-S', SPEAKER, *map(str, words)]


def start(t, *options, words=(), command=None, env=None, **more):
    """reeve with one pool without sockets, its status at hand."""
    extra = {'RUNTIME_DIRECTORY': t.path('run'), 'REEVE_ADMIN': t.path('admin.sock'),
             **(env or {})}
    return t.reeve('--workers', 1, *options, command=command or speaker(*words), env=extra, **more)


def workers(t, pool='web'):
    """The workers of the pool as the status shows them."""
    answer = admin.call(t.path('admin.sock'), 'GET', '/v1/status')
    return answer.json['pools'][pool]['workers']


def wait_worker(t, what, wanted, pool='web'):
    """Waits until wanted(worker) of some worker; returns it."""
    def look(left):
        for worker in workers(t, pool):
            if wanted(worker):
                return worker
        pause(min(left, 0.05))
        return None
    return patient(look, f'a worker with {what}')
