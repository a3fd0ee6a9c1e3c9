#!/usr/bin/env python3
"""Reads meson's testlog.json and prints: passed, failed, skipped, and the names of the failed."""
import json
import sys

PASSED = {'OK', 'EXPECTEDFAIL'}
SKIPPED = {'SKIP', 'IGNORED'}


def main():
    results = [json.loads(line) for line in open(sys.argv[1], encoding='utf-8') if line.strip()]
    if not results:
        return 1
    passed = [r for r in results if r['result'] in PASSED]
    skipped = [r for r in results if r['result'] in SKIPPED]
    failed = [r for r in results if r['result'] not in PASSED | SKIPPED]
    print(len(passed), len(failed), len(skipped),
          *(f"{r['name'].replace(' ', '')}({r['result']})" for r in failed))
    return 0


if __name__ == '__main__':
    sys.exit(main())
