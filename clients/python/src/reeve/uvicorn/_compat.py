"""All that differs between the versions of uvicorn, from 0.17 on."""
from __future__ import annotations

import asyncio
import inspect
from importlib import import_module
from typing import Any, Callable

import click
import uvicorn.server

# `uvicorn.main` is the function, which hides the module of that name.
_main: Any = import_module('uvicorn.main')
ServerBase = uvicorn.server.Server
STARTUP_FAILURE = 3


def command(callback: Callable[..., None], *more: click.Parameter) -> click.Command:
    """uvicorn's own command line with options of ours."""
    theirs = _main.main
    return click.Command('reeve.uvicorn', callback=callback, params=[*theirs.params, *more],
                         context_settings=theirs.context_settings,
                         help='uvicorn as a worker of reeve; on its own, plain uvicorn.')


def run(server: type, **options: Any) -> None:
    """What uvicorn does with its command line, with another class of server."""
    _main.Server = server
    _main.main.callback(**options)


def protocol_factory(server: Any) -> Callable[[], asyncio.Protocol]:
    """Makes the protocol of one connection."""
    config = server.config
    options = {'config': config, 'server_state': server.server_state}
    if 'app_state' in inspect.signature(config.http_protocol_class.__init__).parameters:
        options['app_state'] = server.lifespan.state  # since 0.22

    def make() -> asyncio.Protocol:
        protocol: asyncio.Protocol = config.http_protocol_class(**options)
        return protocol
    return make


def is_http(connection: Any) -> bool:
    """A connection that speaks HTTP, and not, or no more, WebSocket."""
    return hasattr(connection, 'cycle')


def is_idle(connection: Any) -> bool:
    """No request is being answered on it."""
    return connection.cycle is None or bool(connection.cycle.response_complete)


def replace_transport(connection: Any, wrap: Callable[[Any], Any]) -> None:
    """Puts another transport under an HTTP connection and the requests that it has."""
    connection.transport = wrapped = wrap(connection.transport)
    if connection.cycle is not None:
        connection.cycle.transport = wrapped
    for cycle, _app in getattr(connection, 'pipeline', ()):
        cycle.transport = wrapped
