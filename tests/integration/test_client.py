#!/usr/bin/env python3
"""The client against daemons that are older, newer, in trouble or not there."""
import copy
import os
import socket
import threading

import runner
from client import ask, tell
from fake_daemon import STATUS, FakeDaemon, event
from harness import check, equal

DONE = (200, {'verdict': 'done', 'text': 'so be it'})


def _fake(t, answers=None, events=None):
    fake = FakeDaemon(t.path('admin.sock'), answers, events)
    t.cleanups.append(fake.close)
    return fake


def _close(t):
    """Ends the fake daemon before the test looks for what is left."""
    for cleanup in reversed(t.cleanups):
        cleanup()
    t.cleanups.clear()


def test_daemons_of_other_versions_are_understood(t):
    """After an upgrade of either side, nobody could see or change anything until a restart."""
    newer = copy.deepcopy(STATUS)
    newer['version'] = '0.2.0'
    newer['shards'] = {'a': [1, {'b': None}]}
    web = newer['pools']['web']
    web['quorum'] = {'needed': 2}
    web['workers'][0].update({'state': 'hibernating', 'numa_node': 1})
    older = {'version': '0.0.9', 'pools': {'web': {'ready': 1, 'workers': [
        {'slot': 0, 'pid': 4712, 'state': 'serving'}]}}}
    answers = {('POST', '/v1/reload'): (200, {'verdict': 'done', 'text': 'ok', 'plan': []})}
    fake = _fake(t, answers, events=[event('worker_ready', {'pool': 'web', 'slot': 1, 'new': {}})])
    for status, words in ((newer, ('0.2.0', 'hibernating', '120331')),
                          (older, ('0.0.9', '4712', 'serving'))):
        fake.answers[('GET', '/v1/status')] = (200, status)
        page = tell(t, 'status', admin=fake.path).out
        for word in words:
            check(word in page, 'not on the page:', word, page)
        check(status['version'] in tell(t, 'status', '--json', admin=fake.path).out, 'as it came')
        equal(tell(t, 'health', 'web', admin=fake.path).code, 0, 'health')
        equal(tell(t, 'reload', admin=fake.path).out, 'ok\n', 'what is said')
    missing = tell(t, 'restart', 'web', admin=fake.path, code=1).err
    check('version' in missing, 'says that the daemon may not know it:', missing)
    _close(t)


def test_answers_decide_the_exit_code(t):
    """A deployment script would go on after a refusal, or stop after a success."""
    fake = _fake(t)
    rows = ((200, 'done', 0), (200, 'unchanged', 0), (202, 'accepted', 0), (400, 'invalid', 1),
            (403, 'invalid', 77), (404, 'unknown', 1), (405, 'invalid', 1), (409, 'conflict', 1),
            (422, 'invalid', 1), (500, 'failed', 1))
    for status, verdict, code in rows:
        answer = (status, {'verdict': verdict, 'text': f'web: it is {verdict}'})
        fake.answers[('POST', '/v1/restart')] = answer
        told = tell(t, 'restart', 'web', admin=fake.path, code=code)
        said = told.err if code else told.out
        wanted = f'web: it is {verdict}\n'
        check(said.endswith(wanted), 'in its own words:', said)
        check(not (told.out if code else told.err), 'nothing on the other stream:', told)
    _close(t)


def test_commands_say_what_was_asked(t):
    """The daemon would do something else than what was typed."""
    fake = _fake(t, {('POST', f'/v1/{name}'): DONE for name in (
        'reload', 'scale', 'start', 'stop', 'restart', 'signal', 'log-level', 'shutdown')})
    rows = (
        ('reload', '/v1/reload', {}),
        ('reload web --changed --no-wait', '/v1/reload',
         {'pool': 'web', 'changed': True, 'wait': False}),
        ('scale web=8', '/v1/scale', {'pool': 'web', 'workers': '8'}),
        ('scale web=-2', '/v1/scale', {'pool': 'web', 'workers': '-2'}),
        ('scale -1 --no-wait', '/v1/scale', {'workers': '-1', 'wait': False}),
        ('scale +1', '/v1/scale', {'workers': '+1'}),
        ('start web/3', '/v1/start', {'target': 'web/3'}),
        ('stop web --no-wait', '/v1/stop', {'target': 'web', 'wait': False}),
        ('restart web', '/v1/restart', {'target': 'web'}),
        ('signal web/0 USR1', '/v1/signal', {'target': 'web/0', 'signal': 'USR1'}),
        ('log-level debug', '/v1/log-level', {'level': 'debug'}),
        ('shutdown --fast --no-wait', '/v1/shutdown', {'mode': 'fast'}),
    )
    for words, path, body in rows:
        equal(tell(t, *words.split(), admin=fake.path).out, 'so be it\n', words)
        equal(fake.asked.pop(), (path, body), words)
    _close(t)


