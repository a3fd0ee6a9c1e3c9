#!/usr/bin/env python3
"""The guide docs/from-gunicorn.md, followed word by word on a machine that runs Gunicorn."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'integration'))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tidy'))

import docs_test  # noqa: E402
import net  # noqa: E402
import runner  # noqa: E402
from harness import check, equal, patient, pause  # noqa: E402
from machine import SOURCE, Machine  # noqa: E402
from test_install import install, unit_dir  # noqa: E402

GUIDE = 'docs/from-gunicorn.md'
CONFIGURATION = 'tests/integration/import/founding.conf.py'
PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
SERVICE = '''[Unit]
Description=The site
[Service]
Type=notify
User=www-data
Group=www-data
WorkingDirectory=/srv/site
Environment=GUNICORN_WORKERS=3 "GREETING=hello, world"
EnvironmentFile=-/srv/site/none
EnvironmentFile=/srv/site/site.env
ExecStart=/usr/bin/gunicorn config.asgi:application -c gunicorn.conf.py
ExecReload=/bin/kill -s HUP $MAINPID
KillMode=mixed
[Install]
WantedBy=multi-user.target
'''
APPLICATION = '''import os


async def application(scope, receive, send):
    if scope['type'] != 'http':
        return
    with open(f'/proc/{os.getppid()}/comm', encoding='ascii') as file:
        words = os.environ['GREETING'], os.environ['NAME'], os.getuid(), file.read().strip()
    body = ' '.join(map(str, words)).encode()
    length = [(b'content-length', str(len(body)).encode())]
    await send({'type': 'http.response.start', 'status': 200, 'headers': length})
    await send({'type': 'http.response.body', 'body': body})
'''


class Site(Machine):
    """A machine on which reeve was installed, and a site is served by Gunicorn."""

    def __init__(self, t):
        for program in ('/usr/bin/gunicorn', '/usr/bin/uvicorn', '/usr/bin/curl'):
            t.skip_unless(os.path.exists(program), f'{program} is not installed')
        tree, prefix, _libdir = install(t)
        t.skip_unless(prefix.startswith('/usr'), f'the prefix is {prefix}')
        super().__init__(t, root=tree)
        self.port = str(net.free_port())
        self.address = f'127.0.0.1:{self.port}'
        self.unit_path = f'{self.units}:/etc/systemd/system:{unit_dir(tree)[len(tree):]}'
        os.makedirs(tree + '/etc/systemd/system', exist_ok=True)
        t.file('tree/etc/systemd/system/gunicorn.service', SERVICE)

    def __enter__(self):
        super().__enter__()
        self.script('mount -t tmpfs tmpfs /srv && mkdir -p /srv/site/config')
        site = self.path('/srv/site')
        with open(os.path.join(SOURCE, CONFIGURATION), encoding='utf-8') as file:
            text = file.read()
        equal(text.count('8000'), 1, 'ports in the configuration')
        for name, content in (('gunicorn.conf.py', text.replace('8000', self.port)),
                              ('config/asgi.py', APPLICATION), ('site.env', 'NAME="site"\n')):
            with open(os.path.join(site, name), 'w', encoding='utf-8') as file:
                file.write(content)
        self.ctl('enable', '--now', 'gunicorn')
        return self

    def script(self, text):
        """What the commands say; each must succeed."""
        done = self.run('env', '-i', f'PATH={PATH}', 'sh', '-e', '-c', text)
        equal(done.returncode, 0, f'{text}: {done.stdout} {done.stderr}')
        return done.stdout, done.stderr

    def answer(self):
        """What the old URL answers, once somebody listens there."""
        def ask(left):
            try:
                return net.get(self.address, '/')
            except ConnectionError:
                pause(min(left, 0.02))
                return None
        return patient(ask, f'an answer of {self.address}')


def _blocks():
    """The commands of the guide's two steps: the import, and the change."""
    with open(os.path.join(SOURCE, GUIDE), encoding='utf-8') as file:
        found = [block.body for block in docs_test.blocks(file.read(), GUIDE) if block.kind == 'sh']
    equal(len(found), 2, 'blocks of commands in the guide')
    return found


def test_the_guide_moves_a_service(t):
    """Who follows the guide would end with a service that does not run, or runs as root."""
    first, second = _blocks()
    with Site(t) as site:
        old = site.answer()
        check(re.fullmatch(r'hello, world site [1-9]\d* gunicorn', old), 'the old answer:', old)
        new = old.replace('gunicorn', 'reeve')
        _, report = site.script(first)
        check('carried over' in report and 'meant differently' in report, report)
        said, _ = site.script(second.replace(docs_test.DOCUMENTED_PORT, site.port))
        check(re.search(r'^active$', said, re.M), 'systemctl is-active reeve:', said)
        check(new in said, 'the old URL is answered by a worker of reeve:', said)
        check(re.search(r'^ *web\b', said, re.M), 'reeve status:', said)
        equal(site.answer(), new, 'the old URL')
        check(re.search(r'\b[123]/3 ready', said), 'the number of workers:', said)
        equal(site.show('gunicorn', 'ActiveState'), 'inactive', 'gunicorn')
        # Its signals, as the guide has them.
        site.ctl('reload', 'reeve')
        site.script('reeve scale web=+1; reeve scale web=-1')
        equal(site.answer(), new, 'the old URL after a reload')
        # And back.
        site.script('systemctl disable --now reeve; systemctl enable --now gunicorn')
        equal(site.answer(), old, 'the old URL after the way back')


if __name__ == '__main__':
    runner.main(globals())
