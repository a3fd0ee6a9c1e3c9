"""Threads, an application that is loaded once, and code at many moments of a worker's life."""
import logging
import multiprocessing

bind = ['0.0.0.0:8080', '[::1]:8081']
workers = multiprocessing.cpu_count() + 1
threads = 4
preload_app = True
max_requests = 500
max_requests_jitter = 100
statsd_host = 'localhost:8125'
statsd_prefix = 'shop'
limit_request_line = 8190
print_config = False

log = logging.getLogger(__name__)


def on_starting(server):
    log.info('starting')


def when_ready(server):
    log.info('ready')


def pre_fork(server, worker):
    pass


def post_fork(server, worker):
    server.log.info('worker spawned (pid: %s)', worker.pid)


def worker_abort(worker):
    worker.log.info('worker received SIGABRT signal')


def child_exit(server, worker):
    pass


def on_exit(server):
    pass
