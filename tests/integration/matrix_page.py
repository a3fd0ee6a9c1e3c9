#!/usr/bin/env python3
"""Writes docs/matrix.md from the rows to which the tests hold the servers, or checks that it is so.

Usage: matrix_page.py ROOT                   writes it
       matrix_page.py --check ROOT ROW...    fails when it differs, or when these are not the rows
"""
import shlex
import sys
from pathlib import Path

from matrix_rows import ROWS

HEAD = '''# The matrix of real servers

Servers from Debian 12's packages, changed in nothing, as four workers each. The suite `matrix`
holds every row to what it says here (`meson test -C build/gcc --suite matrix`), and this page is
written from the same rows (`tests/integration/matrix_page.py`). What was counted in a run is in
`BUILD/matrix/`.

Every row serves from four processes, and one that is killed by SIGKILL is replaced. Besides:

- **hang**: a worker that is stopped, or blocked by a request that never ends, is found after
  `timeout` and replaced, and no other is.
- **rotation**: each worker is replaced at its quota, under load, and for no other reason.
- **lost**: requests that were refused, reset or not answered in rotations and in two reloads under
  load, each on a connection of its own.
'''


def cell(text):
    return text.replace('|', '\\|')


def table():
    lines = ['| server | handoff | accept | liveness | hang | rotation | lost |',
             '|---|---|---|---|---|---|---|']
    for row in ROWS:
        way = 'stopped' if row.hang == 'stopped' else 'blocked'
        hang = 'not found' if row.liveness == 'auto' else f'found, {way}'
        lost = f'a few of some 10,000, fewer than {row.lost}' if row.lost else '0'
        lines.append('| ' + ' | '.join([
            cell(row.title), row.option('--handoff', 'inherit'), row.option('--accept', 'shared'),
            row.liveness, hang, f'by {row.quota}', lost]) + ' |')
    return '\n'.join(lines) + '\n'


def why(row):
    """What the row cannot, and why."""
    found = []
    if row.liveness == 'auto':
        found.append('A hang is not found: nothing in it beats.')
    if row.quota == 'lifetime':
        found.append('Rotation is by lifetime: nobody counts its requests.')
    if row.lost:
        found.append(f'Requests may be lost: {row.cuts}.')
    elif row.cuts:
        found.append(f'Alone {row.cuts.removeprefix("on TERM ")}: reeve sends it no connections '
                     'before.')
    if row.note:
        found.append(row.note + '.')
    return found


def section(row):
    words = ['reeve', 'run', '--listen', '127.0.0.1:8000', '--workers', '4', *row.options, '--',
             *row.command]
    line = ' '.join(shlex.quote(word.replace('{dir}', '/srv/app').replace('{port}', '8000'))
                    for word in words)
    out = f'## {row.title}\n\nFrom `{row.package}`.'
    out += ''.join(f' {sentence}' for sentence in why(row))
    out = wrapped(out) + f'\n\n```sh\n{folded(line)}\n```\n'
    return out + '<!-- not run: the suite matrix does -->\n'


def wrapped(text, width=118):
    """The text with its lines no longer than that."""
    lines = []
    for line in text.split('\n'):
        while len(line) > width:
            at = line.rfind(' ', 0, width)
            lines.append(line[:at])
            line = line[at + 1:]
        lines.append(line)
    return '\n'.join(lines)


def folded(command, width=110):
    """The command over lines that end in a backslash."""
    lines = []
    while len(command) > width:
        at = command.rfind(' -', 0, width)
        lines.append(command[:at] + ' \\')
        command = '    ' + command[at + 1:]
    return '\n'.join([*lines, command])


def page():
    return HEAD + '\n' + table() + '\n' + '\n'.join(section(row) for row in ROWS)


def main():
    checks = sys.argv[1:2] == ['--check']
    root = Path(sys.argv[2 if checks else 1])
    path = root / 'docs' / 'matrix.md'
    if not checks:
        path.write_text(page(), encoding='utf-8')
        return 0
    wrong = []
    if not path.exists() or path.read_text(encoding='utf-8') != page():
        wrong.append('docs/matrix.md is not what the rows say: run matrix_page.py ROOT')
    if sys.argv[3:] != [row.name for row in ROWS]:
        wrong.append('meson.build does not run these rows: ' + ' '.join(row.name for row in ROWS))
    print('\n'.join(wrong) or f'{len(ROWS)} rows')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