def test_progress_is_shown_while_a_command_waits(t):
    """A reload of many slow workers would look as if it hung."""
    sent = threading.Event()
    first, second = ({'pool': 'web', 'slot': slot} for slot in range(2))
    fake = _fake(t, events=[event('worker_ready', first), event('rotation', first),
                            event('worker_ready', second), sent.set])
    fake.answers[('POST', '/v1/reload')] = lambda: sent.wait() and DONE
    told = tell(t, 'reload', admin=fake.path)
    equal(told.err, 'web: 1/2 ready, waiting until it is stable\nweb: 1/2 replaced\n'
          'web: 2/2 replaced\n', 'progress')
    equal(told.out, 'so be it\n', 'the answer')
    _close(t)


def test_a_daemon_that_goes_away_is_an_error_and_not_a_hang(t):
    """A script that waits for a reload would wait for ever, or take the silence for a success."""
    fake = _fake(t, {('POST', '/v1/reload'): lambda: None, ('GET', '/v1/status'): (200, b'{"po')})
    told = tell(t, 'reload', '--no-wait', admin=fake.path, code=1)
    check('went away' in told.err and fake.path in told.err, 'says so:', told.err)
    told = tell(t, 'status', admin=fake.path, code=1)
    check('no JSON' in told.err, 'says so:', told.err)
    fake.events = [event('worker_ready', {'pool': 'web', 'slot': 0})]
    told = tell(t, 'events', '-f', admin=fake.path, code=1)
    check('worker_ready' in told.out and 'ended' in told.err, 'says so:', told)
    fake.events = [event('stopped', {'exit_code': 0})]
    tell(t, 'events', '-f', admin=fake.path)
    _close(t)


def test_shutdown_waits_until_the_daemon_is_gone(t):
    """What is started after `reeve shutdown` would find the port still taken."""
    told_to = threading.Event()
    fake = _fake(t, events=[told_to.wait, event('worker_died', {'pool': 'web', 'pid': 4712})])

    def accept():
        told_to.set()
        return 202, {'verdict': 'accepted', 'text': 'stopping'}
    fake.answers[('POST', '/v1/shutdown')] = accept
    told = tell(t, 'shutdown', admin=fake.path)
    equal((told.out, told.err), ('reeve has ended\n', 'web: 1/2 stopped\n'), 'what is said')
    told_to.clear()
    fake.events = None
    fake.answers[('POST', '/v1/shutdown')] = (403, {'verdict': 'invalid', 'text': 'not you'})
    fake.answers[('GET', '/v1/events')] = (403, {'verdict': 'invalid', 'text': 'not you'})
    told = tell(t, 'shutdown', '--no-wait', admin=fake.path, code=77)
    check('not you' in told.err, 'says why:', told.err)
    _close(t)


def test_where_nobody_answers_the_path_and_the_way_out_are_named(t):
    """Whoever mistypes a path, or whose reeve has died, would not know which of both it was."""
    dead = t.path('dead.sock')
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(dead)
    plain = t.file('plain', '')
    for path in (t.path('none.sock'), dead, plain, '/' + 'x' * 200):
        for words in (['status'], ['reload'], ['events', '-f'], ['shutdown']):
            told = tell(t, *words, admin=path, code=69)
            check(path in told.err and '--admin' in told.err, 'names it:', told.err)
        told = tell(t, 'health', admin=path, code=1)
        check(path in told.err and told.err.count('\n') == 1, 'one line:', told.err)
    os.unlink(dead)
    told = tell(t, 'status', env={'REEVE_ADMIN': t.path('env.sock')}, code=69)
    check('env.sock' in told.err, 'the environment counts:', told.err)
    told = tell(t, 'status', '--name', 'blue', env={'RUNTIME_DIRECTORY': None,
                                                   'XDG_RUNTIME_DIR': t.dir}, code=69)
    check('blue/admin.sock' in told.err, 'the name counts:', told.err)
    told = ask(t, 'status', env={'REEVE_ADMIN': 'none'})
    check(told.code == 69 and 'turned off' in told.err, 'none:', told.err)


def test_who_may_not_open_the_socket_is_told_so(t):
    """"Permission denied" would be taken for a daemon that is not there."""
    t.skip_unless_root()
    fake = _fake(t)
    os.chmod(fake.path, 0o600)
    told = tell(t, 'status', admin=fake.path, user=65534, code=77)
    check(fake.path in told.err and 'group' in told.err, 'the way out:', told.err)
    _close(t)


def test_a_socket_that_never_answers_is_given_up(t):
    """A health check would pile up processes in front of a daemon that hangs."""
    path = t.path('deaf.sock')
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(8)
        told = tell(t, 'health', admin=path, code=1)
        check('nothing came within' in told.err, 'says so:', told.err)
    os.unlink(path)


if __name__ == '__main__':
    runner.main(globals())
