#!/usr/bin/env python3
"""Workers that were written for other socket managers: einhorn and Server::Starter."""
import os
import shutil

import runner
from harness import check, equal
from speaker import speaker, start

JSON_ACK = '{"command": "worker:ack", "pid": PID}'
YAML_ACK = '---%0Acommand: worker:ack%0Apid: PID%0A'
YAML_PING = '---%0Acommand: worker:ping%0Apid: PID%0Aid: loop%0A'

# As baseplate and goji do it, word by word: the master is the parent, the sockets are counted, each
# has its family, and the acknowledgement goes to the socket with a path.
EINHORN_WORKER = '''
import json, os, socket, sys
assert int(os.environ['EINHORN_MASTER_PID']) == os.getppid(), 'not under einhorn'
count = int(os.environ['EINHORN_FD_COUNT'])
fds = [int(os.environ[f'EINHORN_FD_{i}']) for i in range(count)]
assert os.environ['EINHORN_FDS'] == ' '.join(map(str, fds))
families = [getattr(socket, os.environ.get(f'EINHORN_FD_FAMILY_{i}', 'AF_INET'))
            for i in range(count)]
listeners = [socket.fromfd(fd, family, socket.SOCK_STREAM) for fd, family in zip(fds, families)]
assert families == [listener.family for listener in listeners], families
with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as master:
    master.connect(os.environ['EINHORN_SOCK_PATH'])
    ack = {'command': 'worker:ack', 'pid': os.getpid()}
    master.sendall(json.dumps(ack).encode() + b'\\n')
while True:
    connection = listeners[0].accept()[0]
    connection.recv(4096)
    body = f"{os.getpid()} {os.environ['EINHORN_CHILD_INDEX']}".encode()
    head = b'HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: %d\\r\\n\\r\\n'
    connection.sendall(head % len(body) + body)
    connection.close()
'''


def test_a_worker_of_einhorn(t):
    """A worker written for einhorn would not start, or serve before it has acknowledged."""
    script = t.file('worker.py', EINHORN_WORKER)
    extra = {'RUNTIME_DIRECTORY': t.path('run')}
    reeve = t.web('--listen', f'local=unix:{t.path("local.sock")}', '--compat', 'einhorn',
                  '--ready', 'native', env=extra, workers=2,
                  command=['python3', '-S', script])
    reeve.wait_ready(2)
    equal({event['by'] for event in reeve.find('worker_ready')}, {'word'}, 'what made them ready')
    pid, index = reeve.get('/').split()
    check(int(pid) in [event['pid'] for event in reeve.find('worker_ready')], 'who answers', pid)
    check(index in ('0', '1'), 'which one it is', index)


def test_every_way_to_acknowledge(t):
    """einhorn's clients speak JSON, YAML with escapes, or use the connection that they inherit."""
    for words, answers in (((f'einhorn:{JSON_ACK}',), 1), ((f'einhorn:{YAML_ACK}',), 2),
                           ((f'einhorn-fd:{YAML_ACK}',), 2),
                           (('einhorn:{"command": "ehlo"}', f'einhorn-fd:{JSON_ACK}'), 3)):
        reeve = start(t, '--compat', 'einhorn', '--ready', 'native', words=words)
        equal(reeve.wait_for('worker_ready')['by'], 'word', words)
        lines = t.wait_file('answers', lines=answers)
        reeve.stop()
    equal(lines[:2], [['-'], ['-']], 'an acknowledgement is not answered, the connection ends')
    refusal = ' '.join(lines[2])
    check(refusal.startswith('---%0A') and refusal.endswith('%0A'), 'a well-formed answer', refusal)


def test_pings_are_signs_of_life(t):
    """A worker that has pinged and stops would not be found hung, as einhorn would find it."""
    reeve = start(t, '--compat', 'einhorn', '--ready', 'native', '--timeout', '1s',
                  words=(f'einhorn:{JSON_ACK}', f'einhorn-fd:{YAML_PING}'))
    hang = reeve.wait_for('hang')
    equal(hang['by'], 'watchdog', 'what told it')
    reeve.wait_for('worker_died', pid=hang['pid'], reason='hang')


