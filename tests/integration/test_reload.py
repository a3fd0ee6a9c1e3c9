#!/usr/bin/env python3
"""Reload and change: what runs is brought to another configuration, and no request notices."""
import os
import signal

import runner
from change import never_fewer, no_loss, reload, rewrite, scale_by_signals
from harness import check, equal

RELOADS = 20

WEB = '''
pools:
  web:
    command: {command}
    workers: {workers}
    listen: 127.0.0.1:0
    handoff: receive
    stable_after: {stable}
    max_draining: 60
'''


def _config(t, command=None, workers=4, stable='100ms', extra=''):
    text = WEB.format(command=list(command or t.http_worker), workers=workers, stable=stable)
    return text + extra


def test_reloads_under_load(t):
    """A reload would cost some client an error."""
    reeve = t.reeve(config=_config(t))
    reeve.wait_ready(4)
    load = t.loadgen(reeve.address(), '--connections', 32, '--seconds', 0, '--until-eof',
                     '--timeout-ms', 50000, '--fresh', 10, '--idle', 11, '--idle-ms', 6000)
    for _ in range(RELOADS):
        reload(reeve)
    no_loss(t, reeve, load, RELOADS * 2 + 1)
    never_fewer(reeve, 4)


def test_scaling_under_load(t):
    """More workers, or fewer, would cost some client an error."""
    reeve = t.reeve(config=_config(t, workers=3))
    reeve.wait_ready(3)
    load = t.loadgen(reeve.address(), '--connections', 32, '--seconds', 0, '--until-eof',
                     '--timeout-ms', 50000, '--fresh', 10, '--idle', 11, '--idle-ms', 6000)
    scale_by_signals(
        reeve, [signal.SIGTTIN, signal.SIGTTIN, signal.SIGTTOU, signal.SIGTTOU] * 5)
    no_loss(t, reeve, load, 4)
    never_fewer(reeve, 3)


def test_reload_takes_over_what_changed(t):
    """A changed file would have no effect, or only on some workers."""
    reeve = t.reeve(config=_config(t, workers=2))
    old = set(reeve.wait_ready(2))
    rewrite(reeve, _config(t, workers=3, extra='    env: {CHANGED: "yes"}\n'))
    since = reeve.mark()
    reload(reeve)
    seen = reeve.wait_pids(lambda pids: len(pids) == 3 and not pids & old)
    for pid in seen:
        with open(f'/proc/{pid}/environ', 'rb') as file:
            check(b'CHANGED=yes' in file.read().split(b'\0'), 'its environment', pid)
    for event in reeve.find('worker_started', since=since):
        equal(event['generation'], 2, 'generation')
    reeve.stop()


def _fails(t, text, why, stable='2s', limit=120):
    """A reload to this configuration fails, says why, and the old generation serves on."""
    reeve = t.reeve(config=_config(t, stable=stable))
    old = set(reeve.wait_ready(4))
    load = t.loadgen(reeve.address(), '--connections', 16, '--seconds', 0, '--until-eof',
                     '--timeout-ms', 50000, '--fresh', 8, '--idle', 4, '--idle-ms', 500)
    rewrite(reeve, text)
    since = reeve.mark()
    reeve.signal(signal.SIGHUP)
    answer = reeve.wait_for('command_answer', since=since, command='reload', seconds=limit)
    check(answer['verdict'] in ('failed', 'invalid'), 'the verdict', answer)
    check(why in answer['message'], 'why it failed', answer['message'])
    report = t.load_report(load)
    equal(report['failed'], 0, f'failed requests ({report["first_failures"]})')
    equal(reeve.wait_pids(lambda pids: len(pids) == 4), old, 'the old workers')
    # The next one, with what is good, succeeds.
    rewrite(reeve, _config(t, stable=stable))
    reload(reeve)
    reeve.wait_pids(lambda pids: len(pids) == 4 and not pids & old)
    reeve.stop()
    never_fewer(reeve, 4)


