"""The figures as a table in docs/django.md, between its marks."""
import statistics
from pathlib import Path

from servers import CANDIDATES
from measure.tools import write_page

PAGE = Path(__file__).resolve().parents[2] / 'docs' / 'django.md'
BUDGET = 0.98


def _spread(values, unit, digits=1):
    low, high = min(values), max(values)
    return (f'{statistics.median(values):.{digits}f} {unit} '
            f'({low:.{digits}f} .. {high:.{digits}f})')


def _lost(found):
    kinds = ', '.join(f'{count} {kind}' for kind, count in found['kinds'].items())
    return f'**{found["failed"]}** of {found["answers"]:,}' + (f' ({kinds})' if kinds else '')


def _overrun(found):
    return f'{statistics.median(found):+.2f} s ({min(found):+.2f} .. {max(found):+.2f})'


def _thread(found, timeout, blind):
    return f'not found in {timeout + blind} s' if found is None else f'{found:+.2f} s'


def _ratio(figures, name):
    pairs = zip(figures['throughput'][name]['rates'], figures['throughput']['gunicorn']['rates'])
    return [one / other for one, other in pairs]


def _throughput(figures, name):
    rate = f'{statistics.median(figures["throughput"][name]["rates"]):,.0f}/s'
    if name == 'gunicorn':
        return rate
    ratios = _ratio(figures, name)
    verdict = 'met' if statistics.median(ratios) >= BUDGET else 'missed'
    return f'{rate}; ratio {_spread(ratios, "", 3).replace("  ", " ")}, budget {BUDGET}: {verdict}'


def rows(figures, effort):
    """(what, {candidate: figure}) of each line."""
    def row(what, cell):
        return what, {kind.name: cell(kind.name) for kind in CANDIDATES}
    rotations, reloads = figures['rotations'], figures['reloads']
    crashes, hangs, load = figures['crashes'], figures['hangs'], figures['throughput']
    yield row(f'requests lost in {effort.reloads} reloads', lambda name: _lost(reloads[name]))
    yield row(f'requests lost in {effort.rotations} rotations by quota',
              lambda name: _lost(rotations[name]))
    yield row('longest request in these reloads', lambda name:
              f'{reloads[name]["longest_ms"] / 1000:.2f} s')
    yield row('reload: until the new workers have booted',
              lambda name: _spread(reloads[name]['up'], 's'))
    yield row('reload: until the last old worker is gone',
              lambda name: _spread(reloads[name]['gone'], 's'))
    yield row('SIGKILL of a worker until the next has booted',
              lambda name: _spread(crashes[name]['took'], 's', 2))
    yield row('a view that blocks the event loop: worker gone, after the timeout',
              lambda name: _overrun(hangs[name]['loop']))
    yield row('a view that blocks beside the event loop: the same',
              lambda name: _thread(hangs[name]['thread'], effort.timeout, effort.blind))
    yield row('memory of all processes (PSS)', lambda name: f'{load[name]["memory"]:.0f} MiB')
    yield row('latency, median', lambda name: _spread(load[name]['p50'], 'ms'))
    yield row('latency, 99th percentile', lambda name: _spread(load[name]['p99'], 'ms'))
    yield row('throughput', lambda name: _throughput(figures, name))


def markdown(figures, effort, note):
    lines = ['| what | ' + ' | '.join(kind.title for kind in CANDIDATES) + ' |',
             '|---' * (len(CANDIDATES) + 1) + '|']
    for what, cells in rows(figures, effort):
        lines.append('| ' + ' | '.join([what, *cells.values()]) + ' |')
    return '\n'.join(lines) + '\n\n' + note


def write(text):
    write_page(PAGE, text, 'bench/django/run --docs')
