"""A WebSocket that says again what it hears, beside Django, which knows no WebSockets."""
import os


async def serve(receive, send):
    """Tells first which process it is, so that one can see whom it talks to."""
    await receive()
    await send({'type': 'websocket.accept'})
    await send({'type': 'websocket.send', 'text': str(os.getpid())})
    while True:
        message = await receive()
        if message['type'] == 'websocket.disconnect':
            return
        kind = 'text' if message.get('text') is not None else 'bytes'
        await send({'type': 'websocket.send', kind: message[kind]})
