#!/usr/bin/env python3
"""What `reeve explain` advises is what then works."""
import json
import os
import shutil
import subprocess

import runner
from harness import check, equal
from matrix_rows import ROWS, missing

UVICORN = '/usr/bin/uvicorn'
APP = '''import os


async def app(scope, receive, send):
    body = str(os.getpid()).encode()
    length = [(b'content-length', str(len(body)).encode())]
    await send({'type': 'http.response.start', 'status': 200, 'headers': length})
    await send({'type': 'http.response.body', 'body': body})
'''


def _explain(t, *words, code=0):
    done = subprocess.run([t.built('src/cli/reeve'), 'explain', *words], env=t.environment(),
                          cwd=t.dir, capture_output=True, text=True, timeout=60, check=False)
    equal(done.returncode, code, f'exit code ({done.stderr})')
    return done.stdout if code == 0 else done.stderr


def test_explain_says_what_is_wrong(t):
    """A script could not tell a missing program from advice."""
    check('no such program in PATH' in _explain(t, '--', 'no-such-program', code=78), 'the reason')
    check('no such program' in _explain(t, '--', 'env', 'no-such-program', code=78), 'behind env')
    check('--listen' in _explain(t, '--listn', 'x', '--', 'sh', code=2), 'what was meant')
    check('pools.q' in _explain(t, '-c', t.file('a.yaml', 'pools: {q: {command: [no-such]}}'),
                                code=78), 'which pool')


def test_explain_speaks_of_every_pool_of_a_file(t):
    """Who has a file would have to type its commands again."""
    path = t.file('a.yaml', 'pools: {a: {command: sh, listen: "unix:/x"}, b: {command: cat}}')
    pools = json.loads(_explain(t, '--json', '-c', path))['pools']
    equal([(pool['pool'], pool['run']) for pool in pools], [('a', None), ('b', None)], 'pools')
    text = _explain(t, '-c', path)
    check(text.startswith('a\n') and '\n\nb\n' in text, 'the page:', text)


def test_what_is_advised_for_uvicorn_serves(t):
    """The line that is printed would not work when it is pasted."""
    t.skip_unless(os.path.exists(UVICORN), 'no uvicorn: apt-get install uvicorn')
    t.file('app.py', APP)
    advice = json.loads(_explain(t, '--json', '--listen', '127.0.0.1:0', '--workers', '2', '--',
                                 UVICORN, 'app:app', '--port', '8000'))['pools'][0]
    check(advice['run'].startswith('reeve run ') and '--workers 2 ' in advice['run'], advice['run'])
    check('--port' not in advice['command'] and '{fd:web}' in advice['command'], 'the command')
    folder = t.path('bin')
    os.mkdir(folder)
    # The line is one for a shell, and `run` is not the place for the options of a test.
    script = t.file('bin/reeve', f'#!/bin/sh\nshift\nexec {t.built("src/cli/reeve")} run '
                    '--log-format json --log-level debug "$@"\n', mode=0o755)
    check(shutil.which('reeve', path=folder) == script, 'the wrapper')
    reeve = t.shell('exec ' + advice['run'], path=folder)
    reeve.wait_ready(2)
    reeve.wait_pids(lambda pids: len(pids) == 2, path='/')


def test_what_is_advised_is_what_the_matrix_runs(t):
    """The table of known programs would say other things than real servers were seen to do."""
    tried = [row for row in ROWS if not row.build and not missing(row)]
    t.skip_unless(tried, 'none of the servers is here')
    for row in tried:
        command = [word.replace('{port}', '8000') for word in row.command]
        advice = json.loads(_explain(t, '--json', '--listen', '127.0.0.1:8000', '--', *command))
        options = advice['pools'][0]['options']
        for key, default in (('handoff', 'inherit'), ('stop_signal', 'TERM')):
            equal(options[key]['value'], row.option('--' + key.replace('_', '-'), default),
                  f'{key} of {row.name}')


if __name__ == '__main__':
    runner.main(globals())
