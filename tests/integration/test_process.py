#!/usr/bin/env python3
"""What a worker finds when it starts: descriptors, signals, ids, limits, environment."""
import grp
import os
import pwd
import signal
import stat
import subprocess

import runner
from harness import check, equal

POISON = {
    'NOTIFY_SOCKET': '/run/nobody-home', 'WATCHDOG_USEC': '1', 'WATCHDOG_PID': '1',
    'LISTEN_FDS': '9', 'LISTEN_PID': '1', 'LISTEN_FDNAMES': 'poison',
    'REEVE_CONTROL_FD': '99', 'REEVE_HEARTBEAT_FD': '98', 'REEVE_TOKEN': 'poison',
    'REEVE_QUOTA': '1', 'REEVE_REJOIN': 'poison', 'MINE': 'kept',
}


def _state(t, *options, name='state', words=('--serve',), slot=0, **more):
    """(reeve, what the one worker found)."""
    reeve = t.web(*options, command=t.misbehave('print-state', t.path(name), *words), **more)
    reeve.worker(slot=slot)
    return reeve, t.wait_json(name)


def test_a_worker_gets_exactly_its_descriptors(t):
    """Workers would hold each other's sockets and reeve's own files, and keep them open."""
    reeve, state = _state(t, '--listen', 'admin=unix:' + t.path('a.sock'), workers=1)
    fds = {int(number): fd for number, fd in state['fds'].items()}
    equal(sorted(fds), [0, 1, 2, 3, 4, 5, 6], 'descriptors')
    equal(fds[0]['target'], '/dev/null', 'stdin')
    for number in (3, 4, 5):
        check(fds[number]['target'].startswith('socket:'), 'a socket', number, fds[number])
    check(fds[6]['target'].startswith('pipe:'), 'the heartbeat', fds[6])
    check(fds[2]['target'].startswith('pipe:'), 'stderr', fds[2])
    check(not fds[2]['flags'] & os.O_NONBLOCK, 'stderr blocks, as programs expect')
    check(fds[6]['flags'] & os.O_NONBLOCK, 'a heartbeat never blocks')
    env = state['env']
    equal((env['LISTEN_FDS'], env['LISTEN_FDNAMES']), ('2', 'web:admin'), 'sockets')
    equal(int(env['LISTEN_PID']), state['pid'], 'LISTEN_PID')
    equal((env['REEVE_CONTROL_FD'], env['REEVE_HEARTBEAT_FD']), ('5', '6'), 'channels')
    reeve.get()


def test_no_descriptor_of_the_parent_gets_through(t):
    """What whoever started reeve left open would be open in every worker."""
    leaked = os.open(t.dir, os.O_RDONLY)
    try:
        os.set_inheritable(leaked, True)
        before = ['/bin/sh', '-c', f'exec 7<{t.dir} 8>&2 && exec "$@"', 'sh']
        _reeve, state = _state(t, '--liveness', 'none', before=before, workers=1,
                               words=('--serve', '--no-drains'))
    finally:
        os.close(leaked)
    equal(sorted(map(int, state['fds'])), [0, 1, 2, 3], 'descriptors')


def test_a_worker_starts_with_clean_signals(t):
    """A worker would inherit what reeve ignores or blocks: SIGPIPE would be ignored, TERM lost."""
    before = ['/bin/sh', '-c', 'trap "" HUP INT PIPE USR1; exec "$@"', 'sh']
    _reeve, state = _state(t, before=before, workers=1)
    for mask in ('SigBlk', 'SigIgn', 'SigCgt'):
        equal(int(state['status'][mask], 16), 0, mask)


def test_a_worker_has_a_group_of_its_own(t):
    """A Ctrl-C meant for reeve would hit the workers, and a kill of one tree the others."""
    reeve, state = _state(t, workers=1)
    equal(state['pgid'], state['pid'], 'process group')
    equal(state['ppid'], reeve.pid, 'parent')
    equal(state['pdeathsig'], signal.SIGTERM, 'signal at the death of reeve')


def test_the_environment_is_scrubbed(t):
    """Workers would talk to reeve's own service manager, or take its sockets for theirs."""
    _reeve, state = _state(t, env=POISON, workers=1)
    env = state['env']
    for key, value in POISON.items():
        if key != 'MINE':
            check(env.get(key) != value, 'a poisoned variable got through', key)
    equal(env['MINE'], 'kept', 'other variables')
    for key in ('NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID', 'REEVE_QUOTA', 'REEVE_REJOIN'):
        check(key not in env, 'a variable that is not for workers', key)
    equal((env['REEVE_PROTOCOL'], env['REEVE_POOL'], env['REEVE_SLOT']), ('1', 'web', '0'),
          'its own')
    check(env['REEVE_TOKEN'] not in ('', 'poison'), 'token')


def test_env_and_env_file(t):
    """Secrets from a file and settings from the configuration would not reach the program."""
    file = t.file('secrets', '# comment\n\nexport A=from file\nB="quoted value"\nC=lost\n')
    _reeve, state = _state(
        t, '--env-file', file, '--env', 'C=wins', '--env', 'PLACE={slot}:{port:web}:{fd:web}',
        '--env', 'A_LITERAL={{slot}', env={'C': 'parent', 'D': 'parent'}, workers=1)
    env = state['env']
    equal((env['A'], env['B'], env['C'], env['D']), ('from file', 'quoted value', 'wins', 'parent'),
          'precedence')
    slot, port, fd = env['PLACE'].split(':')
    equal((slot, fd), ('0', '3'), 'placeholders')
    check(int(port) > 0, 'the port that the kernel chose', port)
    equal(env['A_LITERAL'], '{slot}', 'an escaped placeholder')


