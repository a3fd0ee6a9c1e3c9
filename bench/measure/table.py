"""The figures next to their budgets and to the peers', as a Markdown table."""
import statistics
import textwrap

from . import peers as peers_of

MIB = 1024


def _quantiles(values):
    ordered = sorted(values)
    return (statistics.median(ordered), ordered[len(ordered) // 10],
            ordered[min(len(ordered) - 1, len(ordered) * 9 // 10)], ordered[-1])


def _ms(values):
    median, low, high, most = _quantiles(values)
    return f'{median:.2f} ({low:.2f} .. {high:.2f}, most {most:.2f}) ms'


def _verdict(met):
    return 'met' if met else 'missed'


def _crash(record, summary):
    overhead = statistics.median(record['reeve']) - statistics.median(record['raw'])
    lean = statistics.median(record['lean'])
    return [f'crash to successor, {record["workers"]} workers', '<= raw + 1 ms',
            f'{_ms(record["raw"])}; kill, wait, fork, exec {lean:.2f} ms', _ms(record['reeve']),
            f'{overhead:+.2f} ms: {_verdict(overhead <= 1)}',
            peers_of.spread(summary, 'crash_ms', lambda value: f'{value:.1f} ms')]


def _hang(record, summary):
    most = max(record['overrun'])
    return [f'deadline to SIGABRT, {record["at_once"]} hung at once', '<= 20 ms', '',
            _ms(record['overrun']), f'most {most:.1f} ms: {_verdict(most <= 20)}',
            peers_of.hang_spread(summary)]


def _memory(record, summary):
    workers = record['workers']
    budget = 8 if workers <= 4 else 16
    return [f'memory, {workers} workers, liveness {record["liveness"]}', f'RSS <= {budget} MiB', '',
            f'RSS {record["rss"] / MIB:.1f} MiB, PSS {record["pss"] / MIB:.1f} MiB',
            _verdict(record['rss'] <= budget * MIB),
            peers_of.spread(summary, f'rss_{workers}_kib', lambda value: f'{value / MIB:.1f} MiB')]


def _wakeups(record, summary):
    workers, rate = record['workers'], record['wakeups_s']
    none = record['liveness'] == 'none'
    allowed = 0.05 if none else workers * 1.05 + 0.05
    return [f'idle wake-ups, {workers} workers, liveness {record["liveness"]}',
            '0/s' if none else f'only the beats, {workers}/s', '',
            f'{rate:.1f}/s, CPU {record["cpu_ms_s"]:.2f} ms/s', _verdict(rate <= allowed),
            peers_of.spread(summary, f'wakeups_{workers}_s', lambda value: f'{value:.1f}/s')]


def _scrape(record, _summary):
    rows = []
    for key, path in (('metrics', '/metrics'), ('status', '/v1/status')):
        figures = record[key]
        median = statistics.median(figures['wall_ms'])
        rows.append([f'{path} with {record["workers"]} workers', '<= 10 ms', '',
                     _ms(figures['wall_ms']),
                     f'{_verdict(median <= 10)}; CPU of reeve '
                     f'{statistics.median(figures["cpu_ms"]):.1f} ms, {figures["bytes"] // 1024} '
                     'KiB', ''])
    return rows


def _spawn(record, summary):
    raw = statistics.median(record['raw'])
    rows = []
    for key, what in (('started', 'run'), ('ready', 'are ready')):
        value = statistics.median(record[key])
        rows.append([f'exec of reeve until {record["workers"]} workers {what}', '<= 1.3 x raw loop',
                     f'{raw:.3f} s', f'{value:.3f} s',
                     f'{value / raw:.2f} x: {_verdict(value <= 1.3 * raw)}',
                     peers_of.spread(summary, 'start_500_s', lambda one: f'{one:.2f} s')])
    return rows


def _beats(record, _summary):
    cost = record['request_and_turn_ns']
    return ['begin + end of a request + a turn of the loop, in the worker', '<= 50 ns', '',
            f'{cost:.1f} ns (turn alone {record["turn_ns"]:.1f}, two threads '
            f'{record["request_two_threads_ns"]:.1f} ns)', _verdict(cost <= 50), '']


def _compared(record, side, other):
    """(rate of the side, of the other, ratio with its spread, ratio of CPU a request)"""
    rates = [f'{statistics.median(record[name]):,.0f}/s' for name in (side, other)]
    median, low, high, _ = _quantiles(record['ratios'])
    used = statistics.median(record[f'{side}_cpu_us']) / statistics.median(
        record[f'{other}_cpu_us'])
    return (*rates, f'{median:.3f} ({low:.3f} .. {high:.3f})',
            f'worker CPU a request {used:.3f} x')


def _throughput(record, summary):
    kind = 'fresh' if record['fresh'] else 'keepalive'
    reeve, hand, ratio, used = _compared(record, 'reeve', 'hand')
    return [f'throughput, {record["workers"]} workers, {kind} connections', '>= 0.99 x by hand',
            f'{hand} by hand', reeve, f'{ratio}: {_verdict(record["ratio"] >= 0.99)}; {used}',
            peers_of.spread(summary, f'throughput_{kind}', lambda value: f'{value:.2f}')]


def _preload(record, _summary):
    with_it, without, ratio, used = _compared(record, 'preload', 'none')
    return [f'libreeve-preload under {record["server"]}, keepalive connections', '',
            f'{without} without', with_it, f'{ratio}; {used}', '']


def _loop_hang(record, _summary):
    most = max(max(record['overrun']), max(record['blocked']))
    return [f'blocked loop of {record["server"]}, liveness preload: deadline to found', '<= 20 ms',
            '', _ms(record['overrun']),
            f'from when it stood still {_ms(record["blocked"])}: {_verdict(most <= 20)}', '']


def _loop_idle(record, _summary):
    ended = sum(record['ended'].values())
    servers = ', '.join(record['ended'])
    return [f'idle for {record["seconds"]:.0f} s, timeout 1 s, liveness preload: {servers}',
            '0 taken for hung', '', f'{ended}', _verdict(ended == 0), '']


def _adopt(record, _summary):
    hand, adopted = record['hand'], record['adopted']
    return ['bind that is answered with the pool\'s socket', '',
            f'{hand["bind_us"]:.1f} us by the kernel', f'{adopted["bind_us"]:.1f} us',
            f'listen {adopted["listen_us"]:.1f} us; any other call '
            f'{adopted["call_ns"] - hand["call_ns"]:+.1f} ns', '']


def _size(record, _summary):
    return ['size of the binary', '', '', f'{record["stripped"] / MIB / MIB:.1f} MiB stripped', '',
            '']


def _build(record, _summary):
    return ['full build, no compiler cache', '<= 5 min on 2 cores', '',
            f'{record["seconds"] / 60:.1f} min, {record["objects"]} objects',
            _verdict(record['seconds'] <= 300), '']


_ROWS = {'crash': (_crash,), 'hang': (_hang,), 'idle': (_memory, _wakeups), 'scrape': (_scrape,),
         'spawn': (_spawn,), 'beats': (_beats,), 'throughput': (_throughput,), 'adopt': (_adopt,),
         'preload': (_preload,), 'loop-hang': (_loop_hang,), 'loop-idle': (_loop_idle,),
         'size': (_size,), 'build': (_build,)}
_HEADINGS = ('what', 'budget', 'raw fork+exec', 'reeve', 'difference', 'peers')


def rows(records, summary):
    """One or more rows for each record, in the order of the scenarios."""
    found = []
    for scenario, makers in _ROWS.items():
        for make in makers:
            for record in (one for one in records if one['scenario'] == scenario):
                made = make(record, summary)
                found += made if isinstance(made[0], list) else [made]
    return found


def markdown(records, summary):
    """The whole table; the last lines say where, when and beside what it was measured."""
    lines = ['| ' + ' | '.join(_HEADINGS) + ' |', '|' + ' --- |' * len(_HEADINGS)]
    lines += ['| ' + ' | '.join(row) + ' |' for row in rows(records, summary)]
    machine = records[0]['machine']
    steal = max(record['load']['steal_pct'] for record in records)
    loads = sorted(record['load']['load1'] for record in records)
    first = ', measured programs before others (--realtime)' if machine['realtime'] else ''
    where = 'virtual' if machine['virtual'] else 'physical'
    text = (f'{records[0]["date"]}; {where} machine, {machine["architecture"]}, '
            f'{machine["cpus"]} CPUs, {machine["memory_gib"]} GiB, Linux {machine["kernel"]}; load '
            f'{loads[0]} .. {loads[-1]}{first}, steal at most {steal} %. Peers: '
            f'{summary["measured"]}, on a machine of the same kind.')
    lines += ['', *textwrap.wrap(text, 118)]
    return '\n'.join(lines)


def plain(text):
    """The Markdown table with aligned columns, for a terminal."""
    table = [line.strip('| ').split(' | ') for line in text.splitlines()
             if line.startswith('| ') and not line.startswith('| ---')]
    table = [row + [''] * (len(_HEADINGS) - len(row)) for row in table]
    keep = len(_HEADINGS) - 1
    widths = [max(len(row[i]) for row in table) for i in range(keep)]
    lines = ['  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
             for row in table]
    seen = {}
    for row in table[1:]:
        if row[keep]:
            seen.setdefault(row[keep], row[0])
    lines += ['', 'peers:'] + [f'  {what}: {figures}' for figures, what in seen.items()]
    return '\n'.join(lines + [line for line in text.splitlines() if not line.startswith('|')])
