#!/usr/bin/env python3
"""Access logs and slow requests of workers that speak with reeve, and the rotation of log files."""
import json
import os
import re
import signal

import net
import runner
from harness import check, equal, patient, pause

COMBINED = re.compile(
    r'(\S+) - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] '
    r'"(\S+) (\S+) (HTTP/1\.[01])" (\d{3}) (\d+) "([^"]*)" "([^"]*)"')


def read_lines(path):
    try:
        with open(path, encoding='utf-8') as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def wait_lines(path, count):
    """Waits until the file has so many lines; returns them."""
    return patient(lambda left: (len(read_lines(path)) >= count and read_lines(path))
                   or pause(min(left, 0.02)), f'{count} lines in {path}')


def test_each_request_has_its_line(t):
    """Requests would be missing in the access log, or be there twice."""
    path = t.path('access.log')
    reeve = t.web('--access-log', path, workers=2)
    reeve.wait_ready(2)
    asked = [f'/pid?n={number}' for number in range(40)]
    for target in asked:
        with net.connect(reeve.address()) as connection:
            connection.sendall(f'GET {target} HTTP/1.1\r\nHost: x\r\nReferer: http://a/\r\n'
                               f'User-Agent: probe "1"\r\nConnection: close\r\n\r\n'.encode())
            equal(net.answer(connection)[0], 404, 'status')
    lines = wait_lines(path, len(asked))
    equal(len(lines), len(asked), 'lines')
    found = [COMBINED.fullmatch(line.replace('\\"', "'")) for line in lines]
    check(all(found), 'a line is of another form', lines)
    equal(sorted(match[3] for match in found), sorted(asked), 'targets')
    for match in found:
        equal(match.group(1, 2, 4, 5, 6, 7, 8),
              ('127.0.0.1', 'GET', 'HTTP/1.1', '404', '10', 'http://a/', "probe '1'"), 'a line')


def test_the_access_log_on_stdout(t):
    """In a container there would be no access log, or it would be mixed with the error log."""
    reader, writer = os.pipe()
    with os.fdopen(reader, 'rb') as log:
        reeve = t.web('--access-log', '-', '--access-log-format', 'json', workers=1,
                      stdout=writer)
        os.close(writer)
        pid = reeve.wait_ready(1)[0]
        reeve.get('/pid')
        line = json.loads(log.readline())
        equal((line['method'], line['target'], line['status'], line['pid'], line['pool'],
               line['slot'], line['user_agent']),
              ('GET', '/pid', 200, pid, 'web', 0, None), 'the line')
        check(0 <= line['seconds'] < 10, 'seconds', line)


def test_no_access_log_unless_asked_for(t):
    """Each request would cost a line that nobody wants."""
    reader, writer = os.pipe()
    with os.fdopen(reader, 'rb') as log:
        reeve = t.web(workers=1, stdout=writer)
        os.close(writer)
        reeve.wait_ready(1)
        reeve.get('/pid')
        reeve.stop()
        equal(log.read(), b'', 'stdout')


def test_rotation_by_rename(t):
    """After logrotate's `create` the logs would go on into the files that were moved away."""
    access = t.path('access.log')
    own = t.path('reeve.log')
    with open(own, 'wb') as log:
        reeve = t.web('--access-log', access, workers=2, read=False, stderr=log)
    address = _address(t, own)
    net.get(address)
    wait_lines(access, 1)
    for path in (access, own):
        os.rename(path, path + '.1')
        t.file(os.path.basename(path), '', mode=0o600)
    reeve.signal(signal.SIGUSR1)
    _wait_event(own, 'logs_reopened', files=1, workers=2)

    # The workers read the word with their next turn.
    def moved(left):
        net.get(address)
        return read_lines(access) or pause(min(left, 0.02))
    patient(moved, 'a line in the new file')
    check(len(read_lines(access + '.1')) >= 1, 'the old file keeps its lines')
    events = [json.loads(line)['event'] for line in read_lines(own + '.1')]
    check('pool_ready' in events and 'logs_reopened' not in events, 'the old log', events)
    equal(os.stat(own).st_mode & 0o777, 0o600, 'the mode of the file that logrotate made')


