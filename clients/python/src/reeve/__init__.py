"""What a Python worker and reeve, the supervisor daemon, say to each other.

`python3 -m reeve.uvicorn APP` runs an ASGI application; `reeve.asgi.Middleware` and
`reeve.wsgi.Middleware` work under other servers; `reeve.worker.current()` is for other programs.
Nothing is sent, and nothing changes, where reeve is not there.
"""
from .worker import Drain, Event, Gone, Reopen, Worker, current

__all__ = ['Drain', 'Event', 'Gone', 'Reopen', 'Worker', 'current']
__version__ = '0.1.0'
