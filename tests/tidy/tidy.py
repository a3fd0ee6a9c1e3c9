#!/usr/bin/env python3
"""Keeps the house rules: reads every source of the tree and fails on the first broken promise.

Usage: tidy.py [ROOT]
"""
import os
import posixpath
import sys
from pathlib import Path

import rules

SKIPPED_FOLDERS = {'.git', '.cache', '__pycache__', 'packagecache'}
TEXT = ('.hpp', '.cpp', '.h', '.c', '.py', '.md', '.build', '.txt', '.yaml', '.yml', '.wrap', '.sh',
        '.in', '.service')
TOP = ('.clang-format', '.clang-tidy', '.editorconfig', '.gitignore', 'LICENSE')


def files(root):
    """Paths, relative to the root, of every text that is the project's own."""
    for folder, folders, names in os.walk(root):
        here = Path(folder).relative_to(root)
        folders[:] = sorted(name for name in folders if name not in SKIPPED_FOLDERS
                            and not (here == Path('.') and name.startswith('build'))
                            and not (here == Path('subprojects')))
        for name in sorted(names):
            path = (here / name).as_posix()
            if name.endswith(TEXT) or path in TOP or path.startswith(('scripts/', '.ci/')):
                yield path


def check_tree(root):
    """All complaints about the tree, and how many files were read."""
    complaints = []
    paths = list(files(root))
    beside = {}
    for path in paths:
        folder, name = posixpath.split(path)
        beside.setdefault(folder, set()).add(name)
    for path in paths:
        text = (root / path).read_text(encoding='utf-8')
        complaints += rules.check(path, text, beside[posixpath.dirname(path)])
        if path.endswith('.md'):
            complaints += rules.links(path, text, lambda target: (root / target).exists())
    return complaints, len(paths)


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[2]).resolve()
    complaints, count = check_tree(root)
    for complaint in complaints:
        print(complaint)
    if count < 20:
        print(f'only {count} files found under {root}: is this the tree?')
        return 1
    print(f'{count} files, {len(complaints)} complaints')
    return 1 if complaints else 0


if __name__ == '__main__':
    sys.exit(main())