def test_rotation_by_truncation(t):
    """After logrotate's `copytruncate` a log would begin with a hole as long as the old one."""
    access = t.path('access.log')
    own = t.path('reeve.log')
    with open(own, 'wb') as log:
        reeve = t.web('--access-log', access, workers=1, read=False, stderr=log)
    address = _address(t, own)
    net.get(address)
    wait_lines(access, 1)
    os.truncate(access, 0)
    os.truncate(own, 0)
    reeve.signal(signal.SIGUSR1)
    _wait_event(own, 'logs_reopened')
    net.get(address)
    lines = wait_lines(access, 1)
    check(COMBINED.fullmatch(lines[0]), 'the access log begins with a line', lines[:1])
    with open(own, 'rb') as log:
        check(log.read(1) == b'{', 'the log begins with a line')


def test_what_knows_nothing_of_reeve_gets_no_signal(t):
    """A program that does not expect USR1 would die whenever logs are rotated."""
    reeve = t.web(workers=2, command=t.plain_worker)
    pids = set(reeve.wait_ready(2))
    reeve.signal(signal.SIGUSR1)
    equal(reeve.wait_for('logs_reopened')['workers'], 0, 'workers that were told')
    equal(reeve.wait_pids(lambda seen: len(seen) == 2), pids, 'who serves')
    reeve.never('worker_died')
    reeve.never('signal_sent')


def test_slow_requests_are_named(t):
    """An operator would know that something is slow and not what."""
    reeve = t.web('--slow-request', '200ms', '--beat-interval', '50ms', workers=1)
    pid = reeve.wait_ready(1)[0]
    with net.connect(reeve.address()) as connection:
        net.request(connection, '/sleep?ms=2000')
        # Told while it is under way.
        slow = reeve.wait_for('slow_request')
        equal((slow['pid'], slow['method'], slow['target'], slow['limit_seconds']),
              (pid, 'GET', '/sleep?ms=2000', 0.2), 'the record')
        check(0.2 <= slow['seconds'] < 2, 'seconds', slow)
        reeve.get('/block?ms=300')
        reeve.wait_for('slow_request', target='/block?ms=300')
        reeve.get('/pid')
        reeve.get('/sleep?ms=1')
    equal(len(reeve.find('slow_request')), 2, 'records')


def test_reports_of_slow_requests_are_not_trusted(t):
    """A mad worker could fill the log, forge its lines, or end the supervisor by its reports."""
    reeve = t.web('--slow-request', '1s', workers=2,
                  command=t.misbehave('tell-slow', 240, '--serve', '--on', 'usr1'))
    pids = set(reeve.wait_ready(2))
    victim = reeve.worker(slot=1)
    victim.signal(signal.SIGUSR1)
    reeve.wait_for('garbage', pid=victim.pid, channel='control')
    # More reports than are recorded in a second, and almost as much garbage as a channel may bring.
    slow = reeve.wait_for('slow_request', count=20, pid=victim.pid)
    equal(slow['target'], '/\\x1b[2J\\"\\x0aforged=1\\\\\\xff', 'the target is escaped')
    pause(0.5)
    check(len(reeve.find('slow_request')) <= 40, 'records', len(reeve.find('slow_request')))
    equal(reeve.wait_pids(lambda seen: len(seen) == 2), pids, 'who serves')
    reeve.never('worker_died')


def _wait_event(path, name, **fields):
    """Waits for an event in a log file."""
    def look(left):
        for line in read_lines(path):
            event = json.loads(line) if line.startswith('{') and line.endswith('}') else {}
            if event.get('event') == name and fields.items() <= event.items():
                return event
        return pause(min(left, 0.02))
    return patient(look, f'{name} in {path}')


def _address(t, path):
    """Where a reeve listens that logs to a file and has begun to serve."""
    _wait_event(path, 'pool_ready', complete=True)
    return _wait_event(path, 'listening')['address']


if __name__ == '__main__':
    runner.main(globals())
