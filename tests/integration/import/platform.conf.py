"""A container of a platform that sets PORT, WEB_CONCURRENCY and a level for the log."""
import json
import os

port = os.environ.get('PORT', '5000')
bind = f'0.0.0.0:{port}'
workers = int(os.getenv('WEB_CONCURRENCY', 2))
threads = int(os.getenv('PYTHON_MAX_THREADS', 1))
worker_class = os.getenv('WORKER_CLASS', 'uvicorn.workers.UvicornWorker')
loglevel = os.getenv('LOG_LEVEL', 'INFO').lower()
graceful_timeout = float(os.getenv('GRACEFUL_TIMEOUT', '20'))
worker_tmp_dir = '/dev/shm'
reload = os.getenv('DEBUG') == 'true'
accesslog = '-'
access_log_format = json.dumps({'remote': '%(h)s', 'request': '%(r)s', 'status': '%(s)s',
                                'microseconds': '%(D)s'})
logconfig_dict = {
    'version': 1,
    'disable_existing_loggers': False,
    'formatters': {'json': {'format': '%(message)s'}},
    'handlers': {'console': {'class': 'logging.StreamHandler', 'formatter': 'json'}},
    'root': {'level': 'INFO', 'handlers': ['console']},
}
forwarded_allow_ips = '*'
