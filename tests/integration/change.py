"""Changes a running reeve, and checks what such changes must not cost."""
import os
import signal

from harness import check, equal


def rewrite(reeve, text):
    """Puts another text into the file that reeve was started from, at once."""
    path = reeve.argv[reeve.argv.index('-c') + 1]
    with open(path + '.new', 'w', encoding='utf-8') as file:
        file.write(text)
    os.rename(path + '.new', path)


def reload(reeve, succeeds=True):
    """One reload by HUP; its record."""
    since = reeve.mark()
    reeve.signal(signal.SIGHUP)
    return reeve.wait_for('reload', since=since, succeeded=succeeds, seconds=120)


def scale_by_signals(reeve, numbers):
    """Each signal in its turn, once the pool is as the one before wanted it."""
    for number in numbers:
        since = reeve.mark()
        reeve.signal(number)
        reeve.wait_for('command_answer', since=since, command='scale', verdict='done')
        wanted = reeve.find('scale')[-1]['to']
        reeve.wait_pids(lambda pids, wanted=wanted: len(pids) == wanted)


def never_fewer(reeve, least):
    """From the moment when all were ready until the stop, at least so many were."""
    begin = reeve.wait_for('pool_ready', pool='web', complete=True)
    stops = reeve.find('stop_start')
    end = stops[0].at if stops else len(reeve.events)
    for event in reeve.find('transition', since=begin, pool='web'):
        if event.at < end:
            check(event['ready'] >= least, 'too few workers were ready', event)


def no_loss(t, reeve, load, pids):
    """Ends load and reeve: no request failed, so many processes answered, nobody was killed."""
    report = t.load_report(load)
    reeve.stop()
    equal(report['failed'], 0, f'failed requests ({report["first_failures"]})')
    check(len(report['pids']) >= pids, 'many workers answered', len(report['pids']))
    for event in ('kill', 'hang', 'backoff', 'pool_degraded'):
        reeve.never(event)
