#!/usr/bin/env python3
"""Runs every command of the documentation, so that no page promises what does not work.

Usage: docs_test.py ROOT REEVE WORKER

A block marked `sh` is run line by line: `reeve run` is left serving while the lines after it run,
and must end with exit code 0 when it is told to stop. A block marked `yaml` that has pools is given
to `reeve check`. One marked `python` that begins with `# NAME.py:` is that file for all commands
of its page. A block that cannot be run is followed by `<!-- not run: reason -->`.
"""
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

DOCUMENTED_PORT = '8000'
METRICS_PORT = '9101'
SECONDS = 60

BLOCK = re.compile(r'^```(?P<kind>\w*)[ \t]*\n(?P<body>.*?)^```[ \t]*\n'
                   r'(?:\s*<!-- not run: (?P<why>.*?) -->)?', re.MULTILINE | re.DOTALL)

APP = '''"""The smallest ASGI application."""


async def app(scope, receive, send):
    if scope['type'] != 'http':
        return
    await send({'type': 'http.response.start', 'status': 200, 'headers': []})
    await send({'type': 'http.response.body', 'body': b'hello'})
'''


class Failed(Exception):
    """A command of the documentation did not do what it promises."""


@dataclass
class Block:
    """A fenced block, where it is, and why it is not run, if it is not."""
    place: str
    kind: str
    body: str
    why: str


def blocks(text, name):
    for match in BLOCK.finditer(text):
        line = text.count('\n', 0, match.start()) + 1
        yield Block(f'{name}:{line}', match['kind'], match['body'], match['why'])


def commands(body):
    """The commands of a block: continued lines joined, comments and blank lines left out."""
    joined = re.sub(r'\s*\\\n\s*', ' ', body)
    return [line.strip() for line in joined.split('\n')
            if line.strip() and not line.strip().startswith('#')]


def smuggled(block):
    """A block without a kind that shows a command would never be run."""
    return block.kind not in ('sh', 'yaml') and re.search(
        r'^\s*\$?\s*(?:reeve |curl |\./scripts/|ninja |meson )', block.body, re.MULTILINE)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return str(probe.getsockname()[1])


class Sandbox:
    """A folder with what the documentation takes for granted: `reeve`, `./worker` and `app.py`."""

    def __init__(self, reeve, worker, files):
        self.folder = Path(tempfile.mkdtemp(prefix='reeve-docs-'))
        programs = self.folder / 'bin'
        programs.mkdir()
        (programs / 'reeve').symlink_to(reeve)
        shutil.copy(worker, self.folder / 'worker')
        for name, text in {'app.py': APP, **files}.items():
            (self.folder / name).write_text(text, encoding='utf-8')
        # The admin socket goes there, where no other reeve has its own.
        self.environment = {**os.environ, 'PATH': f'{programs}:{os.environ["PATH"]}',
                            'RUNTIME_DIRECTORY': str(self.folder)}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder)

    def run(self, command):
        done = subprocess.run(['sh', '-c', command], cwd=self.folder, env=self.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=SECONDS, check=False)
        if done.returncode != 0:
            raise Failed(f'`{command}` ended with {done.returncode}:\n{done.stdout}')
        return done.stdout

    def serve(self, command):
        log = open(self.folder / 'reeve.log', 'w+', encoding='utf-8')
        process = subprocess.Popen(['sh', '-c', 'exec ' + command], cwd=self.folder,
                                   env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                                   stderr=log)
        return Server(command, process, log)


