"""The ASGI application: Django for HTTP, an echo for WebSockets, and one start-up for both."""
import os

from django.core.asgi import get_asgi_application

os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings')
django = get_asgi_application()

# They want Django's settings to be there.
from asgiref.sync import sync_to_async  # noqa: E402
from django.db import connection  # noqa: E402

from config import echo, health  # noqa: E402,F401


async def application(scope, receive, send):
    if scope['type'] == 'lifespan':
        await lifespan(receive, send)
    elif scope['type'] == 'websocket':
        await echo.serve(receive, send)
    else:
        await django(scope, receive, send)


# In the thread in which synchronous views run, to which the connection belongs.
def connect():
    connection.ensure_connection()


def disconnect():
    connection.close()


async def lifespan(receive, send):
    """Connects to the database before the first request: a worker that cannot is not ready."""
    while True:
        message = await receive()
        if message['type'] == 'lifespan.startup':
            try:
                await sync_to_async(connect)()
            except Exception as error:
                await send({'type': 'lifespan.startup.failed', 'message': repr(error)})
            else:
                await send({'type': 'lifespan.startup.complete'})
        else:
            await sync_to_async(disconnect)()
            await send({'type': 'lifespan.shutdown.complete'})
            return
