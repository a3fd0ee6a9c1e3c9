#!/usr/bin/env python3
"""Signals to reeve, the ways to stop, and what becomes of workers whose reeve is gone."""
import os
import select
import signal

import net
import runner
from harness import check, descriptors, equal, patient, pause

LONG = '/sleep?ms=600000'


def _ask(reeve, path, **options):
    """A connection on which a request was sent and no answer is awaited yet."""
    connection = net.connect(reeve.address(**options))
    net.request(connection, path)
    return connection


def _wait_taken(handle, before):
    """Waits until the worker has one connection more than these descriptors."""
    patient(lambda left: len(descriptors(handle.pid)) > len(before) or pause(min(left, 0.01)),
            'a connection that was accepted')


def test_term_and_int_end_with_zero_and_leave_nothing(t):
    """A stop would look like a failure to whoever supervises reeve, or leave a worker behind."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        reeve = t.web(workers=3)
        workers = [t.handle(pid) for pid in reeve.wait_ready(3)]
        reeve.stop(number)
        for worker in workers:
            check(worker.gone(), 'a worker is left')
        stopped = reeve.find('stopped')[-1]
        equal((stopped['exit_code'], stopped['killed']), (0, 0), 'the last record')
        said = reeve.find('signal')[-1]['signal']
        equal(said, signal.Signals(number).name, 'the signal is named')
        check(net.refused(reeve.address()), 'the port is closed')


def test_signals_without_a_meaning_change_nothing(t):
    """A stray signal, or a script written for a later version, would end the service."""
    reeve = t.web(workers=2)
    pids = set(reeve.wait_ready(2))
    for number in (signal.SIGUSR2, signal.SIGWINCH):
        reeve.signal(number)
        reeve.wait_for('signal', signal=signal.Signals(number).name)
    reeve.signal(signal.SIGPIPE)
    equal(reeve.wait_pids(lambda seen: len(seen) == 2), pids, 'who serves')
    reeve.never('worker_died')
    equal(len(reeve.find('worker_started')), 2, 'starts')


def test_signals_before_anybody_is_ready(t):
    """A signal that comes during the start would kill reeve by its default action."""
    reeve = t.web(workers=2, command=t.misbehave('never-ready'))
    reeve.wait_for('worker_started', count=2)
    reeve.signal(signal.SIGHUP)
    reeve.wait_for('signal', signal='SIGHUP')
    reeve.stop()
    equal(reeve.find('stopped')[-1]['killed'], 0, 'killed')


def test_term_lets_requests_finish_and_refuses_new_ones(t):
    """A deployment would cut off every request that is under way."""
    reeve = t.web(workers=1)
    worker = reeve.worker()
    before = descriptors(worker.pid)
    with _ask(reeve, '/sleep?ms=2500') as client:
        _wait_taken(worker, before)
        reeve.signal(signal.SIGTERM)
        reeve.wait_for('transition', pid=worker.pid, to='draining')
        # New connections: dropped or refused, but never answered.
        try:
            net.get(reeve.address(), '/pid', seconds=0.7)
            answered = True
        except OSError:
            answered = False
        check(not answered, 'a new connection was served after the stop')
        equal(net.answer(client)[0], 200, 'the old request')
    reeve.finish(0)
    equal(reeve.find('stopped')[-1]['killed'], 0, 'killed')


def _queue_behind_a_busy_worker(t, listen):
    """TERM while connections wait in the accept queue of the only worker, which is busy."""
    reeve = t.reeve('--listen', listen, '--workers', 1, '--queue-grace', '30s',
                    command=t.http_worker)
    worker = reeve.worker()
    before = descriptors(worker.pid)
    busy = _ask(reeve, '/block?ms=2000')
    _wait_taken(worker, before)
    waiting = [_ask(reeve, '/pid') for _ in range(20)]
    reeve.signal(signal.SIGTERM)
    reeve.wait_for('stop_start')
    for client in [busy, *waiting]:
        with client:
            equal(net.answer(client)[0], 200, 'a queued request')
    reeve.finish(0)
    reeve.never('queue_grace_over')


def test_queued_connections_are_served_before_the_end(t):
    """Whoever is connected but not yet accepted would get a reset at each deployment."""
    _queue_behind_a_busy_worker(t, '127.0.0.1:0')
    _queue_behind_a_busy_worker(t, '[::1]:0')


def test_queued_connections_on_a_unix_socket(t):
    """Behind a proxy on a Unix socket, a deployment would answer with errors."""
    _queue_behind_a_busy_worker(t, 'unix:' + t.path('web.sock'))


def test_a_worker_that_ignores_the_stop_signal_is_killed(t):
    """One stubborn worker would keep a stop waiting for ever."""
    reeve = t.web('--graceful-timeout', '400ms', workers=2,
                  command=t.misbehave('ignore-term', '--no-drains', '--serve', '--on', 'start'))
    reeve.wait_ready(2)
    reeve.stop()
    equal(len(reeve.find('kill', reason='stop')), 2, 'kills')
    for death in reeve.find('worker_died'):
        equal((death['signal'], death['cause'], death['reason']), ('SIGKILL', 'reeve', 'stop'),
              'the explanation')
    equal(reeve.find('stopped')[-1]['killed'], 2, 'killed')


def test_a_worker_that_ignores_drain_is_killed(t):
    """A worker that promised to drain and does not would keep a stop waiting for ever."""
    reeve = t.web('--graceful-timeout', '400ms', workers=1,
                  command=t.misbehave('ignore-term', '--serve'))
    reeve.wait_ready(1)
    reeve.stop()
    equal(reeve.find('stopped')[-1]['killed'], 1, 'killed')


def test_the_kill_reaches_the_whole_tree(t):
    """Children of a killed worker would live on with its sockets."""
    reeve = t.web('--graceful-timeout', '400ms', workers=1,
                  command=['/bin/sh', '-c', 'trap "" TERM; (trap "" TERM; "$@" & wait) & wait',
                           'sh', *t.misbehave('ignore-term', '--no-drains')])
    reeve.wait_for('worker_ready')
    reeve.stop()
    # That nobody is left is checked after each test.


def test_a_second_signal_hurries_the_first(t):
    """An operator in a hurry would have to look for the workers' pids."""
    reeve = t.web('--graceful-timeout', '600s', '--kill-grace', '600s', workers=1,
                  command=t.misbehave('ignore-term', '--serve'))
    reeve.wait_ready(1)
    for mode in ('graceful', 'fast', 'immediate'):
        reeve.signal(signal.SIGTERM)
        reeve.wait_for('stop_start', mode=mode)
    reeve.finish(0)
    equal(reeve.find('stopped')[-1]['killed'], 1, 'killed')


