#!/usr/bin/env python3
"""What workers write, what reeve logs, and readers that do not read."""
import json
import os
import signal
import subprocess

import net
import runner
from harness import Stream, check, equal, patient, pause


def test_stderr_of_workers_is_copied_unchanged(t):
    """The workers' own log lines would be lost, or changed so that no log parser knows them."""
    line = 'a line\twith "quotes", an \u00fc, and the end'
    reeve = t.web(workers=1, log='stdout', command=['/bin/sh', '-c', 'echo "$0" >&2; exec "$@"',
                                                    line, *t.misbehave('polite', '--serve')])
    reeve.wait_ready(1)
    equal(reeve.wait_line('a line', reeve.extra), line, 'the line')


def test_stderr_can_be_prefixed_or_wrapped(t):
    """Lines of several workers could not be told apart."""
    say = ['/bin/sh', '-c', 'echo hello >&2; exec "$@"', 'sh', *t.misbehave('polite', '--serve')]
    prefixed = t.web('--output', 'prefix', workers=1, log='stdout', command=say)
    pid = prefixed.wait_ready(1)[0]
    equal(prefixed.wait_line('hello', prefixed.extra), f'web/0 {pid}: hello', 'prefixed')
    wrapped = t.web('--output', 'json', workers=1, command=say)
    pid = wrapped.wait_ready(1)[0]
    event = wrapped.wait_for('worker_output', message='hello')
    equal((event['pool'], event['slot'], event['pid']), ('web', 0, pid), 'wrapped')


def test_the_last_words_of_a_worker_are_in_its_death_record(t):
    """The one line that explains a crash would have to be searched for among all others."""
    reeve = t.web(workers=1, command=[
        '/bin/sh', '-c', 'echo starting >&2; "$@"; echo it broke at last >&2; exit 9',
        'sh', '/bin/true'])
    death = reeve.wait_for('worker_died')
    equal(death['last_output'], 'starting\nit broke at last\n', 'the field')
    check('its last line: it broke at last' in death['message'], 'message', death['message'])
    reeve.finish(3)


def test_last_words_are_bounded(t):
    """A worker that dumps megabytes as it dies would make reeve big and its log useless."""
    reeve = t.web(workers=1, command=['/bin/sh', '-c', """
        i=0; while [ $i -lt 3000 ]; do echo "line $i of a very long lament" >&2; i=$((i+1)); done
        exit 9"""])
    death = reeve.wait_for('worker_died')
    last = death['last_output']
    check(len(last) <= 8192 and last.endswith('line 2999 of a very long lament\n'), 'the end', last)
    check(last.startswith('line '), 'it begins with a whole line', last[:40])
    reeve.finish(3)


def test_a_worker_cannot_forge_a_log_line(t):
    """A worker could write what looks like reeve's own words into a terminal or a log parser."""
    reeve = t.web('--output', 'json', workers=1, command=[
        '/bin/sh', '-c', 'printf \'{"event":"stopped"}\\033[2J\\n\' >&2; exec "$@"', 'sh',
        *t.misbehave('polite', '--serve')])
    event = reeve.wait_for('worker_output')
    equal(event['message'], '{"event":"stopped"}\033[2J', 'it is data of the line')
    reeve.never('stopped')
    reeve.wait_ready(1)


def test_text_logs_have_the_record_name_in_each_line(t):
    """Nobody could grep the readable log for what the JSON log calls an event."""
    done = t.run('--listen', '127.0.0.1:0', '--workers', 1, '--log-level', 'debug',
                 command=['/bin/sh', '-c', 'exit 5'])
    equal(done[0], 3, 'exit code')
    for word in ('listening', 'worker_started', 'worker_died', 'pool_gave_up', 'stopped',
                 'exited with code 5'):
        check(word in done[1], f'{word} is not in the log', done[1])


