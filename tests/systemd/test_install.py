#!/usr/bin/env python3
"""What `meson install` places, that it can be used, and that systemd can run it."""
import json
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'integration'))

import net  # noqa: E402
import runner  # noqa: E402
from harness import check, equal  # noqa: E402
from machine import SOURCE, Machine, Unit  # noqa: E402

# Below the prefix, without the version of the library and the library directory's own name.
FILES = {
    'bin/reeve', 'include/reeve/protocol.h', 'include/reeve/worker.h',
    'LIB/libreeve-preload.so', 'LIB/libreeve-worker.a', 'LIB/libreeve-worker.so',
    'LIB/libreeve-worker.so.1',
    'LIB/pkgconfig/reeve-worker.pc',
    'UNITS/reeve.service', 'UNITS/reeve@.service', 'UNITS/reeve.socket',
    'share/man/man8/reeve.8', 'share/man/man5/reeve.yaml.5', 'share/man/man7/reeve-protocol.7',
    'share/bash-completion/completions/reeve', 'share/zsh/site-functions/_reeve',
    'share/fish/vendor_completions.d/reeve.fish',
    'share/doc/reeve/reeve.yaml', 'share/doc/reeve/hardening.conf',
    'share/doc/reeve/grafana/reeve.json', 'share/doc/reeve/prometheus/prometheus.yml',
    'share/doc/reeve/prometheus/reeve.rules.yml',
}


def _options(t):
    done = subprocess.run(['meson', 'introspect', '--buildoptions', t.build], check=True, text=True,
                          capture_output=True, stdin=subprocess.DEVNULL)
    return {option['name']: option['value'] for option in json.loads(done.stdout)}


def install(t):
    """(tree, prefix, libdir) of an installation of its own."""
    t.skip_unless(shutil.which('meson') is not None, 'meson is not installed')
    tree = t.path('tree')
    done = subprocess.run(['meson', 'install', '-C', t.build, '--no-rebuild', '--destdir', tree],
                          text=True, capture_output=True, check=False, timeout=60,
                          stdin=subprocess.DEVNULL)
    equal(done.returncode, 0, done.stdout[-500:] + done.stderr[-500:])
    options = _options(t)
    return tree, options['prefix'], options['libdir']


def unit_dir(tree):
    for folder, _folders, files in os.walk(tree):
        if 'reeve.service' in files:
            return folder
    return None


def test_every_file_is_installed(t):
    """A package would lack a page, a unit or the library, and nobody would notice."""
    tree, prefix, libdir = install(t)
    below = tree + prefix
    units = unit_dir(tree)
    found = set()
    for folder, _folders, files in os.walk(tree):
        for name in files:
            path = os.path.join(folder, name)
            if folder == units:
                found.add('UNITS/' + name)
            elif path.startswith(below + '/'):
                found.add(os.path.relpath(path, below).replace(libdir + '/', 'LIB/', 1))
            else:
                found.add(path[len(tree):])
    found = {name for name in found if not name.startswith('LIB/libreeve-worker.so.1.')}
    equal(sorted(found - FILES), ['/etc/reeve/reeve.yaml'], 'files that nobody expects')
    equal(sorted(FILES - found), [], 'files that are missing')
    with open(os.path.join(units, 'reeve.service'), encoding='utf-8') as file:
        check(f'ExecStart={prefix}/bin/reeve run' in file.read(), 'the unit names another program')
    done = subprocess.run([below + '/bin/reeve', '--version'], text=True, capture_output=True,
                          check=False, stdin=subprocess.DEVNULL)
    equal(done.returncode, 0, 'reeve --version')
    done = subprocess.run([below + '/bin/reeve', 'check', '-c', tree + '/etc/reeve/reeve.yaml'],
                          text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    equal(done.returncode, 0, 'the example: ' + done.stderr)


def test_a_configuration_is_never_replaced(t):
    """An upgrade would replace the operator's configuration by the example."""
    tree = t.path('tree')
    os.makedirs(tree + '/etc/reeve')
    t.file('tree/etc/reeve/reeve.yaml', 'pools: {mine: {command: x}}\n')
    install(t)
    with open(tree + '/etc/reeve/reeve.yaml', encoding='utf-8') as file:
        equal(file.read(), 'pools: {mine: {command: x}}\n', 'the configuration')


def test_a_worker_is_built_with_the_installed_library(t):
    """Who follows the manual to write a worker could not compile it."""
    tree, prefix, libdir = install(t)
    t.skip_unless(shutil.which('cc') and shutil.which('pkg-config'), 'no cc or no pkg-config')
    where = os.path.join(tree + prefix, libdir, 'pkgconfig')
    flags = subprocess.run(
        ['pkg-config', '--cflags', '--libs', 'reeve-worker'], check=True, text=True,
        capture_output=True, stdin=subprocess.DEVNULL,
        env={**os.environ, 'PKG_CONFIG_PATH': where, 'PKG_CONFIG_SYSROOT_DIR': tree,
             'PKG_CONFIG_ALLOW_SYSTEM_CFLAGS': '1', 'PKG_CONFIG_ALLOW_SYSTEM_LIBS': '1'})
    examples = os.path.join(SOURCE, 'examples')
    worker = t.path('worker')
    done = subprocess.run(
        ['cc', '-D_GNU_SOURCE', '-o', worker,
         *(f'{examples}/{name}.c' for name in ('http_worker', 'http_connection', 'http_access')),
         *flags.stdout.split(), '-lpthread',
         '-Wl,-rpath,' + os.path.join(tree + prefix, libdir)],
        text=True, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    equal(done.returncode, 0, 'cc: ' + done.stderr)
    reeve = t.web(workers=1, command=[worker])
    reeve.wait_ready(1)
    equal(reeve.find('worker_ready')[0]['by'], 'word', 'the worker speaks')
    reeve.get()


def test_the_installed_service_serves(t):
    """`systemctl enable --now reeve` would fail on the machine of whoever installed it."""
    tree, prefix, _libdir = install(t)
    units = unit_dir(tree)[len(tree):]
    t.skip_unless(prefix.startswith('/usr'), f'the prefix is {prefix}')
    t.file('tree/etc/reeve/reeve.yaml', f'''
log: {{format: json, level: debug}}
pools:
  web:
    command: [{t.http_worker[0]}]
    workers: 2
    listen: {{web: "127.0.0.1:0"}}
''')
    machine = Machine(t, root=tree)
    machine.unit_path = f'{machine.units}:/etc/systemd/system:{units}'
    unit = Unit(machine, 'reeve.service')
    machine.watch(unit)
    machine.unit('reeve.service.d/log.conf', f'[Service]\nStandardError=append:{unit.log}\n')
    with machine:
        machine.ctl('enable', '--now', 'reeve')
        equal(unit.show('ActiveState'), 'active', 'the state')
        check(os.path.islink(
            machine.path('/etc/systemd/system/multi-user.target.wants/reeve.service')), 'enabled')
        first = net.get(unit.address())
        done = machine.run('reeve', 'status', '--json')
        equal(done.returncode, 0, 'reeve status: ' + done.stderr)
        equal(json.loads(done.stdout)['pools']['web']['ready'], 2, 'ready workers')
        machine.ctl('reload', 'reeve')
        check(net.get(unit.address()) != first, 'the same worker after a reload')
        machine.ctl('restart', 'reeve')
        net.get(unit.address())
        machine.ctl('disable', '--now', 'reeve')
        check(net.refused(unit.address()), 'the port is closed')


if __name__ == '__main__':
    runner.main(globals())
