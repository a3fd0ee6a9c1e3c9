"""Looks, before a request, whether a kept database connection still works.

From Django 4.1 on, CONN_HEALTH_CHECKS does it. Without it, the first request after a restart of the
database fails in each worker.
"""
from django.core.signals import request_started
from django.db import connections


def drop_broken_connections(**_signal):
    """Closes what the database has closed, so that the request opens a new one."""
    for connection in connections.all():
        kept = connection.connection is not None and not connection.in_atomic_block
        if kept and not connection.is_usable():
            connection.close()


request_started.connect(drop_broken_connections)