def test_int_is_fast(t):
    """Ctrl-C would wait for requests that nobody wants to wait for."""
    reeve = t.web('--graceful-timeout', '600s', '--kill-grace', '400ms', workers=1)
    worker = reeve.worker()
    before = descriptors(worker.pid)
    with _ask(reeve, LONG):
        _wait_taken(worker, before)
        reeve.stop(signal.SIGINT)
    equal(reeve.find('stop_start')[0]['mode'], 'fast', 'mode')


def test_stop_signals_are_the_configured_ones(t):
    """nginx would be told to quit by the signal that makes it drop its connections."""
    for number, wanted in ((signal.SIGTERM, 'hup'), (signal.SIGINT, 'int')):
        marker = t.path(f'marker-{wanted}')
        reeve = t.web('--stop-signal', 'HUP', '--fast-stop-signal', 'INT', workers=1,
                      command=t.misbehave('polite', '--no-drains', '--marker', marker))
        pid = reeve.wait_ready(1)[0]
        reeve.stop(number)
        equal(t.wait_file(f'marker-{wanted}'), [[str(pid), wanted]], 'how it was told')


def test_a_native_worker_is_told_by_message(t):
    """A worker that listens to reeve would be hit by a signal in the middle of its work."""
    reeve = t.web(workers=1, command=t.misbehave('polite', '--marker', t.path('marker')))
    pid = reeve.wait_ready(1)[0]
    reeve.stop()
    equal(t.wait_file('marker'), [[str(pid), 'drain']], 'how it was told')


def test_a_stop_during_back_off(t):
    """A stop would wait until a worker that cannot live is started again."""
    reeve = t.web('--backoff-min', '600s', '--backoff-max', '600s', workers=1,
                  command=t.misbehave('exit', 1, '--on', 'ready'))
    reeve.wait_for('backoff')
    reeve.stop()
    equal(len(reeve.find('worker_started')), 2, 'starts')


def test_a_stop_while_workers_boot(t):
    """A stop during the start would leave workers that nobody watches."""
    reeve = t.web('--start-concurrency', 2, workers=8, command=t.misbehave('late', 500, '--serve'))
    reeve.wait_for('worker_started', count=3)
    reeve.stop()
    stop = reeve.find('stop_start')[0]
    reeve.never('transition', since=stop, to='starting')


def test_a_half_connected_client_does_not_hold_up_a_stop(t):
    """A client that connects and says nothing would delay each deployment, or cost a kill."""
    # The worker gives such a client nine tenths of it, and on a busy machine comes to that late.
    reeve = t.web('--graceful-timeout', '10s', workers=1)
    reeve.worker()
    with net.connect(reeve.address()):
        reeve.stop()
    equal(reeve.find('stopped')[-1]['killed'], 0, 'killed')


