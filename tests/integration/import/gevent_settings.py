"""A configuration that is a module: gunicorn -c python:gevent_settings shop:app"""
import os

TIMEUOT = 30
timeuot = 30
worker_class = 'gevent'
workers = os.cpu_count() * 2 + 1
worker_connections = 2000
keepalive = 75
bind = os.environ['BIND']
chdir = os.path.dirname(os.path.abspath(__file__))
