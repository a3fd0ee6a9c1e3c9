"""The example service with its real parts: MariaDB, Redis, reeve with Django, nginx in front."""
import atexit
import http.client
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections import namedtuple
from http.cookies import SimpleCookie

import net
from harness import PATIENCE, check, patient, pause

EXAMPLE = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                       '../../examples/django'))
PROGRAMS = {
    'mariadbd': 'mariadb-server', 'mariadb-install-db': 'mariadb-server',
    'mariadb': 'mariadb-client', 'redis-server': 'redis-server', 'nginx': 'nginx-light',
    'uvicorn': 'uvicorn',
}
MODULES = {'django': 'python3-django', 'MySQLdb': 'python3-mysqldb',
           'django_redis': 'python3-django-redis', 'websockets': 'python3-websockets'}
# Debian's Python, whatever else is on the path: the packages are there.
PATH = '/usr/bin:/bin:/usr/sbin:/sbin'
PYTHON = '/usr/bin/python3'
CLIENT = os.path.join(EXAMPLE, '../../clients/python/src')
USER, PASSWORD = 'ann', 'a-long-secret'
SMALL = ('--skip-networking', '--skip-name-resolve', '--innodb-log-file-size=4M',
         '--innodb-buffer-pool-size=32M', '--innodb-flush-log-at-trx-commit=0')
SQL = '''CREATE DATABASE IF NOT EXISTS board CHARACTER SET utf8mb4;
CREATE USER IF NOT EXISTS board@localhost IDENTIFIED BY 'board-secret';
GRANT ALL ON board.* TO board@localhost;
'''


def program(name):
    return shutil.which(name, path=PATH)


def skip_unless_installed(t):
    for name, package in PROGRAMS.items():
        t.skip_unless(program(name), f'{name} is missing: apt-get install {package}')
    for name, package in MODULES.items():
        done = subprocess.run([PYTHON, '-c', f'import {name}'], capture_output=True, check=False)
        t.skip_unless(done.returncode == 0, f'{name} is missing: apt-get install {package}')


_databases = []     # a directory with a database that is ready to be used, once there is one