def test_the_env_file_is_read_at_each_start(t):
    """A rotated secret would reach nobody before reeve itself was restarted."""
    file = t.file('secrets', 'KEY=old\n')
    reeve, state = _state(t, '--env-file', file, workers=1)
    equal(state['env']['KEY'], 'old', 'at first')
    t.file('secrets', 'KEY=new\n')
    os.unlink(t.path('state'))
    worker = reeve.worker()
    worker.signal(signal.SIGKILL)
    reeve.worker(since=reeve.death(worker))
    equal(t.wait_json('state')['env']['KEY'], 'new', 'then')


def test_cwd_umask_nice_and_limits(t):
    """A worker would run in the wrong place, with the wrong rights or without its limits."""
    folder = t.path('there')
    os.mkdir(folder)
    _reeve, state = _state(t, '--cwd', folder, '--umask', '0027', '--nice', 7,
                           '--rlimits', 'nofile=777', '--rlimits', 'core=0', workers=1)
    equal(os.path.realpath(state['cwd']), os.path.realpath(folder), 'cwd')
    equal((state['umask'], state['nice']), (0o027, 7), 'umask and nice')
    equal((state['rlimits']['nofile'], state['rlimits']['core']), ([777, 777], [0, 0]), 'limits')


def test_a_worker_gets_back_the_parents_nofile(t):
    """reeve raises its own limit; a worker that uses select would break above 1024."""
    before = ['/bin/sh', '-c', 'ulimit -Sn 512; exec "$@"', 'sh']
    _reeve, state = _state(t, before=before, workers=1)
    equal(state['rlimits']['nofile'][0], 512, 'the soft limit')


def test_cpu_affinity_spreads_the_slots(t):
    """Workers bound to CPUs would all be bound to the same one."""
    cpus = sorted(os.sched_getaffinity(0))
    reeve = t.web('--cpu-affinity', 'yes', workers=4,
                  command=t.misbehave('print-state', t.path('state.{slot}'), '--serve'))
    reeve.wait_ready(4)
    for slot in range(4):
        equal(t.wait_json(f'state.{slot}')['affinity'], [cpus[slot % len(cpus)]], f'slot {slot}')


def test_a_worker_runs_as_its_user(t):
    """Workers would keep root's rights, its groups, or lose the signal at reeve's death."""
    t.skip_unless_root()
    user = pwd.getpwnam('nobody')
    os.chmod(t.dir, 0o777)
    _reeve, state = _state(t, '--user', 'nobody', workers=1)
    equal(state['uid'], [user.pw_uid] * 2, 'uid')
    equal(state['gid'], [user.pw_gid] * 2, 'gid')
    equal(set(state['groups']), set(os.getgrouplist('nobody', user.pw_gid)), 'groups')
    equal(state['pdeathsig'], signal.SIGTERM, 'signal at the death of reeve')
    equal((state['env']['USER'], state['env']['HOME']), ('nobody', user.pw_dir), 'environment')
    equal(int(state['status']['CapEff'], 16), 0, 'capabilities')


def test_a_worker_has_the_supplementary_groups(t):
    """Files that a user may read through a further group would be closed to the workers."""
    t.skip_unless_root()
    os.chmod(t.dir, 0o777)
    # A table of groups of our own, seen by this reeve alone.
    table = t.file('group', 'root:x:0:\nnogroup:x:65534:\nextra:x:4711:daemon,nobody\n')
    mount = f'mount --bind {table} /etc/group && exec "$@"'
    before = ['unshare', '--mount', '/bin/sh', '-c', mount, 'sh']
    probe = t.start(*before, 'true', stderr=subprocess.DEVNULL)
    t.skip_unless(probe.wait() == 0, 'no mount namespace can be made here')
    _reeve, state = _state(t, '--user', 'nobody', before=before, workers=1)
    equal(set(state['groups']), {4711, pwd.getpwnam('nobody').pw_gid}, 'groups')


def test_a_worker_runs_with_its_group(t):
    """`group` would be ignored, and with it the rights that it was set for."""
    t.skip_unless_root()
    os.chmod(t.dir, 0o777)
    gid = grp.getgrnam('daemon').gr_gid
    _reeve, state = _state(t, '--user', 'nobody', '--group', 'daemon', workers=1)
    equal(state['gid'], [gid] * 2, 'gid')
    equal(state['uid'], [pwd.getpwnam('nobody').pw_uid] * 2, 'uid')


def test_root_without_a_user_is_warned_of(t):
    """Somebody would run their web application as root and never learn of it."""
    t.skip_unless_root()
    reeve = t.web(workers=1)
    equal(reeve.wait_for('runs_as_root')['level'], 'warning', 'level')
    reeve.wait_ready(1)


def test_the_socket_file_has_its_mode_and_owner(t):
    """A proxy that runs as another user could not connect, or everybody could."""
    path = t.path('web.sock')
    config = f"""
pools:
  web:
    command: {t.http_worker}
    workers: 1
    listen:
      web: {{address: "unix:{path}", mode: "0606"{', owner: nobody, group: daemon'
            if os.getuid() == 0 else ''}}}
"""
    reeve = t.reeve(config=config)
    reeve.wait_ready(1)
    found = os.stat(path)
    equal(stat.S_IMODE(found.st_mode), 0o606, 'mode')
    if os.getuid() == 0:
        equal(found.st_uid, pwd.getpwnam('nobody').pw_uid, 'owner')
        equal(found.st_gid, grp.getgrnam('daemon').gr_gid, 'group')
    reeve.get()


if __name__ == '__main__':
    runner.main(globals())