def test_reload_to_a_program_that_is_not_there(t):
    """A typo in the new command would end the service."""
    _fails(t, _config(t, command=['/nowhere/worker']), '/nowhere/worker')


def test_reload_to_a_worker_that_dies_at_once(t):
    """A new version that cannot start would end the service."""
    _fails(t, _config(t, command=['/bin/sh', '-c', 'echo no database >&2; exit 9']),
           'no database')


def test_reload_to_a_worker_that_dies_later(t):
    """A new version that dies after a while would have replaced the old one by then."""
    _fails(t, _config(t, command=['/bin/sh', '-c', 'sleep 4; echo too late >&2; exit 9'],
                      stable='10s', extra='    ready: delay\n    ready_after: 500ms\n'),
           'too late', stable='300ms')


def test_reload_to_a_worker_that_is_never_ready(t):
    """A new version that hangs in its boot would keep the reload waiting for ever."""
    _fails(t, _config(t, command=['/bin/sleep', '600'],
                      extra='    ready: native\n    start_timeout: 1s\n'), 'start_timeout')


def test_reload_of_a_file_that_is_none(t):
    """A broken file would stop what runs."""
    _fails(t, 'pools: [', 'reeve.yaml:1')


def test_reload_cures_a_pool_that_failed(t):
    """Who repairs the configuration would have to restart reeve for it to count."""
    sick = '  sick:\n    command: [/bin/sh, -c, "exit 7"]\n    fatal_exit_codes: [7]\n'
    reeve = t.reeve(config=_config(t, workers=1, extra=sick))
    reeve.wait_ready(1)
    reeve.wait_for('slot_failed', pool='sick')
    rewrite(reeve, _config(t, workers=1, extra='  sick:\n    command: [/bin/sleep, "600"]\n'
                            '    ready_after: 100ms\n    stable_after: 100ms\n'))
    reload(reeve)
    reeve.wait_ready(1, pool='sick')
    reeve.stop()


def test_pools_come_and_go(t):
    """A pool that is added or removed would need a restart of everything."""
    both = '  queue:\n    command: [/bin/sleep, "600"]\n    ready_after: 100ms\n' \
           '    stable_after: 100ms\n'
    reeve = t.reeve(config=_config(t, workers=1))
    reeve.wait_ready(1)
    rewrite(reeve, _config(t, workers=1, extra=both))
    reload(reeve)
    queue = reeve.worker(pool='queue')
    rewrite(reeve, _config(t, workers=1))
    reload(reeve)
    reeve.wait_for('pool_removed', pool='queue')
    reeve.death(queue)
    rewrite(reeve, _config(t, workers=1, extra=both))
    since = reeve.mark()
    reload(reeve)
    reeve.wait_ready(1, pool='queue', since=since)
    reeve.stop()


def test_sockets_come_and_go(t):
    """A socket that is added or removed would need a restart of everything."""
    path = t.path('more.sock')
    one = _config(t, workers=2)
    two = one.replace('listen: 127.0.0.1:0',
                      f'listen: {{web: "127.0.0.1:0", more: "unix:{path}"}}')
    reeve = t.reeve(config=one)
    reeve.wait_ready(2)
    address = reeve.address()
    rewrite(reeve, two)
    reload(reeve)
    equal(reeve.address(), address, 'the socket that stays')
    reeve.get()
    reeve.get(socket='more')
    check(os.path.exists(path), 'the new socket', path)
    rewrite(reeve, one)
    reload(reeve)
    reeve.get()
    check(not os.path.exists(path), 'the old socket is gone', path)
    reeve.stop()


def test_a_hangup_during_areload(t):
    """The second of two changes in a row would be forgotten."""
    reeve = t.reeve(config=_config(t, workers=2, stable='500ms'))
    reeve.wait_ready(2)
    since = reeve.mark()
    reeve.signal(signal.SIGHUP)
    reeve.wait_for('reload_start', since=since)
    reeve.signal(signal.SIGHUP)
    reeve.wait_for('reload', since=since, succeeded=True, count=2)
    reeve.stop()


