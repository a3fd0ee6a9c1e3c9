#!/usr/bin/env python3
"""Keeps the tables of the pages what reeve itself says.

Usage: import_page.py REEVE ROOT           writes the tables into the pages
       import_page.py --check REEVE ROOT   fails when a page does not have them
"""
import re
import subprocess
import sys
from pathlib import Path

PAGES = ('docs/from-gunicorn.md', 'docs/from-supervisord.md')
PART = re.compile(r'(<!-- begin: reeve (?P<words>[^\n]*) -->\n).*?(<!-- end -->)', re.DOTALL)


def with_tables(text, reeve):
    """The page with what the commands of its comments print."""
    def fill(match):
        table = subprocess.run([reeve, *match['words'].split()], stdout=subprocess.PIPE, text=True,
                               check=True).stdout
        return f'{match[1]}\n{table}\n{match[3]}'
    return PART.sub(fill, text)


def main(arguments):
    check = arguments[:1] == ['--check']
    reeve, root = arguments[check:]
    wrong = []
    for name in PAGES:
        page = Path(root) / name
        text = page.read_text(encoding='utf-8')
        if not PART.search(text):
            raise SystemExit(f'{name} has no table')
        right = with_tables(text, reeve)
        if right == text:
            continue
        wrong.append(name)
        if not check:
            page.write_text(right, encoding='utf-8')
    if check and wrong:
        print(f'{", ".join(wrong)}: not what reeve says; import_page.py writes it')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
