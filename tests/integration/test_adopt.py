#!/usr/bin/env python3
"""handoff: adopt: programs that insist on calling bind() themselves share the pool's sockets."""
import json
import os
import shutil
import signal
import socket

import runner
from admin import call
from change import no_loss, reload
from harness import check, equal, patient
import net

POOL = '''
pools:
  web:
    command: {command}
    handoff: adopt
    workers: {workers}
    listen: {listen}
    stable_after: 100ms
    max_draining: 60
'''

NODE = '''
require('http').createServer((request, response) => response.end(process.pid + '\\n'))
    .listen(Number(process.argv[2]));
'''

# Binds the wildcard of IPv6, as Java always does.
JAVA = '''
import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

public class Pid {
    public static void main(String[] words) throws Exception {
        byte[] body = (ProcessHandle.current().pid() + "\\n").getBytes();
        HttpServer server =
            HttpServer.create(new InetSocketAddress(Integer.parseInt(words[0])), 5);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
    }
}
'''

GO = '''
package main

import (
    "fmt"
    "net/http"
    "os"
)

func main() {
    http.HandleFunc("/", func(out http.ResponseWriter, _ *http.Request) {
        fmt.Fprintln(out, os.Getpid())
    })
    panic(http.ListenAndServe(":"+os.Args[1], nil))
}
'''


def _pool(t, command, workers=4, listen='127.0.0.1:0', extra='', **more):
    config = POOL.format(command=json.dumps(command), workers=workers, listen=listen)
    return t.reeve(config=config + extra, **more)


def _static(t):
    return [t.built('tests/integration/workers/test-binder'), '{port:web}']


def _all_listen(reeve, count):
    """The pids of that many workers, each ready because it called listen()."""
    pids = reeve.wait_ready(count)
    for event in reeve.find('worker_ready'):
        equal(event['by'], 'listening', 'what made it ready')
    equal(len(set(pids)), count, 'processes')
    return set(pids)


def _serves_and_recovers(reeve, workers):
    """Each of the pool's processes answers, also the one that replaces a dead one."""
    pids = _all_listen(reeve, workers)
    reeve.wait_pids(lambda seen: seen >= pids)
    victim = reeve.worker(0)
    victim.signal(signal.SIGKILL)
    successor = reeve.successor(victim)
    reeve.wait_pids(lambda seen: successor.pid in seen)
    return pids - {victim.pid} | {successor.pid}


def test_http_server_of_python(t):
    """An unchanged `python3 -m http.server` would run once, and its copies die of EADDRINUSE."""
    for slot in range(4):
        os.mkdir(t.path(f'w{slot}'))
        t.file(f'w{slot}/slot', str(slot))
    command = ['python3', '-m', 'http.server', '{port:web}', '--directory', 'w{slot}']
    admin = t.path('admin.sock')
    reeve = _pool(t, command, env={'REEVE_ADMIN': admin})
    old = _all_listen(reeve, 4)

    def every_slot_answers():
        seen = set()

        def ask(_left):
            seen.add(reeve.get('/slot').strip())
            return seen == {'0', '1', '2', '3'}
        patient(ask, 'an answer from each slot')
    every_slot_answers()

    pool = call(admin, 'GET', '/v1/status').json['pools']['web']
    equal([worker['handoff'] for worker in pool['workers']], ['adopt'] * 4, 'handoff')
    equal([worker['adopted'] for worker in pool['workers']], [['web']] * 4, 'adopted')
    # It asks for a backlog of 5.
    limit = min(2048, int(open('/proc/sys/net/core/somaxconn', encoding='ascii').read()))
    equal(pool['sockets'][0]['queue_max'], limit, 'the backlog')

    victim = reeve.worker(2)
    victim.signal(signal.SIGKILL)
    reeve.successor(victim, slot=2)
    every_slot_answers()

    since = reeve.mark()
    equal(call(admin, 'POST', '/v1/restart', {'target': 'web'}).status, 200, 'restart')
    fresh = {event['pid'] for event in reeve.find('worker_ready', since)}
    check(len(fresh) == 4 and not fresh & old, 'four others serve', fresh)
    every_slot_answers()


def test_static_program_under_load(t):
    """A static program would be out of reach, and its reload cost somebody an error."""
    reeve = _pool(t, _static(t))
    _all_listen(reeve, 4)
    load = t.loadgen(reeve.address(), '--connections', 16, '--fresh', 16, '--seconds', 0,
                     '--until-eof', '--timeout-ms', 50000)
    for _ in range(5):
        reload(reeve)
    no_loss(t, reeve, load, 12)


def test_a_crash_of_one(t):
    """Who replaces a worker that crashed would find its port taken."""
    _serves_and_recovers(_pool(t, _static(t)), 4)


def test_through_a_shell(t):
    """A program that a shell starts would not be asked about its bind."""
    command = ['/bin/sh', '-c', '"$0" "$1" & wait', *_static(t)]
    reeve = _pool(t, command, workers=2)
    equal(len(_all_listen(reeve, 2)), 2, 'workers')
    check(net.get(reeve.address(), '/').strip(), 'somebody answers')


def test_node(t):
    """An unchanged program of Node.js could not be run more than once."""
    node = shutil.which('node')
    t.skip_unless(node, 'node is missing: apt-get install nodejs')
    _serves_and_recovers(_pool(t, [node, t.file('pid.js', NODE), '{port:web}'], listen='0.0.0.0:0'),
                         2 + 2)


