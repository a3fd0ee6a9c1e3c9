"""The pages. All are synchronous: Django runs them in a thread beside the event loop."""
import os

from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_http_methods

from board import jobs
from board.models import Note, Tally


@login_required(login_url='/login')
@require_http_methods(['GET', 'POST'])
def board(request):
    """Shows the notes, and takes one."""
    if request.method == 'POST':
        Note.objects.create(author=request.user, text=request.POST['text'][:200])
        jobs.push(asked_by='web')
    tally = Tally.objects.last()
    return JsonResponse({
        'user': request.user.get_username(),
        'notes': list(Note.objects.order_by('-id').values_list('text', flat=True)[:20]),
        'counted': tally.notes if tally else 0,
        'worker': os.getpid(),
    })


def health(_request):
    """Whether database and Redis answer."""
    connection.ensure_connection()
    cache.get('health')
    return HttpResponse('ok\n', content_type='text/plain')


def worker(_request):
    """Which process answers, and on which connection it asked the database."""
    with connection.cursor() as cursor:
        cursor.execute('SELECT CONNECTION_ID()')
        number = cursor.fetchone()[0]
    answer = HttpResponse(f'{os.getpid()}\n', content_type='text/plain')
    answer['X-Database-Connection'] = str(number)
    return answer
