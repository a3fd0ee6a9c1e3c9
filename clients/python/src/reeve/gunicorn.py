"""Beats from gunicorn's own loop: in `gunicorn.conf.py`

    from reeve.gunicorn import post_worker_init, worker_exit

The worker classes `sync` and `gthread` turn their loop at least every half `timeout` of gunicorn's:
give reeve's pool a longer `timeout` than that.
"""
from __future__ import annotations

from typing import Any

from . import wsgi


def post_worker_init(worker: Any) -> None:
    """Each sign of life that a gunicorn worker gives its master is one for reeve too."""
    counter = wsgi.beats()
    if counter.worker.alone:
        return
    notify = worker.notify

    def notify_both() -> None:
        notify()
        counter.watched()

    worker.notify = notify_both


def worker_exit(_server: Any, _worker: Any) -> None:
    """The silence of a worker that leaves means nothing."""
    counter = wsgi.beats()
    if not counter.worker.alone:
        counter.stopping()
