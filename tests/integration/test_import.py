#!/usr/bin/env python3
"""`reeve import`: real configurations of other managers become one that is valid and serves."""
import json
import os
import re
import shutil
import subprocess
import sys

import net
import runner
from harness import check, equal

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'import')
DEBIAN_PYTHON = '/usr/bin/python3'
UVICORN = '/usr/bin/uvicorn'
GUNICORN = '/usr/bin/gunicorn'
ASGI = '''import os


async def application(scope, receive, send):
    if scope['type'] != 'http':
        return
    body = str(os.getpid()).encode()
    length = [(b'content-length', str(len(body)).encode())]
    await send({'type': 'http.response.start', 'status': 200, 'headers': length})
    await send({'type': 'http.response.body', 'body': body})
'''
WSGI = '''import os


def application(environ, start_response):
    body = str(os.getpid()).encode()
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]
'''
# A FastCGI program in all that matters here: it takes connections from descriptor 0.
ON_ZERO = '''import os
import socket

listening = socket.socket(fileno=0)
while True:
    connection, _ = listening.accept()
    connection.recv(4096)
    body = str(os.getpid()).encode()
    connection.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n%s' % (len(body), body))
    connection.close()
'''
# With the environment that each needs.
GUNICORN_FILES = {
    'founding.conf.py': {}, 'unix_socket.conf.py': {}, 'platform.conf.py': {}, 'hooks.conf.py': {},
    'tls.conf.py': {}, 'python:gevent_settings': {'BIND': '127.0.0.1:8000'},
    'mutual.conf.py': {'GUNICORN_CMD_ARGS': '--workers 7 --env "NAME=a b"'},
}


