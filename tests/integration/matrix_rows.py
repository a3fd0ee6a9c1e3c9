"""The rows of the matrix: each a real server from Debian, changed in nothing, and what it can do.

A row says how the server is started, and what it is expected to do; test_matrix.py holds it to
that, and matrix_page.py writes the page from it.
"""
import os
from dataclasses import dataclass, field

import matrix_files as files


@dataclass(frozen=True)
class Row:
    """One server. `{port}` and `{dir}` in commands, files and options are filled in by the test."""
    name: str
    title: str
    package: str
    command: tuple
    options: tuple = ()
    files: dict = field(default_factory=dict)
    build: tuple = ()            # commands that make the program
    path: str = '/'
    fastcgi: bool = False
    programs: tuple = ()         # what must be there
    hang: str = ''               # the path whose request never ends; or "stopped", or ""
    no_hang: str = ''            # why a hang is not found
    quota: str = 'requests'      # or "lifetime"
    quota_why: str = ''
    lost: int = 0                # of a reload or rotation, at most, under load
    lost_why: str = ''
    killed: bool = False         # some need it after graceful_timeout, with nothing in flight
    note: str = ''

    @property
    def needs(self):
        return self.programs or (self.command[0],)

    def option(self, name, default):
        """The value of one of its flags."""
        at = [i for i, word in enumerate(self.options) if word == name]
        return self.options[at[0] + 1] if at else default


_NO_BEATS = 'nothing in it beats without `liveness: preload`'

_CLOSES = 'on TERM it closes connections that it has accepted and whose request has not arrived'

_ENDS = 'it ends at once on TERM'

_STARTER = ('--env', 'SERVER_STARTER_PORT=127.0.0.1:{port:web}={fd:web}', '--env',
            'SERVER_STARTER_GENERATION={generation}')

_COMMON = {'no_hang': _NO_BEATS, 'quota': 'lifetime', 'quota_why': 'no requests are counted'}

ROWS = (
    Row('uvicorn', 'uvicorn', 'uvicorn',
        ('/usr/bin/uvicorn', 'app:app', '--fd', '{fd:web}', '--no-access-log'),
        files={'app.py': files.ASGI}, path='/pid', lost=10, lost_why=_CLOSES, **_COMMON),
    Row('gunicorn', 'gunicorn, one worker each', 'gunicorn',
        ('/usr/bin/gunicorn', 'app:app'), files={'app.py': files.WSGI}, path='/pid', **_COMMON),
    Row('nginx', 'nginx', 'nginx-light',
        ('/usr/sbin/nginx', '-p', '{dir}', '-c', 'nginx.conf', '-e', 'stderr'),
        options=('--env', 'NGINX={fd:web};', '--stop-signal', 'QUIT'),
        files={'nginx.conf': files.NGINX}, path='/pid', **_COMMON),
    Row('php_fpm', 'php-fpm', 'php8.2-fpm',
        ('/usr/sbin/php-fpm8.2', '-F', '-R', '-n', '-y', '{dir}/fpm.conf'),
        options=('--env', 'FPM_SOCKETS={addr:web}:{port:web}={fd:web}', '--stop-signal', 'QUIT'),
        files={'fpm.conf': files.FPM, 'pid.php': files.PHP}, path='{dir}/pid.php', fastcgi=True,
        **_COMMON),
    Row('puma', 'puma', 'puma',
        ('/usr/bin/puma', '-b', 'tcp://{addr:web}:{port:web}', '-t', '1:4', 'config.ru'),
        files={'config.ru': files.RACK}, path='/pid', lost=5,
        lost_why=_CLOSES, **_COMMON),
    Row('uwsgi', 'uWSGI', 'uwsgi-core, uwsgi-plugin-python3',
        ('/usr/bin/uwsgi', '--plugin', 'python3', '--http-socket', 'fd://{fd:web}', '--wsgi-file',
         'app.py', '--callable', 'app', '--disable-logging', '--master', '--exit-on-reload'),
        options=('--stop-signal', 'HUP', '--graceful-timeout', '10s'),
        files={'app.py': files.WSGI}, path='/pid', killed=True,
        note='HUP with `--exit-on-reload` is its only stop that finishes first. Its master may '
             'fail to notice that its process has ended, and is killed after graceful_timeout',
        **_COMMON),
    Row('h2o', 'h2o', 'h2o', ('/usr/bin/h2o', '-c', '{dir}/h2o.conf'),
        options=_STARTER, files={'h2o.conf': files.H2O}, **_COMMON),
    Row('starlet', 'Starlet', 'starlet',
        ('/usr/bin/plackup', '-E', 'deployment', '-s', 'Starlet', '--max-workers', '1',
         '--max-reqs-per-child', '1000000', 'app.psgi'),
        options=_STARTER, files={'app.psgi': files.PSGI}, path='/pid', **_COMMON),
    Row('shell', 'uvicorn through `sh -c`', 'uvicorn',
        ('/bin/sh', '-c', 'exec /usr/bin/uvicorn app:app --fd {fd:web} --no-access-log'),
        programs=('/usr/bin/uvicorn',), files={'app.py': files.ASGI}, path='/pid', lost=10,
        lost_why=_CLOSES, **_COMMON),
    Row('http_server', '`python3 -m http.server`', 'python3',
        ('/usr/bin/python3', '-m', 'http.server', '--bind', '127.0.0.1', '--directory',
         '/proc/self', '{port}'),
        options=('--handoff', 'adopt'), path='/task/', lost=30, lost_why=_ENDS, **_COMMON),
    Row('node', 'node `http`', 'nodejs', ('/usr/bin/node', 'server.js'),
        options=('--handoff', 'adopt'), files={'server.js': files.NODE}, path='/pid',
        lost=30, lost_why=_ENDS, **_COMMON),
    Row('go', 'Go `net/http`, static', 'golang-go', ('{dir}/server',),
        options=('--handoff', 'adopt'), files={'server.go': files.GO}, path='/pid',
        build=(('/usr/bin/go', 'build', '-o', 'server', 'server.go'),),
        programs=('/usr/bin/go',), lost=30, lost_why=_ENDS, **_COMMON),
    Row('java', "Java, the JDK's HttpServer", 'default-jdk-headless',
        ('/usr/bin/java', '-Xshare:auto', '-XX:TieredStopAtLevel=1', '-cp', '{dir}', 'Server'),
        options=('--handoff', 'adopt'), files={'Server.java': files.JAVA}, path='/pid',
        build=(('/usr/bin/javac', 'Server.java'),),
        programs=('/usr/bin/java', '/usr/bin/javac'), lost=30, lost_why=_ENDS, **_COMMON),
    Row('static', 'a static C server', 'gcc, libc6-dev', ('{dir}/server',),
        options=('--handoff', 'adopt'), files={'server.c': files.C}, path='/pid',
        build=(('/usr/bin/gcc', '-static', '-o', 'server', 'server.c'),),
        programs=('/usr/bin/gcc',), lost=30, lost_why=_ENDS, **_COMMON),
)


def missing(row):
    """The first program that is not here."""
    return next((program for program in row.needs if not os.access(program, os.X_OK)), None)
