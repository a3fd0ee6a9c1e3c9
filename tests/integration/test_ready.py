#!/usr/bin/env python3
"""What makes a worker ready that knows nothing of reeve: a line, a connection, an answer."""
import os
import signal
import socket

import runner
from harness import check, descriptors, equal, pause
from speaker import speaker, start, wait_worker


def test_a_line_on_a_descriptor(t):
    """Programs written for s6 or dinit would never be ready, or before they are."""
    reeve = start(t, '--ready', 'newline', words=('env:env', 'usr1', 'line:up and running'))
    started = reeve.wait_for('worker_started')
    pause(0.3)
    reeve.never('worker_ready')
    t.wait_json(f'env.{started["pid"]}')
    t.handle(started['pid']).signal(signal.SIGUSR1)
    ready = reeve.wait_for('worker_ready')
    equal(ready['by'], 'newline', 'what made it ready')
    equal(wait_worker(t, 'its sign', lambda one: one['ready_by'])['ready_by'], 'newline', 'shown')
    reeve.never('garbage')


def test_the_descriptor_is_named_in_arguments(t):
    """s6 services take the number from their command line, where it must stand."""
    reeve = t.web('--ready', 'newline', command=[
        '/bin/sh', '-c', 'test "$0" = "$NOTIFY_FD" && echo ready >&"$0" && exec sleep 1000',
        '{ready_fd}'])
    equal(reeve.wait_for('worker_ready')['by'], 'newline', 'what made it ready')


def test_a_line_that_never_comes(t):
    """A service that ends its line early, or never, would serve without being ready."""
    line = 'test -e once && printf loading >&3 || echo ready >&3; : >once; exec sleep 1000 3>&-'
    reeve = start(t, '--ready', 'newline', '--start-timeout', '200ms', '--backoff-min', '200ms',
                  '--backoff-max', '300ms', command=['/bin/sh', '-c', line])
    reeve.worker().signal(signal.SIGKILL)
    reeve.wait_for('backoff')
    before = len(descriptors(reeve.pid))  # while there is no worker
    reeve.wait_for('backoff', count=5)
    equal(len(reeve.find('worker_ready')), 1, 'workers that were held ready')
    reeve.wait_descriptors(before)


def test_a_connection_that_succeeds(t):
    """A worker that binds a port of its own would count as ready before anybody listens there."""
    path = t.path('own.sock')
    reeve = start(t, '--ready', 'tcp', '--ready-address', f'unix:{path}.{{incarnation}}',
                  command=speaker('usr1', f'listen:{path}.1'))
    started = reeve.wait_for('worker_started')
    pause(0.3)
    reeve.never('worker_ready')
    t.handle(started['pid']).signal(signal.SIGUSR1)
    equal(reeve.wait_for('worker_ready')['by'], 'probe', 'what made it ready')
    reeve.stop()
    os.unlink(f'{path}.1')


def _http(t, *words, **options):
    """A worker that answers so on a path of its own."""
    path = t.path('own.sock')
    return start(t, '--ready', 'http', '--ready-path', '/up',
                 '--ready-address', f'unix:{path}.{{incarnation}}',
                 command=speaker(f'listen:{path}.1', *words), **options)


def _end(t, reeve):
    reeve.stop()
    os.unlink(t.path('own.sock.1'))


def test_an_answer_that_says_yes(t):
    """A worker that listens before it can answer would get requests that it cannot serve."""
    reeve = _http(t, 'usr1', r'answer:HTTP/1.1 204 No Content\r\n\r\n')
    started = reeve.wait_for('worker_started')
    pause(0.3)    # it listens, but does not answer
    reeve.never('worker_ready')
    t.handle(started['pid']).signal(signal.SIGUSR1)
    equal(reeve.wait_for('worker_ready')['by'], 'probe', 'what made it ready')
    _end(t, reeve)


def test_answers_that_say_no(t):
    """An error page, or something that is no HTTP, would be taken for a worker that is well."""
    for answer in (r'HTTP/1.1 503 Not Yet\r\n\r\n', r'220 mail ready\r\n', 'HTTP/1.1 2', ''):
        reeve = _http(t, f'answer:{answer}')
        reeve.wait_for('worker_started')
        pause(0.5)
        reeve.never('worker_ready')
        _end(t, reeve)


def test_a_singleton_with_a_port_of_its_own(t):
    """Whoever binds a fixed port would be asked at another place, or never."""
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(('127.0.0.1', 0))
        port = reserved.getsockname()[1]
        reeve = start(t, '--ready', 'http', '--update', 'recreate',
                      '--ready-address', f'127.0.0.1:{port}',
                      command=speaker('usr1', f'listen:127.0.0.1:{port}',
                                      r'answer:HTTP/1.0 301 There\r\n\r\n'))
        started = reeve.wait_for('worker_started')
        pause(0.3)
        reeve.never('worker_ready')
        t.handle(started['pid']).signal(signal.SIGUSR1)
        equal(reeve.wait_for('worker_ready')['by'], 'probe', 'what made it ready')


def test_probes_that_would_say_nothing_are_refused(t):
    """reeve listens on a pool's sockets itself, so a connection to them always succeeds."""
    for options, text in (
            (('--listen', '127.0.0.1:0', '--ready', 'tcp'), 'reeve itself listens'),
            (('--ready', 'http'), 'need a ready_address'),
            (('--listen', '127.0.0.1:8123', '--ready', 'tcp', '--update', 'recreate', '--workers',
              '1', '--ready-address', '127.0.0.1:8123'), 'is a socket of the pool'),
            (('--ready', 'tcp', '--ready-address', '127.0.0.1:81', '--workers', '2'),
             'the same for all workers'),
            (('--ready', 'tcp', '--ready-address', '127.0.0.1:81', '--workers', '1'),
             'answered by the predecessor'),
            (('--ready', 'tcp', '--ready-address', 'localhost:81', '--workers', '1'),
             'names are not looked up')):
        code, stderr = t.run(*options, command=['true'])
        equal(code, 78, f'exit code with {options}')
        check(text in stderr, 'the reason', stderr)


if __name__ == '__main__':
    runner.main(globals())
