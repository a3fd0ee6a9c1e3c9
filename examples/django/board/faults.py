"""Views that do what no view should, to see what the supervisor makes of it."""
import asyncio
import os
import threading

from django.http import HttpResponse


async def hang_loop(_request):
    """Blocks the event loop for ever: no request of this worker is answered any more."""
    threading.Event().wait()


def hang_thread(_request):
    """Blocks for ever beside the event loop: WebSockets go on, no synchronous view does."""
    threading.Event().wait()


async def slow(request):
    """Answers after ?seconds=."""
    await asyncio.sleep(float(request.GET.get('seconds', '1')))
    return HttpResponse(f'{os.getpid()}\n', content_type='text/plain')