def test_stop_delay_serves_on_for_a_while(t):
    """Load balancers would send requests to a closed port until they notice."""
    reeve = t.web('--stop-delay', '2s', workers=1)
    reeve.worker()
    reeve.signal(signal.SIGTERM)
    reeve.wait_for('stop_start')
    reeve.get()
    reeve.finish(0)


def test_stopped_workers_do_not_hold_up_a_stop(t):
    """A worker that hangs just when reeve is stopped would keep it from leaving."""
    reeve = t.web('--graceful-timeout', '500ms', workers=2)
    reeve.wait_ready(2)
    reeve.worker(slot=0).signal(signal.SIGSTOP)
    reeve.stop()
    equal(reeve.find('stopped')[-1]['killed'], 1, 'killed')


# Workers whose reeve is gone

def test_orphans_stop(t):
    """After a crash of reeve, its workers would serve on for ever, unwatched."""
    reeve = t.web(workers=3, command=t.misbehave('polite', '--serve', '--marker', t.path('marker')))
    workers = [t.handle(pid) for pid in reeve.wait_ready(3)]
    reeve.kill()
    for worker in workers:
        equal(worker.reap(), 0, 'how it left')
    marks = t.wait_file('marker', lines=3)
    equal({int(pid) for pid, _word in marks}, {worker.pid for worker in workers}, 'who was told')
    check('sigpipe' not in {word for _pid, word in marks}, 'none dies of SIGPIPE')


def test_orphans_finish_what_they_have_begun(t):
    """A crash of reeve would cost the requests that are under way."""
    reeve = t.web(workers=1)
    worker = reeve.worker()
    before = descriptors(worker.pid)
    with _ask(reeve, '/sleep?ms=2000') as client:
        _wait_taken(worker, before)
        reeve.kill()
        equal(net.answer(client)[0], 200, 'the request')
    equal(worker.reap(), 0, 'how it left')


def test_orphans_that_know_nothing_of_reeve_stop_too(t):
    """A program without a client library would never learn that reeve has died."""
    reeve = t.web(workers=2, command=t.plain_worker)
    workers = [t.handle(pid) for pid in reeve.wait_ready(2)]
    reeve.kill()
    for worker in workers:
        check(worker.reap() in (0, -signal.SIGTERM), 'how it left')


def test_orphans_keep(t):
    """With `orphans: keep`, a crash of reeve would take the service down all the same."""
    reeve = t.web('--orphans', 'keep', '--beat-interval', '50ms', workers=3,
                  stdout=None, command=t.misbehave('polite', '--serve', '--marker',
                                                   t.path('marker')))
    workers = [t.handle(pid) for pid in reeve.wait_ready(3)]
    reeve.kill()
    # Many beats into a pipe that nobody reads.
    pause(1.5)
    pids = {worker.pid for worker in workers}
    reeve.wait_pids(lambda seen: seen == pids)
    for worker in workers:
        check(not worker.gone(), 'it serves on')
        worker.signal(signal.SIGTERM)
        equal(worker.reap(), 0, 'how it left')
    words = {word for _pid, word in t.wait_file('marker', lines=6)}
    equal(words, {'orphaned-keep', 'term'}, 'what they were told')


def test_orphans_keep_for_programs_that_know_nothing_of_reeve(t):
    """A program without a client library would die of a signal that nobody wanted sent."""
    reeve = t.web('--orphans', 'keep', workers=2, command=t.plain_worker)
    workers = [t.handle(pid) for pid in reeve.wait_ready(2)]
    reeve.kill()
    for _ in range(20):
        reeve.get('/')
    for worker in workers:
        check(not worker.gone(), 'it serves on')
        worker.signal(signal.SIGTERM)
        worker.reap()


def test_the_socket_file_of_a_killed_reeve_is_taken_over(t):
    """After a crash of reeve, its successor would find its own socket file in the way."""
    path = t.path('web.sock')
    first = t.reeve('--listen', f'unix:{path}', '--workers', 1, command=t.http_worker)
    worker = first.worker()
    first.kill()
    equal(worker.reap(), 0, 'how it left')
    check(os.path.exists(path), 'the file is left')
    second = t.reeve('--listen', f'unix:{path}', '--workers', 1, command=t.http_worker)
    second.wait_ready(1)
    second.get()


def test_the_output_ends_when_reeve_ends(t):
    """Whoever reads reeve's log would wait for ever for its end."""
    reeve = t.web(workers=1)
    reeve.wait_ready(1)
    reeve.signal(signal.SIGTERM)
    reeve.wait()
    patient(lambda left: reeve.stream.ended or select.select([], [], [], min(left, 0.02))[0],
            'the end of the log')
    reeve.finish(0)


if __name__ == '__main__':
    runner.main(globals())