def test_the_level_selects(t):
    """`--log-level error` would still fill the disk."""
    code, text = t.run('--listen', '127.0.0.1:0', '--workers', 1, '--log-level', 'error',
                       command=['/bin/sh', '-c', 'exit 5'])
    equal(code, 3, 'exit code')
    check('worker_died' in text and 'listening' not in text, 'the lines', text)


def _pids(address, wanted):
    """Asks for pids until they satisfy wanted(set); each on a connection of its own."""
    seen = set()

    def ask(_left):
        try:
            seen.add(int(net.get(address)))
        except ConnectionError:
            pass
        return wanted(seen) and seen
    return patient(ask, 'answers of the wanted workers')


CHATTER = """
log: {{buffer: 64K}}
pools:
  loud_err: {{command: {err}, workers: 2}}
  loud_out: {{command: {out}, workers: 1, liveness: none}}
  web:
    command: {worker}
    workers: 3
    listen: "unix:{path}"
    timeout: 2s
    abort_timeout: 300ms
"""


def test_nobody_reads_for_half_a_minute(t):
    """A log reader that stops would stop the supervision: crashes and hangs would go unseen."""
    path = t.path('web.sock')
    address = f'unix:{path}'
    out_read, out_write = os.pipe()
    reeve = t.reeve(config=CHATTER.format(
        err=json.dumps(t.misbehave('chatter', 'stderr')),
        out=json.dumps(t.misbehave('chatter', 'stdout')),
        worker=json.dumps(t.http_worker), path=path), read=False, stdout=out_write)
    os.close(out_write)
    t.wait_socket(address, reeve)
    pids = _pids(address, lambda seen: len(seen) == 3)
    crashing, hanging, staying = sorted(pids)
    # Long enough that every buffer on the way is full.
    pause(10)
    first = t.handle(crashing)
    first.signal(signal.SIGKILL)
    first.wait_gone()
    new = _pids(address, lambda seen: seen - pids) - pids
    equal(len(new), 1, 'who took the place of the crashed')
    second = t.handle(hanging)
    second.signal(signal.SIGSTOP)
    second.wait_gone()
    _pids(address, lambda seen: len(seen - pids - new) == 1)
    pause(18)
    check(not t.handle(staying).gone(), 'the third was left alone')
    equal(len(_pids(address, lambda seen: len(seen) == 3)), 3, 'workers')
    drain = Stream(os.fdopen(out_read, 'rb'))
    drain.start()
    reeve.read()
    def confessed(left):
        # It is said before the next line that there is to say.
        reeve.signal(signal.SIGHUP)
        pause(min(left, 0.1))
        return reeve.find('log_dropped')
    dropped = patient(confessed, 'the count of what was dropped')[0]
    check(dropped['lines'] + dropped['bytes'] > 0, 'what was dropped is counted', dropped)
    reeve.stop()
    drain.close()


def test_a_slow_reader_does_not_hold_up_the_end(t):
    """reeve would never leave while somebody holds its log without reading it."""
    reeve = t.web(workers=2, read=False, stderr=subprocess.PIPE,
                  command=t.misbehave('chatter', 'stderr'))
    # Until the pipe is full: nobody reads it.
    pause(2)
    reeve.signal(signal.SIGTERM)
    equal(reeve.wait(), 0, 'exit code')
    reeve.exit_code = 0


def test_the_journal_gets_the_levels(t):
    """`journalctl -p warning` would show nothing of reeve's, or everything."""
    tell = 'JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec "$@"'
    reeve = t.web(workers=1, before=['sh', '-c', tell, 'sh'])
    reeve.wait_ready(1)
    reeve.worker().signal(signal.SIGKILL)
    reeve.wait_for('worker_died')
    for level in ('<7>', '<6>', '<4>'):
        reeve.wait_line(level)
    reeve.stop()
    # Nobody else's terminal or file gets them.
    other = t.web(workers=1, env={'JOURNAL_STREAM': '1:1'})
    other.wait_ready(1)
    other.stop()
    check(not any('<' in line for line in other.stream.lines), 'levels', other.stream.lines)


if __name__ == '__main__':
    runner.main(globals())
