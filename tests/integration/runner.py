"""Runs the tests of one file, one line each. Usage: FILE.py --build DIR [--repeat N] [NAME]..."""
import argparse
import os
import signal
import sys
import time
import traceback

import harness

SKIPPED = 77  # as meson has it


def _report_failure(test, error):
    """What a reader needs to see: where it failed, and what reeve said last."""
    frames = traceback.extract_tb(error.__traceback__)
    for frame in frames:
        if not frame.filename.endswith(('harness.py', 'runner.py')):
            print(f'    {os.path.basename(frame.filename)}:{frame.lineno}: {frame.line}')
    print(f'    {type(error).__name__}: {error}')
    for reeve in test.reeves:
        print(f'    reeve {reeve.pid}: {" ".join(reeve.argv)}')
        if reeve.stream is None:
            continue
        for line in reeve.stream.lines[-20:]:
            print(f'      | {line[:300]}')
        for event in reeve.stream.events[-60:]:
            place = '/'.join(str(event[key]) for key in ('pool', 'slot', 'pid') if key in event)
            words = event['message'][:300]
            print(f'      {event["time"][11:-1]} {event["event"]} {place}: {words}')


def _end(test, passed):
    """Ends and checks what the test left; the error, or None."""
    error = None
    try:
        if passed:
            test.stop_all()
            test.check_left()
    except Exception as failure:  # the run goes on with the next test
        error = failure
    try:
        test.close()
        if passed and error is None:
            test.check_descriptors()
    except Exception as failure:
        error = error or failure
    return error


def run_one(function, build):
    """'passed', 'failed' or 'skipped', said in one line (and more where it failed)."""
    test = harness.Test(build)
    began = time.monotonic()
    error = None
    verdict = 'passed'
    try:
        function(test)
    except harness.Skipped as skip:
        verdict = 'skipped'
        print(f'skip  {function.__name__}: {skip}', flush=True)
    except SystemExit:
        test.close()
        raise
    except Exception as failure:
        error = failure
    left = _end(test, error is None and verdict == 'passed')
    error = error or left
    if error is not None:
        sentence = ' '.join((function.__doc__ or '').split())
        print(f'FAIL  {function.__name__}: {sentence}')
        _report_failure(test, error)
        sys.stdout.flush()
        return 'failed'
    if verdict == 'passed':
        print(f'ok    {function.__name__} ({time.monotonic() - began:.1f} s)', flush=True)
    return verdict


def _give_up(_number, _frame):
    raise SystemExit('stopped by a signal')


def main(names):
    """Runs the functions test_* of a module's globals."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--build', required=True, help='meson build directory')
    parser.add_argument('--repeat', type=int, default=1)
    parser.add_argument('tests', nargs='*', help='only those whose name contains one of these')
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _give_up)
    harness.become_subreaper()
    tests = [value for name, value in names.items() if name.startswith('test_')
             and (not arguments.tests or any(word in name for word in arguments.tests))]
    for test in tests:
        if not test.__doc__:
            raise SystemExit(f'{test.__name__} does not say what would break')
    counts = {'passed': 0, 'failed': 0, 'skipped': 0}
    for _ in range(arguments.repeat):
        for test in tests:
            counts[run_one(test, os.path.abspath(arguments.build))] += 1
    print(', '.join(f'{count} {verdict}' for verdict, count in counts.items()))
    if counts['failed']:
        raise SystemExit(1)
    # Where nothing at all could be tried, that is what is to be reported.
    raise SystemExit(0 if counts['passed'] else SKIPPED)