def test_garbage_on_the_einhorn_socket(t):
    """Bytes that are no command would be believed, kept for ever, or bring reeve down."""
    words = ('einhorn:nonsense', 'einhorn:' + 'x' * 3000, 'einhorn:%%%0', 'einhorn:' + '{' * 500,
             'einhorn:{"command": "worker:ack", "pid": "x"}',
             'einhorn:{"command": "worker:ack"}', f'einhorn:{JSON_ACK}')
    reeve = start(t, '--compat', 'einhorn', '--ready', 'native', words=words)
    reeve.wait_for('garbage', channel='einhorn')
    reeve.wait_for('worker_ready')
    equal(len(reeve.find('garbage')), 1, 'it is said once')
    equal(len(reeve.find('worker_ready')), 1, 'one acknowledgement counts')


def test_what_server_starter_says(t):
    """h2o, Starlet and their like find their sockets by this variable, or do not start."""
    extra = {'RUNTIME_DIRECTORY': t.path('run')}
    reeve = t.web('--listen', f'local=unix:{t.path("local.sock")}', '--compat', 'server-starter',
                  '--ready-after', '100ms', '--ready', 'delay', env=extra,
                  command=speaker('env:env'))
    env = t.wait_json(f'env.{reeve.worker().pid}')
    addresses = [event['address'] for event in reeve.find('listening')]
    wanted = ';'.join(f'{address.removeprefix("tcp://").removeprefix("unix:")}={fd}'
                      for fd, address in enumerate(addresses, 3))
    equal(env['SERVER_STARTER_PORT'], wanted, 'the sockets')
    equal(env['SERVER_STARTER_GENERATION'], '1', 'the generation')
    reeve.stop()
    alone = start(t, '--compat', 'server-starter', '--ready-after', '100ms',
                  command=speaker('env:other'))
    env = t.wait_json(f'other.{alone.worker().pid}')
    check('SERVER_STARTER_PORT' not in env, 'an empty list is a mistake to h2o', env)


PSGI = 'sub { [200, ["Content-Type", "text/plain", "Content-Length", length($$)], ["$$"]] }\n'


def test_starlet(t):
    """Starlet takes its socket as Server::Starter hands it over, or binds a port of its own."""
    t.skip_unless(os.path.exists('/usr/share/perl5/Plack/Handler/Starlet.pm'), 'needs starlet')
    app = t.file('app.psgi', PSGI)
    reeve = t.web('--compat', 'server-starter', workers=2,
                  command=['plackup', '-s', 'Starlet', '--max-workers', '0', app])
    first = reeve.wait_ready(2)
    seen = reeve.wait_pids(lambda pids: len(pids) == 2, path='/')
    equal(seen, set(first), 'who answers')
    victim = reeve.worker()
    victim.signal(9)
    reeve.successor(victim)
    reeve.wait_pids(lambda pids: len(pids - {victim.pid}) == 2, path='/')


def test_starman(t):
    """Starman takes its socket as Server::Starter hands it over, or binds a port of its own."""
    t.skip_unless(shutil.which('starman'), 'needs starman')
    app = t.file('app.psgi', PSGI)
    reeve = t.web('--compat', 'server-starter', '--stop-signal', 'QUIT', '--ready', 'auto',
                  command=['starman', '--workers', '1', '--listen', '127.0.0.1:{port:web}', app])
    reeve.wait_for('worker_ready')
    check(int(reeve.get('/')) > 0, 'it serves')


def test_compat_needs_sockets_that_are_inherited(t):
    """Variables that name descriptors which are not there would make a worker serve nobody."""
    code, stderr = t.run('--listen', '127.0.0.1:0', '--handoff', 'receive', '--compat', 'einhorn',
                         command=['true'])
    equal(code, 78, 'exit code')
    check('compat' in stderr and 'inherit' in stderr, 'the reason', stderr)
    code, stderr = t.run('--compat', 'unicorn', command=['true'])
    equal(code, 78, 'exit code')
    check('neither einhorn nor server-starter' in stderr, 'the reason', stderr)


if __name__ == '__main__':
    runner.main(globals())