def test_a_stop_during_areload(t):
    """A stop would wait for a reload that never ends."""
    reeve = t.reeve(config=_config(t, workers=2, stable='1h'))
    reeve.wait_ready(2)
    since = reeve.mark()
    reeve.signal(signal.SIGHUP)
    reeve.wait_for('worker_ready', since=since)
    reeve.stop()
    answer = reeve.wait_for('command_answer', since=since, command='reload')
    equal(answer['verdict'], 'conflict', 'the verdict')


SINGLETON = '''
pools:
  web:
    command: {web}
    workers: 2
    listen: 127.0.0.1:0
    handoff: receive
    stable_after: 100ms
    after: [queue]
  queue:
    command: {sleep}
    workers: 2
    ready_after: 50ms
    stable_after: 100ms
  clock:
    command: {sleep}
    workers: 1
    update: recreate
    ready_after: 50ms
    stable_after: 100ms
    max_lifetime: 500ms
    after: [queue]
'''


def test_a_singleton_a_queue_and_a_web(t):
    """Two schedulers at once would do everything twice; a web without its queue would fail."""
    reeve = t.reeve(config=SINGLETON.format(web=t.http_worker, sleep=['/bin/sleep', '600']))
    reeve.wait_for('pool_ready', pool='web', complete=True)
    reeve.wait_for('pool_ready', pool='clock', complete=True)
    reeve.wait_for('rotation_start', pool='clock', reason='lifetime', count=3)
    for _ in range(3):
        reload(reeve)
    reeve.stop()
    first_web = reeve.find('worker_started', pool='web')[0]
    queue_ready = reeve.find('worker_ready', pool='queue')[0]
    check(queue_ready.at < first_web.at, 'the web starts after the queue')
    alive = 0
    for event in reeve.events:
        if event.get('pool') != 'clock':
            continue
        if event['event'] == 'worker_started':
            alive += 1
        if event['event'] == 'worker_died':
            alive -= 1
        check(alive <= 1, 'two singletons at once', event)
    stop = reeve.find('stop_start')[0]
    last_web = reeve.find('worker_died', since=stop.at, pool='web')[-1]
    first_queue = reeve.find('transition', since=stop.at, pool='queue', to='draining')[0]
    check(last_web.at < first_queue.at, 'the queue stops after the web')


def test_before_start_runs_once_and_decides(t):
    """A migration would run for each worker, or the service start without it."""
    marks = t.path('marks')
    script = f'echo $REEVE_GENERATION >> {marks}; exit {{code}}'
    command = f'    before_start: [/bin/sh, -c, "{script}"]\n'
    reeve = t.reeve(config=_config(t, workers=3, extra=command.format(code=0)))
    old = set(reeve.wait_ready(3))
    reload(reeve)
    rewrite(reeve, _config(t, workers=3, extra=command.format(code=5)))
    since = reeve.mark()
    reload(reeve, succeeds=False)
    failure = reeve.wait_for('reload_failure', since=since)
    check('code 5' in failure['message'], 'why', failure)
    reeve.never('worker_started', since=since)
    with open(marks, encoding='utf-8') as file:
        equal(file.read().split(), ['1', '2', '3'], 'the generations that were prepared')
    check(not reeve.wait_pids(lambda pids: len(pids) == 3) & old, 'the second generation')
    reeve.stop()


def test_before_start_that_fails_at_the_start(t):
    """The service would run on a database that was not migrated."""
    code, text = t.run(config=_config(t, workers=1, extra='    before_start: [/bin/false]\n'))
    equal(code, 3, 'exit code')
    check('before_start' in text, 'why', text)


if __name__ == '__main__':
    runner.main(globals())
