"""The queue worker: takes one job after the other, and leaves between two when it is told to."""
import logging
import signal

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from board import jobs
from board.models import Note, Tally
from config.notify import tell

log = logging.getLogger(__name__)


class Command(BaseCommand):
    """Counts the notes whenever somebody asks."""
    help = __doc__

    def handle(self, *_arguments, **_options):
        leaving = []
        signal.signal(signal.SIGTERM, lambda *_: leaving.append(True))
        tell('READY=1')
        while not leaving:
            tell('WATCHDOG=1')
            job = jobs.pop(seconds=1)
            if job is not None:
                close_old_connections()
                tally = Tally.objects.create(notes=Note.objects.count(), **job)
                log.info('%s notes, counted for %s', tally.notes, tally.asked_by)
