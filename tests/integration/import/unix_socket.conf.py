"""A WSGI site on a Unix socket of its own user, started by an old init script."""
import os.path

base = '/srv/site'
name = 'site'

bind = 'unix:/run/site/gunicorn.sock'
backlog = 512
workers = 3
worker_class = 'sync'
timeout = 60
user = 'www-data'
group = 'www-data'
umask = 0o007
pidfile = '/run/site/gunicorn.pid'
proc_name = name
chdir = base
pythonpath = os.path.join(base, 'lib') + ',' + os.path.join(base, 'vendor')
accesslog = '/var/log/site/access.log'
errorlog = '/var/log/site/error.log'
loglevel = 'warning'
raw_env = ['DJANGO_SETTINGS_MODULE=site.settings', 'SECRET_FILE=/etc/site/secret']
forwarded_allow_ips = '*'
secure_scheme_headers = {'X-FORWARDED-PROTO': 'https'}
daemon = True
