#!/usr/bin/env python3
"""Writes the options of reeve.yaml(5) from `reeve config --reference`, or checks them.

Usage: generate.py REEVE           writes them into the page beside this file
       generate.py --check REEVE   fails unless they are there, and unless mandoc has no complaint
"""
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE / 'reeve.yaml.5'
PAGES = (HERE / 'reeve.8', HERE / 'reeve-protocol.7', PAGE)
BEGIN, END = '.\\" options begin\n', '.\\" options end\n'


def plain(text):
    """Text as lines of mdoc, a sentence a line."""
    text = text.replace('\\', '\\e').replace('...', '\\&...')
    lines = re.split(r'(?<=[a-z0-9)"][.:]) (?=[A-Z0-9])', text.strip())
    return ''.join(('\\&' if line[0] in ".'" else '') + line + '\n' for line in lines if line)


def paragraphs(lines):
    """Words of lines that belong together, joined."""
    return [' '.join(part.split()) for part in '\n'.join(lines).split('\n\n') if part.strip()]


def option(lines):
    """One option: its head, its default, its paragraph, its choices."""
    key, kind = lines[0].split(None, 1)
    fallback, reload = re.fullmatch(r'\s+default (.*); reload: (\w+)', lines[1]).groups()
    text = [line for line in lines[2:] if re.match(r' {6}\S', line)]
    choices = [line.split(None, 1) for line in lines[2:] if re.match(r' {8}\S', line)]
    out = f'.It Sy {key}\n' + plain(kind[0].upper() + kind[1:] + '.')
    out += plain(f'Default {fallback}.') + f'Reload:\n.Em {reload} .\n'
    out += '.Pp\n' + plain(' '.join(line.strip() for line in text))
    if choices:
        out += '.Bl -tag -width critical -compact\n'
        out += ''.join(f'.It Cm {word}\n' + plain((meaning or [''])[0])
                       for word, *meaning in choices)
        out += '.El\n'
    return out


def section(title, lines):
    first = next((at for at, line in enumerate(lines[1:], 1)
                  if re.match(r'\s+default .*; reload: ', line)), 1) - 1
    out = f'.Sh {title}\n' + '.Pp\n'.join(plain(text) for text in paragraphs(lines[:first]))
    out += '.Bl -tag -width Ds\n'
    starts = [at for at in range(first, len(lines) - 1)
              if re.match(r'  \S', lines[at]) and ' default ' in lines[at + 1]]
    for begin, end in zip(starts, starts[1:] + [len(lines)]):
        out += option([line for line in lines[begin:end] if line.strip()])
    return out + '.El\n'


def options(reference):
    """All sections but the first, which the page has in its own words."""
    parts = re.split(r'^([A-Z][A-Z ]+)\n', reference, flags=re.M)[1:]
    return ''.join(section(title, text.strip('\n').split('\n'))
                   for title, text in zip(parts[2::2], parts[3::2]))


def complaints():
    """What mandoc says about the pages."""
    if shutil.which('mandoc') is None:
        print('no mandoc here: the pages are not linted')
        return ''
    done = subprocess.run(['mandoc', '-T', 'lint', '-W', 'warning', *PAGES], text=True,
                          capture_output=True, check=False)
    return done.stdout + done.stderr


def main():
    reference = subprocess.run([sys.argv[-1], 'config', '--reference'], text=True, check=True,
                               capture_output=True).stdout
    page = PAGE.read_text(encoding='utf-8')
    head, rest = page.split(BEGIN)
    wanted = head + BEGIN + options(reference) + END + rest.split(END)[1]
    if sys.argv[1] != '--check':
        PAGE.write_text(wanted, encoding='utf-8')
        return 0
    if page != wanted:
        print('reeve.yaml.5 is not what `reeve config --reference` says: run man/generate.py REEVE')
        return 1
    wrong = complaints()
    print(wrong or f'{len(PAGES)} pages')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