class Server:
    """A `reeve run` that is left running while other commands are tried on it."""

    def __init__(self, command, process, log):
        self.command = command
        self.process = process
        self.log = log
        self.pidfd = os.pidfd_open(process.pid)

    def ended_within(self, seconds):
        return bool(select.select([self.pidfd], [], [], seconds)[0])

    def said(self):
        self.log.flush()
        return Path(self.log.name).read_text(encoding='utf-8', errors='replace')

    def wait_until_it_answers(self, port):
        for _ in range(SECONDS * 20):
            try:
                with urllib.request.urlopen(f'http://127.0.0.1:{port}/', timeout=SECONDS) as answer:
                    answer.read()
                    return
            except urllib.error.HTTPError:
                return
            except OSError:
                if self.ended_within(0.05):
                    break
        raise Failed(f'`{self.command}` does not serve:\n{self.said()}')

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        if not self.ended_within(SECONDS):
            self.process.kill()
            raise Failed(f'`{self.command}` does not stop:\n{self.said()}')
        code = self.process.wait()
        if code != 0:
            raise Failed(f'`{self.command}` stopped with {code}:\n{self.said()}')

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.pidfd)
        self.log.close()


def run_shell(block, reeve, worker, files):
    port, metrics_port = free_port(), free_port()
    with Sandbox(reeve, worker, files) as sandbox:
        server = None
        try:
            for command in commands(block.body):
                command = re.sub(rf'\b{DOCUMENTED_PORT}\b', port, command)
                command = re.sub(rf'\b{METRICS_PORT}\b', metrics_port, command)
                if re.match(r'reeve run\b', command):
                    server = sandbox.serve(command)
                    server.wait_until_it_answers(port)
                else:
                    sandbox.run(command)
            if server:
                server.stop()
        finally:
            if server:
                server.close()


def run_yaml(block, reeve, worker, files):
    with Sandbox(reeve, worker, files) as sandbox:
        (sandbox.folder / 'reeve.yaml').write_text(block.body, encoding='utf-8')
        sandbox.run('reeve check -c reeve.yaml')


def programs(page_blocks):
    """{name: text} of the files that a page shows."""
    named = ((re.match(r'# (\w+\.py):', block.body), block) for block in page_blocks
             if block.kind == 'python')
    return {match[1]: block.body for match, block in named if match}


def run_block(block, *surroundings):
    """What became of the block, in one word."""
    if smuggled(block):
        raise Failed('shows commands, but is not marked `sh`, so nobody would run them')
    if block.why:
        return f'not run: {block.why}'
    if block.kind == 'sh':
        run_shell(block, *surroundings)
        return 'ran'
    if block.kind == 'yaml' and re.search(r'^pools:', block.body, re.MULTILINE):
        run_yaml(block, *surroundings)
        return 'checked'
    return ''


def self_test():
    """The reader of the pages must find what it is there for."""
    text = ('```sh\na \\\n  b\n# c\n```\n\n```sh\nd\n```\n<!-- not run: e -->\n\n'
            '```\nreeve run\n```\n')
    first, second, third = blocks(text, 'x')
    assert commands(first.body) == ['a b'] and first.why is None
    assert second.why == 'e'
    assert smuggled(third) and not smuggled(first)
    page = list(blocks('```python\n# a.py: x\n```\n```python\n# b\n```\n', 'x'))
    assert programs(page) == {'a.py': '# a.py: x\n'}


def main():
    self_test()
    root, reeve, worker = (Path(argument).resolve() for argument in sys.argv[1:4])
    pages = sorted([*root.glob('*.md'), *root.glob('docs/**/*.md')])
    ran = failed = 0
    for page in pages:
        page_blocks = list(blocks(page.read_text(encoding='utf-8'), page.relative_to(root)))
        files = programs(page_blocks)
        for block in page_blocks:
            try:
                outcome = run_block(block, reeve, worker, files)
                ran += outcome in ('ran', 'checked')
            except (Failed, subprocess.TimeoutExpired) as error:
                outcome = f'FAILED: {error}'
                failed += 1
            if outcome:
                print(f'{block.place}: {outcome}', flush=True)
    print(f'{ran} blocks hold, {failed} do not')
    return 1 if failed or not ran else 0


if __name__ == '__main__':
    sys.exit(main())
