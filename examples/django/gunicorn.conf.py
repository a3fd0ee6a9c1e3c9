"""How the board ran before: gunicorn config.asgi:application -c gunicorn.conf.py."""
import multiprocessing
import os

bind = os.environ.get('BOARD_LISTEN', '0.0.0.0:8000')
workers = int(os.environ.get('GUNICORN_WORKERS') or multiprocessing.cpu_count() * 2 + 1)
worker_class = 'uvicorn.workers.UvicornWorker'
worker_connections = 1000
max_requests = 1000
max_requests_jitter = 50
timeout = 120
graceful_timeout = 30
keepalive = 5
accesslog = '-'
errorlog = '-'
loglevel = os.environ.get('GUNICORN_LOG_LEVEL', 'info')