def _run(t, *words, env=None, cwd=None):
    """`reeve` to its end; (code, stdout, stderr)."""
    done = subprocess.run([t.built('src/cli/reeve'), *words], env=t.environment(env),
                          cwd=cwd or t.dir, capture_output=True, text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def _import(t, *words, env=None, cwd=None):
    """The configuration and the report of an import that works."""
    code, text, errors = _run(t, 'import', '--report', 'json', *words, env=env, cwd=cwd)
    equal(code, 0, f'exit code ({errors})')
    return text, json.loads(errors.strip().split('\n')[-1])


def _fails(t, *words, code=78, env=None, cwd=None):
    """The complaint of an import that does not work: one line."""
    found, text, errors = _run(t, 'import', *words, env=env, cwd=cwd)
    equal(found, code, f'exit code ({errors})')
    equal(text, '', 'nothing is written')
    lines = [line for line in errors.split('\n') if line]
    equal(len([line for line in lines if line.startswith('reeve: ')]), 1, f'lines in {errors!r}')
    return lines[-1]


def _checks(t, text, env=None):
    """What `reeve check` says of a configuration, which must be good but for what is not here."""
    path = t.file('imported.yaml', text)
    code, said, errors = _run(t, 'check', '-c', path, env=env)
    equal(code, 0, f'reeve check: {errors}\n{text}')
    return said


def _here(text, t, **programs):
    """A configuration whose directories and programs are those of this test."""
    text = re.sub(r'(?m)^(    cwd:) .*$', rf'\1 {t.dir}', text)
    for name, path in programs.items():
        text = re.sub(rf'(?m)^(    command:\s+(?:\[|- )){name}\b', rf'\1{path}', text)
    return text


def _settings_of(path):
    """The names that a file of the tree assigns at its left edge."""
    with open(path, encoding='utf-8') as file:
        return set(re.findall(r'^(?:def )?([a-z_]+)(?: =|\()', file.read(), re.M))


def test_every_gunicorn_file_becomes_a_valid_configuration(t):
    """Who runs gunicorn could not move, or would lose a setting without being told."""
    t.skip_unless(os.path.exists(UVICORN) and os.path.exists(GUNICORN), 'no gunicorn, no uvicorn')
    t.skip_unless(os.getuid() == 0, 'owners of sockets are looked up')
    known = set(re.findall(r'^\| `(\w+)` \|', _run(t, 'import', 'gunicorn', '--table')[1], re.M))
    for name, env in GUNICORN_FILES.items():
        text, report = _import(t, 'gunicorn', '--', 'shop:app', '-c', name, env=env, cwd=HERE)
        _checks(t, text, env)
        file = name.replace('python:', '').replace('.py', '') + '.py'
        wanted = _settings_of(os.path.join(HERE, file)) & known
        told = {entry['setting'] for entry in report['settings']}
        equal(wanted - told, set(), f'settings of {name} that the report does not name')
        check(len(wanted) > 5, f'settings of {name}')
        for entry in report['settings']:
            check(entry['becomes'] or entry['note'], 'nothing is said of', entry)
        equal(len(report['signals']), 9, 'signals')


def test_what_a_file_takes_from_the_environment_stays_there(t):
    """One image could no longer be sized and made loud by its environment."""
    text, report = _import(t, 'gunicorn', '--', 'a:b', '-c', 'founding.conf.py', cwd=HERE)
    check('workers: ${GUNICORN_WORKERS:-auto}' in text, text)
    check('level: ${GUNICORN_LOG_LEVEL:-info}' in text, text)
    told = {entry['setting']: entry for entry in report['settings']}
    check('GUNICORN_WORKERS' in told['workers']['note'], 'the report says so:', told['workers'])
    # The same, whatever is set when the file is imported.
    other, _ = _import(t, 'gunicorn', '--', 'a:b', '-c', 'founding.conf.py', cwd=HERE,
                       env={'GUNICORN_WORKERS': '3', 'GUNICORN_LOG_LEVEL': 'error'})
    equal(other, text, 'imported with the variables set')
    text, _ = _import(t, 'gunicorn', '--', 'a:b', '-c', 'platform.conf.py', cwd=HERE,
                      env={'LOG_LEVEL': 'ERROR'})
    for line in ('web: "0.0.0.0:${PORT:-5000}"', 'workers: ${WEB_CONCURRENCY:-2}',
                 'level: ${LOG_LEVEL:-info}'):
        check(line in text, f'{line} in', text)


def test_workers_follow_the_cpus_and_the_environment(t):
    """A container with two CPUs would not have five workers, and GUNICORN_WORKERS not count."""
    text, _ = _import(t, 'gunicorn', '--', 'a:b', '-c', 'founding.conf.py', cwd=HERE)
    path = t.file('reeve.yaml', _here(text, t, uvicorn='/bin/sh'))
    cpus = sorted(os.sched_getaffinity(0))

    def workers(allowed, **env):
        done = subprocess.run([t.built('src/cli/reeve'), 'config', '--print', '-c', path],
                              env=t.environment(env), capture_output=True, text=True, timeout=60,
                              check=True, preexec_fn=lambda: os.sched_setaffinity(0, allowed))
        level = re.search(r'^  level: (\w+)$', done.stdout, re.M).group(1)
        return int(re.search(r'^    workers: (\d+)$', done.stdout, re.M).group(1)), level
    equal(workers(cpus[:1]), (3, 'info'), 'one CPU')
    if len(cpus) > 1 and workers(cpus)[0] > 3:  # else a quota counts here
        equal(workers(cpus[:2]), (5, 'info'), 'two CPUs')
    equal(workers(cpus, GUNICORN_WORKERS='4', GUNICORN_LOG_LEVEL='warning'), (4, 'warning'),
          'as the environment says')


def test_a_service_of_uvicorn_workers_is_imported_and_serves(t):
    """The configuration would be valid, and no worker would come up."""
    t.skip_unless(os.path.exists(UVICORN), 'no uvicorn: apt-get install uvicorn')
    shutil.copy(os.path.join(HERE, 'founding.conf.py'), t.path('gunicorn.conf.py'))
    t.file('site_asgi.py', ASGI)
    text, _ = _import(t, 'gunicorn', '--', 'site_asgi:application', '-b', '127.0.0.1:0')
    check(t.dir in text, 'the directory:', text)
    with open(t.path('stdout'), 'wb') as stdout:
        reeve = t.reeve(config=_here(text, t, uvicorn=UVICORN), env={'GUNICORN_WORKERS': '2'},
                        stdout=stdout)
    reeve.wait_ready(2)
    reeve.wait_pids(lambda pids: len(pids) == 2, path='/')
    check('"GET / HTTP/1.1" 200' in ' '.join(t.wait_file('stdout')[0]), 'the access log')
    equal({event['by'] for event in reeve.find('worker_ready')}, {'word'}, 'they beat')


def test_a_service_is_imported_for_the_client_and_serves(t):
    """Who wants the limit on connections would get workers that do not start."""
    t.skip_unless(os.path.exists(UVICORN), 'no uvicorn: apt-get install uvicorn')
    shutil.copy(os.path.join(HERE, 'founding.conf.py'), t.path('gunicorn.conf.py'))
    t.file('site_asgi.py', ASGI)
    text, report = _import(t, 'gunicorn', '--client', '--', 'site_asgi:application', '-b',
                           '127.0.0.1:0', '-b', f'unix:{t.path("site.sock")}')
    check('--limit-connections' in text, 'worker_connections:', text)
    told = {entry['setting']: entry['becomes'] for entry in report['settings']}
    equal(told['accesslog'], 'access_log: -', 'the access log')
    client = os.path.join(os.path.dirname(HERE), '..', '..', 'clients', 'python', 'src')
    reeve = t.reeve(config=_here(text, t, python3=DEBIAN_PYTHON),
                    env={'GUNICORN_WORKERS': '2', 'PYTHONPATH': os.path.abspath(client)})
    reeve.wait_ready(2)
    reeve.wait_pids(lambda pids: len(pids) == 2, path='/')
    reeve.wait_pids(lambda pids: len(pids) == 2, path='/', socket='web-2')


def test_a_service_of_other_workers_is_imported_and_serves(t):
    """A WSGI application would have no worker, or each gunicorn would start several."""
    t.skip_unless(os.path.exists(GUNICORN), 'no gunicorn: apt-get install gunicorn')
    t.file('site_wsgi.py', WSGI)
    t.file('gunicorn.conf.py', 'workers = 2\nthreads = 2\ntimeout = 20\nmax_requests = 1000\n'
           'bind = "127.0.0.1:0"\nwsgi_app = "site_wsgi"\n')
    text, _ = _import(t, 'gunicorn')
    reeve = t.reeve(config=_here(text, t, gunicorn=GUNICORN))
    reeve.wait_ready(2)
    reeve.wait_pids(lambda pids: len(pids) == 2, path='/')


def test_a_unit_is_imported_with_its_user_and_its_environment(t):
    """The service would run as root, in another directory, without its variables."""
    t.skip_unless_root()
    t.file('site.env', '# c\nSECRET="a b"\nLEVEL=error\n')
    t.file('gunicorn.conf.py', 'import os\nwsgi_app = "a:b"\nworker_class = "asgi"\n'
           'workers = int(os.environ.get("WORKERS", 2))\nloglevel = os.environ["LEVEL"]\n')
    unit = t.file('site.service', f'''[Unit]
Description=x
[Service]
User=nobody
WorkingDirectory={t.dir}
Environment=WORKERS=7 "GREETING=hello, world" \\
    PORT=8123
EnvironmentFile=-/no/such/file
EnvironmentFile={t.dir}/site.env
ExecStart=/bin/false
ExecStart=
ExecStart=-/usr/bin/env gunicorn --bind 127.0.0.1:${{PORT}} --threads 2
UMask=0027
LimitNOFILE=1024:4096
PrivateTmp=yes
[Install]
WantedBy=multi-user.target
''')
    text, report = _import(t, 'gunicorn', unit, cwd='/')
    text = text.replace('uvicorn', '/bin/sh', 1)
    path = t.file('reeve.yaml', text)
    shown = _run(t, 'config', '--print', '-c', path)[1]
    for line in ('workers: 7', 'level: error', 'user: "nobody"', f'cwd: "{t.dir}"', 'umask: 027',
                 'nofile: 4096', f'env_file: "{t.dir}/site.env"', '127.0.0.1:8123', 'GREETING'):
        check(line in shown, f'{line} in', shown)
    _checks(t, text)
    told = {entry['setting']: entry for entry in report['settings']}
    equal(told['User']['from'], 'site.service:4', 'the place')
    check('drop-in' in told['PrivateTmp']['note'], 'what else is there', told['PrivateTmp'])
    equal(told['workers']['becomes'], 'workers: ${WORKERS:-7}', 'still a variable')
    check('runs no gunicorn' in _fails(t, 'gunicorn', t.file(
        'other.service', '[Service]\nExecStart=/bin/true\n')), 'another service')
    check('other.service:2: ' in _fails(t, 'gunicorn', t.file(
        'other.service', '[Service]\nUser\n')), 'nonsense')


def test_the_command_line_of_a_unit_can_be_pasted(t):
    """Its program would be taken for the application, and its packages not be found."""
    t.skip_unless(os.path.exists(GUNICORN), 'no gunicorn: apt-get install gunicorn')
    t.file('c.py', 'import gunicorn, sys\nworkers = 2\nproc_name = sys.executable\n')
    _, report = _import(t, 'gunicorn', '--', GUNICORN, 'a:b', '-c', 'c.py')
    told = {entry['setting']: entry['value'] for entry in report['settings']}
    equal(told['proc_name'], DEBIAN_PYTHON, 'the interpreter of that gunicorn')
    _, report = _import(t, 'gunicorn', '--python', sys.executable, '--', 'a:b', '-c', 'c2.py',
                        env={'PATH': '/usr/bin:/bin'}, cwd=_with(t, 'c2.py', 'import sys\n'
                                                                  'proc_name = sys.executable\n'))
    told = {entry['setting']: entry['value'] for entry in report['settings']}
    equal(os.path.realpath(told['proc_name']), os.path.realpath(sys.executable), '--python')


def _with(t, name, text):
    t.file(name, text)
    return t.dir


def test_programs_come_from_the_virtual_environment(t):
    """uvicorn is in no PATH that a service has, but beside the interpreter."""
    t.skip_unless(os.path.exists(DEBIAN_PYTHON), f'no {DEBIAN_PYTHON}')
    os.makedirs(t.path('venv/bin'))
    t.file('venv/pyvenv.cfg', 'home = /usr/bin\n')
    os.symlink(DEBIAN_PYTHON, t.path('venv/bin/python3'))
    t.file('venv/bin/uvicorn', '#!/bin/sh\n', mode=0o755)
    t.file('venv/bin/gunicorn', f'#!{t.path("venv/bin/python3")}\n', mode=0o755)
    text, _ = _import(t, 'gunicorn', '--', t.path('venv/bin/gunicorn'), 'a:b', '-k',
                      'uvicorn.workers.UvicornWorker')
    check(t.path('venv/bin/uvicorn') in text, 'the program in', text)


def test_what_is_wrong_with_a_gunicorn_file_is_said_in_one_line(t):
    """Who has an error in the file would see a traceback, a hang, or a wrong configuration."""
    def complaint(text, name='bad.py'):
        t.file(name, text)
        return _fails(t, 'gunicorn', '--', 'a:b', '-c', name)
    equal(complaint('workers = 1\ntimeout = (\n'),
          "reeve: bad.py:2: SyntaxError: '(' was never closed", 'syntax')
    equal(complaint('x = 1\nworkers = 1 / 0\n'),
          'reeve: bad.py:2: ZeroDivisionError: division by zero', 'an exception')
    equal(complaint('import sys\nsys.exit("no")\n'),
          'reeve: bad.py:2: it calls sys.exit(no)', 'sys.exit')
    check('it ended Python (7)' in complaint('import os\nos._exit(7)\n'), '_exit')
    check('signal 9' in complaint('import os\nos.kill(os.getpid(), 9)\n'), 'a signal')
    equal(complaint('import os\nbind = os.environ["NOT_SET"]\n'), 'reeve: bad.py:2: it needs the '
          'environment variable NOT_SET, which is not set', 'a variable')
    check("No module named 'no_such'" in complaint('import no_such\n'), 'an import')
    check('bad.py:1: workers ' in complaint('workers = "many"\n'), 'a value')
    check('within' in complaint('while True:\n    pass\n'), 'a loop')
    check('null bytes' in complaint('\0\0'), 'binary')


def test_hostile_gunicorn_files_cost_bounded_time_and_memory(t):
    """A file from somewhere would fill the memory or the terminal."""
    with open(t.path('big.py'), 'wb') as file:
        file.truncate(100 << 20)
    check('larger than' in _fails(t, 'gunicorn', '--', 'a:b', '-c', 'big.py'), '100 MB')
    check('directory' in _fails(t, 'gunicorn', '--', 'a:b', '-c', t.dir), 'a directory')
    check('No such file' in _fails(t, 'gunicorn', '--', 'a:b', '-c', 'none.py'), 'none')
    t.file('loud.py', 'workers = 3\nfor _ in range(100000):\n    print("x" * 100)\n')
    code, text, errors = _run(t, 'import', 'gunicorn', '--', 'a:b', '-c', 'loud.py')
    equal(code, 0, 'what it prints does no harm')
    check('workers: 3' in text and len(errors) < 64 << 10, 'bounded:', len(errors))
    t.file('long.py', 'proc_name = "x" * (8 << 20)\nraw_env = ["A=" + "x" * 9] * 100000\n'
           'workers = 10 ** 10000\n')
    check('workers' in _fails(t, 'gunicorn', '--', 'a:b', '-c', 'long.py'), 'a huge number')
    t.file('again.py', 'from again import *\nworkers = 2\nclass A:\n    pass\n'
           'a = []\na.append(a)\nraw_env = a\n')
    check('raw_env' in _fails(t, 'gunicorn', '--', 'a:b', '-c', 'again.py'), 'in itself')
    t.file('children.py', 'import subprocess\nworkers = 2\n'
           'subprocess.Popen(["sleep", "1000"])\n')
    equal(_run(t, 'import', 'gunicorn', '--', 'a:b', '-c', 'children.py')[0], 0, 'children')


def test_a_file_that_may_not_be_read(t):
    """The complaint would be about something else."""
    t.skip_unless_root()
    t.file('secret.py', 'workers = 1\n', mode=0o600)
    done = subprocess.run(['setpriv', '--reuid=65534', '--clear-groups',
                           t.built('src/cli/reeve'), 'import', 'gunicorn', '--python',
                           DEBIAN_PYTHON, '--', 'a:b', '-c', 'secret.py'],
                          cwd=t.dir, env=t.environment(), capture_output=True, text=True,
                          timeout=60, check=False)
    equal((done.returncode, done.stderr), (78, 'reeve: secret.py: Permission denied\n'), 'refused')


SUPERVISORD_FILES = {
    'shop.supervisor.conf': ({'SHOP_PORT': '8000'}, ['web', 'queue', 'scheduler', 'mailer']),
    'fastcgi.supervisor.conf': ({}, ['asgi', 'php']),
    'numbered.supervisor.conf': ({'SECONDS': '1', 'COPIES': '2'},
                                 ['tornado-5', 'tornado-6', 'tornado-7', 'one']),
    'minimal.supervisor.conf': ({}, ['cat']),
}


def test_every_supervisord_file_becomes_a_valid_configuration(t):
    """Who runs supervisord could not move, or would lose a setting without being told."""
    t.skip_unless_root()
    for name, (env, pools) in SUPERVISORD_FILES.items():
        text, report = _import(t, 'supervisord', os.path.join(HERE, name))
        text = text.replace('cwd: /srv/app', f'cwd: {t.dir}').replace('/usr/bin/uvicorn', '/bin/sh')
        said = _checks(t, text, env)
        equal([line for line in said.split('\n') if line and line[0] not in ' '], pools,
              f'pools of {name}')
        places = {entry['from'] for entry in report['settings']}
        for file in ([name, 'conf.d/mailer.conf'] if name.startswith('shop') else [name]):
            with open(os.path.join(HERE, file), encoding='utf-8') as lines:
                for number, line in enumerate(lines, 1):
                    if re.match(r'[a-z_.]+ ?=', line):
                        section_only = 'rpcinterface_factory', 'file=', 'chmod=', 'serverurl=', \
                            'programs=', 'events=', 'command=memmon', 'files ='
                        told = f'{file}:{number}' in places
                        check(told or any(word in line for word in section_only),
                              f'{file}:{number} is not told of')


def test_programs_of_supervisord_are_imported_and_serve(t):
    """What expects its socket as descriptor 0 would find none."""
    t.skip_unless(os.path.exists(UVICORN), 'no uvicorn: apt-get install uvicorn')
    t.file('site_asgi.py', ASGI)
    t.file('on_zero.py', ON_ZERO)
    t.file('s.conf', f'''
[fcgi-program:asgi]
socket=tcp://127.0.0.1:0
command={UVICORN} --fd 0 site_asgi:application
directory=%(here)s
numprocs=2
[fcgi-program:zero]
socket=unix://%(here)s/%(program_name)s.sock
command={DEBIAN_PYTHON} 'on_zero.py'
directory=%(here)s
[program:job]
command=/bin/sh -c 'echo "%(program_name)s %(process_num)s" >> ran; exec sleep 1000'
directory=%(here)s
numprocs=2
startsecs=0
''')
    text, _ = _import(t, 'supervisord', 's.conf')
    reeve = t.reeve(config=text)
    reeve.wait_ready(2, 'asgi')
    reeve.wait_ready(1, 'zero')
    reeve.wait_ready(2, 'job')
    reeve.wait_pids(lambda pids: len(pids) == 2, path='/', pool='asgi')
    equal(int(reeve.get('/', pool='zero')), reeve.worker(pool='zero').pid, 'who answers')
    equal(sorted(t.wait_file('ran', 2)), [['job', '0'], ['job', '1']], 'what the jobs were told')


def test_a_procfile_is_imported_and_serves(t):
    """The web would listen on another port than the platform's, and not know its .env."""
    t.file('Procfile', f'''web: {DEBIAN_PYTHON} -m http.server --bind 0.0.0.0 $PORT
job: cat $WHAT; exec sleep 1000
release: cp Procfile released
''')
    t.file('.env', 'WHAT=.env\n')
    text, report = _import(t, 'procfile')
    equal({entry['setting']: entry['fate'] for entry in report['settings']},
          {'web': 'carried over', 'job': 'meant differently', 'release': 'carried over'}, 'fates')
    port = str(net.free_port())
    reeve = t.reeve(config=text, env={'PORT': port, 'WEB_CONCURRENCY': '2'})
    reeve.wait_ready(2)
    reeve.wait_ready(1, 'job')
    equal(reeve.address().rsplit(':', 1)[1], port, 'the port of the platform')
    check('web: ' in net.get(f'127.0.0.1:{port}', '/released'), 'what the release made')


def test_every_procfile_becomes_a_valid_configuration(t):
    """A Procfile as platforms run it would be refused, or a process be left out."""
    for name, pools in (('procfile', ['web', 'worker', 'clock', 'log']),
                        ('worker_procfile', ['web', 'jobs'])):
        text, _ = _import(t, 'procfile', os.path.join(HERE, name, 'Procfile'))
        for program in ('uvicorn', 'celery'):
            text = text.replace(f'"{program}"', '"/bin/sh"')
        said = _checks(t, text)
        equal([line for line in said.split('\n') if line and line[0] not in ' n'], pools, name)


def test_what_is_wrong_with_other_files_is_said_in_one_line(t):
    """Who has an error in the file would see a wrong configuration, or wait for ever."""
    def complaint(kind, text):
        t.file('bad', text)
        return _fails(t, kind, 'bad')
    check('bad:2: is neither' in complaint('supervisord', '[program:x]\nnonsense\n'), 'a line')
    check('bad:2: command has %(x)s' in complaint('supervisord', '[program:x]\ncommand=%(x)s\n'),
          'a name')
    check('no program' in complaint('supervisord', ''), 'an empty file')
    check('NUL' in complaint('supervisord', '\0' * 1000), 'a binary file')
    check('bad:1' in complaint('procfile', 'nonsense\n'), 'a Procfile')
    with open(t.path('big'), 'wb') as file:
        file.truncate(100 << 20)
    for kind in ('supervisord', 'procfile'):
        check('No such file' in _fails(t, kind, 'none'), 'none')
        check('directory' in _fails(t, kind, t.dir), 'a directory')
        check('larger than' in _fails(t, kind, 'big'), '100 MB')
    t.file('own.conf', '[include]\nfiles=own.conf own.conf\n[program:x]\ncommand=/bin/cat\n')
    equal(_run(t, 'import', 'supervisord', 'own.conf')[0], 0, 'a file that includes itself')


def test_wrong_usage_is_refused_before_anything_is_executed(t):
    """A script could not tell a typing error from a bad configuration."""
    for words, said in (
            (['gunicron', 'x'], 'did you mean gunicorn?'),
            (['gunicorn', 'x.py', '--', 'a:b'], '-c'),
            (['gunicorn', '--', 'a:b', '--wrokers', '4'], 'did you mean --workers?'),
            (['gunicorn', '--report', 'xml'], 'text|json|none'),
            (['gunicorn', '--forec'], '--forec'),
            (['procfile', '--', 'a'], 'only import gunicorn'),
            (['procfile', '--client'], 'gunicorn'),
            (['supervisord'], 'FILE')):
        check(said in _fails(t, *words, code=2), f'{words}: {said}')


def test_a_file_that_is_there_is_not_replaced(t):
    """A second import would overwrite a configuration that was edited since."""
    t.file('gunicorn.conf.py', 'wsgi_app = "a:b"\n')
    out = t.file('out.yaml', 'mine')
    check('--force' in _fails(t, 'gunicorn', '-o', out, code=1), 'the way out')
    with open(out, encoding='utf-8') as file:
        equal(file.read(), 'mine', 'the file')
    equal(_run(t, 'import', 'gunicorn', '-o', out, '--force', '--report', 'none'), (0, '', ''),
          'forced, in silence')
    code, text, _ = _run(t, 'import', 'gunicorn')
    with open(out, encoding='utf-8') as file:
        equal((code, file.read()), (0, text), 'the file')


if __name__ == '__main__':
    runner.main(globals())
