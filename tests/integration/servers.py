"""Real servers, changed in nothing, each with an access log of its own, and clients for them."""
import os
import shutil
import struct
import threading

import net
from harness import check

APP = '''import select
async def app(scope, receive, send):
    if scope['type'] != 'http':
        return
    if scope['path'] == '/hang':
        select.select([], [], [], 1000)
    head = [(b'content-length', b'3')]
    await send({'type': 'http.response.start', 'status': 200, 'headers': head})
    await send({'type': 'http.response.body', 'body': b'ok\\n'})
'''

# Node.js has no access log: the program writes the line that others' servers write.
NODE = '''const http = require('http'), fs = require('fs');
const log = fs.openSync(process.argv[3], 'a');
http.createServer((request, response) => {
  if (request.url === '/hang') for (;;);
  response.on('finish', () => fs.writeSync(log, request.url + '\\n'));
  response.end('ok\\n');
}).listen({ fd: +process.argv[2] });
'''

RACK = '''run lambda { |env| [200, { "content-length" => "3" }, ["ok\\n"]] }
'''

PUMA_THREADS = 4

_NGINX = '''daemon off;
{user}
worker_processes 1;
pid nginx.pid;
events {{ worker_connections 512; }}
http {{
    access_log {log};
    keepalive_requests 1000000;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {{
        listen 127.0.0.1:PORT;
        {locations}
    }}
}}
'''

PHP_FPM = '''[global]
daemonize = no
error_log = /dev/stderr
[web]
{user}
listen = 127.0.0.1:PORT
pm = static
pm.max_children = 2
access.log = {log}
'''


def find(t, program):
    path = shutil.which(program, path=os.environ['PATH'] + ':/usr/sbin:/sbin')
    t.skip_unless(path, f'{program} is missing')
    return path


def nginx_config(locations, log='off'):
    """A configuration with its files beside it; PORT is still to be put in."""
    user = 'user root;' if os.getuid() == 0 else ''
    return _NGINX.format(user=user, log=log, locations=locations)


def uvicorn(t):
    """(command, options, access log)"""
    t.file('app.py', APP)
    program = find(t, 'uvicorn')
    line = f'exec {program} app:app --fd {{fd:web}} >access.log'
    return ['/bin/sh', '-c', line], (), 'access.log'


def node(t):
    t.file('app.js', NODE)
    return [find(t, 'node'), 'app.js', '{fd:web}', t.path('access.log')], (), 'access.log'


def puma(t):
    t.file('config.ru', RACK)
    program = find(t, 'puma')
    line = (f'exec {program} -e production --log-requests -t {PUMA_THREADS}:{PUMA_THREADS} '
            '-b "tcp://{addr:web}:{port:web}" >access.log')
    return ['/bin/sh', '-c', line], (), 'access.log'


def nginx(t):
    locations = 'location / { return 200 "ok\\n"; } location /file { root .; }'
    t.file('nginx.conf.in', nginx_config(locations, 'access.log'))
    t.file('file', 'x' * 3000000)
    line = ('export NGINX="{fd:web};"; sed "s/PORT/{port:web}/" nginx.conf.in >nginx.conf; '
            f'exec {find(t, "nginx")} -p . -c nginx.conf -e stderr')
    return ['/bin/sh', '-c', line], ('--stop-signal', 'QUIT'), 'access.log'


def php_fpm(t):
    user = 'user = root' if os.getuid() == 0 else ''
    root = '--allow-to-run-as-root' if os.getuid() == 0 else ''
    t.file('fpm.conf.in', PHP_FPM.format(user=user, log=t.path('access.log')))
    t.file('index.php', '<?php echo "ok\n";')
    line = ('export FPM_SOCKETS="{addr:web}:{port:web}={fd:web}"; '
            'sed "s/PORT/{port:web}/" fpm.conf.in >fpm.conf; '
            f'exec {find(t, "php-fpm8.2")} -F {root} -n -y fpm.conf')
    return ['/bin/sh', '-c', line], ('--stop-signal', 'QUIT'), 'access.log'


def lines(t, name):
    """How many requests the access log has."""
    with open(t.path(name), encoding='utf-8', errors='replace') as file:
        return sum(1 for line in file if 'GET' in line or line.startswith('/'))


def _http_client(address, count, path):
    request = f'GET {path} HTTP/1.1\r\nHost: x\r\n\r\n'.encode()
    with net.connect(address) as connection:
        for _ in range(count):
            connection.sendall(request)
            status, body = net.answer(connection)
            check(status == 200 and body == 'ok\n', 'an answer', status, body)


def keep_alive(address, connections, each, path='/'):
    """So many connections, one thread each, with so many requests."""
    errors = []

    def run():
        try:
            _http_client(address, each, path)
        except (OSError, AssertionError) as error:
            errors.append(error)
    threads = [threading.Thread(target=run) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(not errors, 'clients failed:', errors[:3])


def _pair(name, value):
    return struct.pack('BB', len(name), len(value)) + name.encode() + value.encode()


def _record(kind, content):
    return struct.pack('>BBHHBB', 1, kind, 1, len(content), 0, 0) + content


def fastcgi(address, script, connections, each):
    """The same in FastCGI, on connections that are kept."""
    parameters = b''.join(_pair(name, value) for name, value in (
        ('SCRIPT_FILENAME', script), ('REQUEST_METHOD', 'GET'), ('REQUEST_URI', '/'),
        ('SCRIPT_NAME', '/index.php'), ('SERVER_PROTOCOL', 'HTTP/1.1')))
    request = (_record(1, struct.pack('>HB5x', 1, 1)) + _record(4, parameters) + _record(4, b'')
               + _record(5, b''))
    for _ in range(connections):
        with net.connect(address) as connection:
            stream = connection.makefile('rb')
            for _ in range(each):
                connection.sendall(request)
                kind, body = 0, b''
                while kind != 3:
                    head = stream.read(8)
                    check(len(head) == 8, 'FastCGI ended early')
                    kind, length, padding = struct.unpack('>xBxxHBx', head)
                    content = stream.read(length + padding)[:length]
                    body += content if kind == 6 else b''
                check(body.endswith(b'ok\n'), 'an answer', body)
            stream.close()
