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
    hang: str = 'stopped'        # the path whose request never ends; or "stopped", by SIGSTOP
    cuts: str = ''               # why some requests are lost where all share one queue
    killed: bool = False         # some need it after graceful_timeout, with nothing in flight
    note: str = ''

    @property
    def needs(self):
        return self.programs or (self.command[0],)

    def option(self, name, default):
        """The value of one of its flags."""
        at = [i for i, word in enumerate(self.options) if word == name]
        return self.options[at[0] + 1] if at else default

    @property
    def liveness(self):
        return self.option('--liveness', 'auto')

    @property
    def quota(self):
        """What makes its workers due: requests, where somebody counts them."""
        return 'requests' if self.liveness == 'preload' else 'lifetime'

    @property
    def lost(self):
        """Requests of a load that may fail."""
        shared = self.option('--accept', 'shared') == 'shared'
        return LOST if self.cuts and shared else 0


LOST = 30
_CLOSES = 'on TERM it closes connections that it has accepted and whose request has not arrived'
_ENDS = 'it ends at once on TERM'

# What one part of reeve or another gives to a program that knows nothing of it.
_PRELOAD = ('--liveness', 'preload')
_OWN = ('--accept', 'per-worker')
_QUEUE = (*_OWN, '--liveness', 'queue')
_ADOPT = ('--handoff', 'adopt')
_STARTER = ('--compat', 'server-starter')

ROWS = (
    Row('uvicorn', 'uvicorn', 'uvicorn',
        ('/usr/bin/uvicorn', 'app:app', '--fd', '{fd:web}', '--no-access-log'),
        options=(*_OWN, *_PRELOAD), files={'app.py': files.ASGI}, path='/pid', hang='/hang',
        cuts=_CLOSES),
    Row('gunicorn', 'gunicorn, one worker each', 'gunicorn', ('/usr/bin/gunicorn', 'app:app'),
        options=_PRELOAD, files={'app.py': files.WSGI}, path='/pid', hang='/hang'),
    Row('nginx', 'nginx', 'nginx-light',
        ('/usr/sbin/nginx', '-p', '{dir}', '-c', 'nginx.conf', '-e', 'stderr'),
        options=('--env', 'NGINX={fd:web};', '--stop-signal', 'QUIT', *_OWN, *_PRELOAD),
        files={'nginx.conf': files.NGINX}, path='/pid'),
    Row('php_fpm', 'php-fpm', 'php8.2-fpm',
        ('/usr/sbin/php-fpm8.2', '-F', '-R', '-n', '-y', '{dir}/fpm.conf'),
        options=('--env', 'FPM_SOCKETS={addr:web}:{port:web}={fd:web}', '--stop-signal', 'QUIT',
                 *_PRELOAD),
        files={'fpm.conf': files.FPM, 'pid.php': files.PHP, 'hang.php': files.PHP_HANG},
        path='{dir}/pid.php', hang='{dir}/hang.php', fastcgi=True),
    Row('puma', 'puma', 'puma',
        ('/usr/bin/puma', '-b', 'tcp://{addr:web}:{port:web}', '-t', '1:4', 'config.ru'),
        options=(*_OWN, *_PRELOAD), files={'config.ru': files.RACK}, path='/pid', cuts=_CLOSES),
    Row('uwsgi', 'uWSGI', 'uwsgi-core, uwsgi-plugin-python3',
        ('/usr/bin/uwsgi', '--plugin', 'python3', '--http-socket', 'fd://{fd:web}', '--wsgi-file',
         'app.py', '--callable', 'app', '--disable-logging', '--master', '--exit-on-reload'),
        options=('--stop-signal', 'HUP', '--graceful-timeout', '10s', *_PRELOAD),
        files={'app.py': files.WSGI}, path='/pid', hang='/hang', killed=True,
        note='HUP with `--exit-on-reload` is its only stop that finishes first. Its master may '
             'fail to notice that its process has ended, and is killed after graceful_timeout'),
    Row('h2o', 'h2o', 'h2o', ('/usr/bin/h2o', '-c', '{dir}/h2o.conf'),
        options=(*_STARTER, *_OWN, *_PRELOAD), files={'h2o.conf': files.H2O}),
    Row('starlet', 'Starlet', 'starlet',
        ('/usr/bin/plackup', '-E', 'deployment', '-s', 'Starlet', '--max-workers', '1',
         '--max-reqs-per-child', '1000000', 'app.psgi'),
        options=(*_STARTER, *_PRELOAD), files={'app.psgi': files.PSGI}, path='/pid',
        hang='/hang'),
    Row('shell', 'uvicorn through `sh -c`', 'uvicorn',
        ('/bin/sh', '-c', 'exec /usr/bin/uvicorn app:app --fd {fd:web} --no-access-log'),
        options=(*_OWN, *_PRELOAD), programs=('/usr/bin/uvicorn',), files={'app.py': files.ASGI},
        path='/pid', hang='/hang', cuts=_CLOSES),
    Row('http_server', '`python3 -m http.server`', 'python3',
        ('/usr/bin/python3', '-m', 'http.server', '--bind', '127.0.0.1', '--directory',
         '/proc/self', '{port}'),
        options=(*_ADOPT, *_OWN, *_PRELOAD), path='/task/', cuts=_ENDS),
    Row('node', 'node `http`', 'nodejs', ('/usr/bin/node', 'server.js'),
        options=(*_ADOPT, *_OWN, *_PRELOAD), files={'server.js': files.NODE}, path='/pid',
        hang='/hang', cuts=_ENDS),
    Row('go', 'Go `net/http`, static', 'golang-go', ('{dir}/server',),
        options=(*_ADOPT, *_QUEUE), files={'server.go': files.GO}, path='/pid',
        build=(('/usr/bin/go', 'build', '-o', 'server', 'server.go'),),
        programs=('/usr/bin/go',), cuts=_ENDS),
    Row('java', "Java, the JDK's HttpServer", 'default-jdk-headless',
        ('/usr/bin/java', '-Xshare:auto', '-XX:TieredStopAtLevel=1', '-cp', '{dir}', 'Server'),
        options=(*_ADOPT, *_OWN, *_PRELOAD), files={'Server.java': files.JAVA}, path='/pid',
        build=(('/usr/bin/javac', 'Server.java'),),
        programs=('/usr/bin/java', '/usr/bin/javac'), cuts=_ENDS),
    Row('static', 'a static C server', 'gcc, libc6-dev', ('{dir}/server',),
        options=(*_ADOPT, *_QUEUE), files={'server.c': files.C}, path='/pid', hang='/hang',
        build=(('/usr/bin/gcc', '-static', '-o', 'server', 'server.c'),),
        programs=('/usr/bin/gcc',), cuts=_ENDS),
)


def missing(row):
    """The first program that is not here."""
    return next((program for program in row.needs if not os.access(program, os.X_OK)), None)