def test_java(t):
    """An unchanged Java program, which binds the wildcard of IPv6, would not be recognised."""
    java = shutil.which('java')
    t.skip_unless(java and shutil.which('javac'),
                  'a JDK is missing: apt-get install default-jdk-headless')
    t.start('javac', '-d', t.dir, t.file('Pid.java', JAVA)).wait()
    command = [java, '-Xshare:auto', '-cp', t.dir, 'Pid', '{port:web}']
    reeve = _pool(t, command, workers=2, listen='0.0.0.0:0')
    pids = _all_listen(reeve, 2)
    reeve.wait_pids(lambda seen: seen == pids)
    for event in reeve.find('socket_adopted'):
        check('family' in event['differences'], 'the difference is told', event)


def test_go(t):
    """A Go program, static and without libc, would not be asked about its bind."""
    go = shutil.which('go')
    t.skip_unless(go, 'go is missing: apt-get install golang-go')
    t.start(go, 'build', '-o', t.path('pid'), t.file('pid.go', GO),
            env={'CGO_ENABLED': '0', 'GOCACHE': t.path('cache'), 'GOFLAGS': '-mod=mod'}).wait(240)
    _serves_and_recovers(_pool(t, [t.path('pid'), '{port:web}'], listen='0.0.0.0:0'), 4)


def test_unix_path(t):
    """A server that unlinks "its" path, at its start and at its end, would cut off its siblings."""
    path = t.path('web.sock')
    reeve = _pool(t, [t.built('tests/integration/workers/test-binder'), path],
                  listen=json.dumps('unix:' + path))
    _all_listen(reeve, 4)
    load = t.loadgen('unix:' + path, '--connections', 8, '--fresh', 8, '--seconds', 0,
                     '--until-eof', '--timeout-ms', 50000)
    for _ in range(3):
        reload(reeve)
    report = t.load_report(load)
    # Between its unlink and ours there is no path; nothing that was accepted is lost.
    equal(report['failed'], report['failures']['refused'], 'lost requests')
    check(report['answers'] > 0, 'somebody answered')
    pids = {event['pid'] for event in reeve.find('worker_ready')[-4:]}
    reeve.wait_pids(lambda seen: seen == pids)
    reeve.stop()
    equal([name for name in os.listdir(t.dir) if 'sock' in name], [], 'names that are left')


def test_while_reeve_stands_still(t):
    """A bind in a moment in which reeve is not there to answer would fail, or bind for itself."""
    line = 'echo $$ >began; until test -e go; do sleep 0.01; done; exec "$0" "$1"'
    reeve = _pool(t, ['/bin/sh', '-c', line, *_static(t)], workers=1)
    pid = int(t.wait_file('began')[0][0])
    reeve.signal(signal.SIGSTOP)
    try:
        t.file('go', '')
        # The kernel says in which call it waits; 49 and 200 are bind.
        patient(lambda left: _system_call(pid) in ('49', '200'), 'a bind that waits')
    finally:
        reeve.signal(signal.SIGCONT)
    reeve.wait_pids(lambda seen: seen == {pid})
    reeve.never('bind_untouched')
    reeve.stop()


def _system_call(pid):
    try:
        with open(f'/proc/{pid}/syscall', encoding='ascii') as file:
            return file.read().split()[0]
    except OSError:
        return None


def test_a_port_that_is_none_of_the_pool(t):
    """A worker that binds another port than the pool's would be met by silence."""
    with socket.create_server(('127.0.0.1', 0)) as other:
        port = other.getsockname()[1]
        binder = t.built('tests/integration/workers/test-binder')
        reeve = _pool(t, [binder, str(port)], workers=1)
        reeve.wait_for('bind_untouched', asked=f'0.0.0.0:{port}')
        reeve.wait_line('bind: Address already in use')
        reeve.finish(3)
    reeve.never('socket_adopted')


def test_a_program_that_never_listens(t):
    """A worker that does not bind at all would be taken for ready, because it is quiet."""
    reeve = _pool(t, ['sleep', '600'], workers=1, extra='    start_timeout: 300ms\n')
    reeve.wait_for('start_timeout')
    reeve.finish(3)
    reeve.never('worker_ready')


def test_without_any_right(t):
    """A reeve without root, under no_new_privs, could not run such workers."""
    t.skip_unless_root()
    setpriv = shutil.which('setpriv')
    t.skip_unless(setpriv, 'setpriv is missing')
    os.chmod(t.dir, 0o777)
    reeve = _pool(t, _static(t), workers=2, before=[
        setpriv, '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs'])
    pids = _all_listen(reeve, 2)
    reeve.wait_pids(lambda seen: seen == pids)


def test_without_the_right_to_look(t):
    """A reeve that cannot read its workers' memory would find out when the first one binds."""
    t.skip_unless_root()
    setpriv = shutil.which('setpriv')
    t.skip_unless(setpriv, 'setpriv is missing')
    config = POOL.format(command=json.dumps(_static(t)), workers=1, listen='127.0.0.1:0')
    reeve = t.reeve(config=config + '    user: nobody\n',
                    before=[setpriv, '--bounding-set=-sys_ptrace', '--inh-caps=-all'])
    reeve.finish(69)
    line = reeve.wait_line('handoff: adopt')
    check('CAP_SYS_PTRACE' in line and "read a worker's memory" in line, 'what is missing', line)
    reeve.never('worker_started')


def test_reeve_inside_reeve(t):
    """Where somebody watches reeve's own binds, each worker would fail for a hidden reason."""
    inner = [t.built('src/cli/reeve'), 'run', '--admin', 'none', '--handoff', 'adopt',
             '--listen', '127.0.0.1:0', '--', 'true']
    reeve = _pool(t, inner, workers=1)
    reeve.wait_for('worker_died', exit_code=69)
    reeve.wait_line('can be watched by one only')
    reeve.finish(3)


if __name__ == '__main__':
    runner.main(globals())