class Board:
    """Database and Redis of one test, and everything that is started beside them."""

    def __init__(self, t):
        skip_unless_installed(t)
        self.t = t
        self._started = []
        self.environment = {
            'PATH': PATH, 'PYTHONDONTWRITEBYTECODE': '1', 'PYTHONWARNINGS': 'ignore',
            'PYTHONPATH': CLIENT,
            'DJANGO_SECRET_KEY': 'of-the-test', 'BOARD_FAULTS': '1', 'REEVE_METRICS': 'off',
            'BOARD_LISTEN': '127.0.0.1:0', 'MYSQL_HOST': t.path('mysql/socket'),
            'MYSQL_PASSWORD': 'board-secret', 'REDIS_URL': f'unix://{t.path("redis/socket")}?db=0',
        }
        self._start_redis()
        self._folder('mysql', 'mysql')
        if _databases:
            subprocess.run(['cp', '-a', _databases[0], t.path('mysql/data')], check=True)
            self._start_database()
        else:
            self._make_database()

    # Backends

    def _folder(self, name, user):
        """A directory of the test's, for that user where we are root; (path, user or None)."""
        path = self.t.path(name)
        os.mkdir(path, 0o755)
        try:
            account = pwd.getpwnam(user)
        except KeyError:
            return path, None
        if os.getuid() != 0:
            return path, None
        os.chown(path, account.pw_uid, account.pw_gid)
        return path, user

    def _start(self, *argv, **streams):
        process = self.t.start(*argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL, **streams)
        self._started.append(process)
        return process

    def _make_database(self):
        """One with tables and a user, of which others of this run get a copy."""
        data = self.t.path('mysql/data')
        done = subprocess.run(
            [program('mariadb-install-db'), '--no-defaults', *self._as_mysql(),
             f'--datadir={data}', '--auth-root-authentication-method=normal', '--skip-test-db',
             *SMALL[1:]],
            env={**os.environ, 'PATH': PATH}, stdin=subprocess.DEVNULL, capture_output=True,
            timeout=PATIENCE, check=False)
        check(done.returncode == 0, 'the database cannot be made:', done.stdout, done.stderr)
        server = self._start_database()
        self.manage('migrate', '--noinput')
        self.manage('createsuperuser', '--noinput', '--username', USER, '--email', 'ann@localhost',
                    DJANGO_SUPERUSER_PASSWORD=PASSWORD)
        server.signal(15)
        server.wait()
        kept = tempfile.mkdtemp(prefix='reeve-database-')
        atexit.register(shutil.rmtree, kept, True)
        subprocess.run(['cp', '-a', data, kept], check=True)
        _databases.append(os.path.join(kept, 'data'))
        self._start_database()

    @staticmethod
    def _as_mysql():
        return ['--user=mysql'] if os.getuid() == 0 else []

    def _start_database(self):
        folder = self.t.path('mysql')
        server = self._start(
            program('mariadbd'), '--no-defaults', *self._as_mysql(), f'--datadir={folder}/data',
            f'--socket={folder}/socket', f'--pid-file={folder}/pid',
            f'--init-file={self.t.file("init.sql", SQL)}', *SMALL)
        self._wait_socket(f'{folder}/socket')
        patient(lambda left: self._can_log_in() or pause(min(left, 0.02)), 'the database')
        return server

    def _can_log_in(self):
        return subprocess.run(self._client('board', '-pboard-secret', 'board', '-e', 'SELECT 1'),
                              capture_output=True, check=False).returncode == 0

    def _client(self, user, *words):
        return [program('mariadb'), '--no-defaults', '--batch', '--skip-column-names',
                f'--socket={self.environment["MYSQL_HOST"]}', '-u', user, *words]

    def sql(self, text):
        """Rows of a statement, as the database's administrator; each a list of words."""
        done = subprocess.run(self._client('root', '-e', text), capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        check(done.returncode == 0, 'SQL', done.stderr)
        return [line.split('\t') for line in done.stdout.splitlines()]

    def connections(self):
        """Numbers of the connections that the service has open."""
        return {int(row[0]) for row in self.sql(
            "SELECT id FROM information_schema.processlist WHERE user = 'board'")}

    def _start_redis(self):
        folder, user = self._folder('redis', 'redis')
        as_user = [program('setpriv'), f'--reuid={user}', f'--regid={user}', '--clear-groups'] \
            if user else []
        self._start(*as_user, program('redis-server'), '--port', '0', '--unixsocket',
                    f'{folder}/socket', '--unixsocketperm', '777', '--save', '', '--dir', folder)
        self._wait_socket(f'{folder}/socket')

    def _wait_socket(self, path):
        def look(left):
            check(self._started[-1].alive(), 'it has ended:', self._started[-1].argv)
            return not net.refused(f'unix:{path}') or pause(min(left, 0.02))
        patient(look, path)

    # The service

    def manage(self, *words, **environment):
        done = subprocess.run([PYTHON, 'manage.py', *words], cwd=EXAMPLE,
                              env=self.t.environment({**self.environment, **environment}),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE, check=False)
        check(done.returncode == 0, f'manage.py {words}:', done.stderr)
        return done.stdout

    def config(self, name='reeve.yaml', **changed):
        """The example's configuration with other values for some options of the pool web."""
        with open(os.path.join(EXAMPLE, name), encoding='utf-8') as file:
            text = file.read()
        for option, value in changed.items():
            text, found = re.subn(rf'^    {option}: \S+', f'    {option}: {value}', text, count=1,
                                  flags=re.MULTILINE)
            check(found, f'{name} has no {option}')
        return text

    def reeve(self, workers=2, config='reeve.yaml', environment=None, **changed):
        """reeve with the example's configuration, all of it ready."""
        reeve = self.t.reeve(config=self.config(config, **changed), cwd=EXAMPLE,
                             env={**self.environment, 'GUNICORN_WORKERS': str(workers),
                                  **(environment or {})})
        reeve.wait_ready(workers)
        reeve.wait_for('pool_ready', pool='queue')
        reeve.wait_for('pool_ready', pool='scheduler')
        return reeve

    def nginx(self, address):
        """nginx, as the example has it, in front of that address; its own address."""
        with open(os.path.join(EXAMPLE, 'nginx.conf'), encoding='utf-8') as file:
            text = file.read()
        folder, _user = self._folder('nginx', 'www-data')
        for old, new in (('/tmp/', f'{folder}/'), ('/dev/stdout', f'{folder}/access.log'),
                         ('server web:8000', f'server {address.removeprefix("tcp://")}'),
                         ('listen 8080', f'listen unix:{folder}/socket')):
            check(old in text, 'nginx.conf has no', old)
            text = text.replace(old, new)
        self._start(program('nginx'), '-p', folder, '-e', f'{folder}/error.log', '-g',
                    'daemon off;', '-c', self.t.file('nginx.conf', text))
        self._wait_socket(f'{folder}/socket')
        return f'unix:{folder}/socket'

    def stop(self):
        """Ends nginx, Redis and the database, the last started first."""
        for process in reversed(self._started):
            if process.alive():
                process.signal(15)
            process.wait()


class Browser:
    """A client that keeps cookies, each request on a connection of its own."""

    def __init__(self, address):
        self.address = address
        self.cookies = {}

    def request(self, method, path, form=''):
        """(status, headers, body)"""
        head = [f'{method} {path} HTTP/1.1', 'Host: localhost', 'Connection: close']
        if self.cookies:
            head.append('Cookie: ' + '; '.join(f'{k}={v}' for k, v in self.cookies.items()))
        if method == 'POST':
            head.append('Content-Type: application/x-www-form-urlencoded')
            head.append(f'Content-Length: {len(form)}')
            head.append(f'X-CSRFToken: {self.cookies.get("csrftoken", "")}')
        with net.connect(self.address) as connection:
            connection.sendall(('\r\n'.join(head) + '\r\n\r\n' + form).encode())
            data = b''
            while more := connection.recv(65536):
                data += more
        head, _gap, body = data.partition(b'\r\n\r\n')
        lines = head.decode('latin-1').split('\r\n')
        check(lines[0].startswith('HTTP/1.1 '), 'an answer to', method, path, data)
        headers = {}
        for line in lines[1:]:
            name, _colon, value = line.partition(': ')
            headers[name.lower()] = value
            if name.lower() == 'set-cookie':
                for cookie in SimpleCookie(value).values():
                    self.cookies[cookie.key] = cookie.value
        return int(lines[0].split()[1]), headers, body.decode()

    def get(self, path):
        status, headers, body = self.request('GET', path)
        check(status == 200, f'GET {path}: status {status}', headers.get('location'), body[:300])
        return body

    def log_in(self):
        self.get('/login')
        status, headers, body = self.request('POST', '/login',
                                             f'username={USER}&password={PASSWORD}')
        check(status == 302 and headers['location'] == '/', 'log in', status, body[:300])


Answer = namedtuple('Answer', 'at worker')


class _Kept(http.client.HTTPConnection):
    """A connection to a Unix socket that is opened anew when the server has closed it."""

    def __init__(self, address):
        super().__init__('localhost', timeout=PATIENCE)
        self._path = address.removeprefix('unix:')

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)


class Load:
    """Clients that ask without a pause, who answered when, and every failure."""

    def __init__(self, address, clients):
        self.answers = []
        self.failures = []
        self._address = address
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _run(self):
        connection = _Kept(self._address)
        while not self._ends.is_set():
            try:
                connection.request('GET', '/worker')
                answer = connection.getresponse()
                body = answer.read()
                if answer.status == 200:
                    self.answers.append(Answer(time.time(), int(body)))
                else:
                    self.failures.append(answer.status)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
        connection.close()

    def wait_more(self, count):
        """Waits until so many more were answered."""
        until = len(self.answers) + count
        patient(lambda left: len(self.answers) >= until or pause(min(left, 0.02)), 'more answers')

    def end(self):
        self._ends.set()
        for thread in self._threads:
            thread.join()
