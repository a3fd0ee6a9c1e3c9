"""The queue between web, scheduler and worker: a list in Redis."""
import json

from django_redis import get_redis_connection

QUEUE = 'board:jobs'


def push(**job):
    get_redis_connection().rpush(QUEUE, json.dumps(job))


def pop(seconds):
    """The oldest job, or None when none came within so many seconds."""
    found = get_redis_connection().blpop(QUEUE, timeout=seconds)
    return json.loads(found[1]) if found else None
