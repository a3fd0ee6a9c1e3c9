"""The command line: uvicorn's, and how many connections a worker takes at a time."""
from __future__ import annotations

from typing import Any

import click

from ..worker import current
from . import _compat
from ._server import Server

_LIMIT = click.Option(
    ['--limit-connections'], type=click.IntRange(min=1), default=None,
    help='Connections that are open at a time; what happens to more is said by --when-full.')
_WHEN_FULL = click.Option(
    ['--when-full'], type=click.Choice(['wait', '503']), default='wait', show_default=True,
    help='More connections wait in the accept queue, or are answered with 503 and Retry-After.')


def _run(limit_connections: 'int | None', when_full: str, **options: Any) -> None:
    worker = current(drains=True)
    worker.taken = True
    several = (options.get('workers') or 1) > 1 or options.get('reload')
    if several and not worker.alone:
        raise click.UsageError('reeve starts and reloads the workers: leave out --workers and '
                               '--reload')
    if several and limit_connections:
        raise click.UsageError('--limit-connections is for one process without --reload')
    if several:
        _compat.run(_compat.ServerBase, **options)
        return
    options['workers'] = 1  # else uvicorn would look at WEB_CONCURRENCY, which is reeve's
    Server.worker = worker
    Server.limit = limit_connections or 0
    Server.refuse = when_full == '503'
    _compat.run(Server, **options)


def main() -> None:
    _compat.command(_run, _LIMIT, _WHEN_FULL)(prog_name='python3 -m reeve.uvicorn')


if __name__ == '__main__':
    main()
