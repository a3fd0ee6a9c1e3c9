"""Figures of other supervisors, from the records of a black-box benchmark of them."""
import json
import statistics
from collections import defaultdict
from pathlib import Path

SUMMARY = Path(__file__).resolve().parent.parent / 'peers.json'


def load(folder=None):
    """The summary: from a folder with B, C, F and G.jsonl, else the one kept beside bench/run."""
    if folder is None:
        return json.loads(SUMMARY.read_text())
    return summarise(Path(folder))


def save(summary):
    SUMMARY.write_text(json.dumps(summary, indent=1, sort_keys=True) + '\n')


def _records(folder, scenario):
    path = folder / f'{scenario}.jsonl'
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def _median(values):
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def summarise(folder):
    """One entry for each peer: milliseconds, KiB, 1/s and ratios. The newest record counts."""
    peers = defaultdict(dict)
    dates = set()
    for record in _records(folder, 'B'):
        dates.add(record['t'][:10])
        milliseconds = _median(record['replaced'])
        if milliseconds is not None:
            peers[record['peer']]['crash_ms'] = round(1000 * milliseconds, 2)
    for record in _records(folder, 'C'):
        if record['path'] != 'hang':
            continue
        overruns = [None if one is None else one - record['timeout'] for one in record['killed']]
        worst = None if None in overruns else max(overruns)
        peers[record['peer']]['hang_ms'] = {
            'median': _rounded(_median(overruns), 1000), 'worst': _rounded(worst, 1000)}
    for record in _records(folder, 'F'):
        entry = peers[record['peer']]
        n = record['n']
        if n == 500:
            entry['start_500_s'] = _rounded(_median(record['start']), 1, 3)
        # Some give each worker a helper process: these are the supervisor as well.
        entry[f'rss_{n}_kib'] = record['master']['rss'] + record['helpers_pss']
        entry[f'wakeups_{n}_s'] = round(record['vol_s'], 1)
    for record in _records(folder, 'G'):
        kind = 'keepalive' if record['keep'] else 'fresh'
        ratio = statistics.median(record['rps']) / statistics.median(record['base_rps'])
        peers[record['peer']][f'throughput_{kind}'] = round(ratio, 3)
    return {'measured': max(dates, default=''), 'peers': dict(sorted(peers.items()))}


def _rounded(value, factor, digits=1):
    return None if value is None else round(value * factor, digits)


def spread(summary, key, describe):
    """'best (name) .. worst (name)' of one figure over all peers that have it."""
    values = sorted((entry[key], name) for name, entry in summary['peers'].items()
                    if isinstance(entry.get(key), (int, float)))
    if not values:
        return ''
    (best, first), (worst, last) = values[0], values[-1]
    return f'{describe(best)} ({first}) .. {describe(worst)} ({last})'


def hang_spread(summary):
    """The same for hangs, whose worst case may be never."""
    values = {name: entry['hang_ms'] for name, entry in summary['peers'].items()
              if 'hang_ms' in entry}
    found = sorted((value['median'], name) for name, value in values.items()
                   if value['median'] is not None)
    never = sorted(name for name, value in values.items() if value['worst'] is None)
    if not found:
        return ''
    text = ' .. '.join(f'{median / 1000:+.2f} s ({name})' for median, name
                       in dict.fromkeys((found[0], found[-1])))
    return text + (f', never ({", ".join(never)})' if never else '')
