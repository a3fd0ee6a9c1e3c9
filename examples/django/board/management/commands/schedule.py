"""The scheduler: asks for a count now and then. There may be one only."""
import signal
import threading

from django.core.management.base import BaseCommand

from board import jobs
from config.notify import tell


class Command(BaseCommand):
    """Pushes a job every so many seconds."""
    help = __doc__

    def add_arguments(self, parser):
        parser.add_argument('--every', type=float, default=60, metavar='SECONDS')

    def handle(self, *_arguments, **options):
        leaving = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: leaving.set())
        tell('READY=1')
        while not leaving.wait(options['every']):
            tell('WATCHDOG=1')
            jobs.push(asked_by='scheduler')
