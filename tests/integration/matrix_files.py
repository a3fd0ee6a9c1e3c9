"""What the servers of the matrix serve: each answers /pid with its pid, and /hang never."""

ASGI = '''import os
import threading


async def app(scope, receive, send):
    if scope['type'] != 'http':
        return
    if scope['path'] == '/hang':
        threading.Event().wait()
    body = b'%d' % os.getpid()
    headers = [(b'content-length', b'%d' % len(body))]
    await send({'type': 'http.response.start', 'status': 200, 'headers': headers})
    await send({'type': 'http.response.body', 'body': body})
'''

WSGI = '''import os
import threading


def app(environ, start_response):
    if environ['PATH_INFO'] == '/hang':
        threading.Event().wait()
    body = b'%d' % os.getpid()
    start_response('200 OK', [('Content-Length', str(len(body)))])
    return [body]
'''

NGINX = '''daemon off;
USER
worker_processes 1;
pid nginx.pid;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen 127.0.0.1:PORT;
        location / { return 200 "$pid"; }
    }
}
'''

FPM = '''[global]
error_log = /proc/self/fd/2
process_control_timeout = 20s
[web]
listen = 127.0.0.1:PORT
pm = static
pm.max_children = 1
'''

PHP = '''<?php
echo getmypid();
'''

RACK = '''run lambda { |env|
  sleep if env['PATH_INFO'] == '/hang'
  [200, {}, [Process.pid.to_s]]
}
'''

H2O = '''num-threads: 1
listen:
  host: 127.0.0.1
  port: PORT
hosts:
  default:
    paths:
      "/":
        file.dir: /proc/self/task
        file.dirlisting: ON
'''

PSGI = '''sub {
    sleep 3600 if shift->{PATH_INFO} eq '/hang';
    [200, ['Content-Length' => length $$], ["$$"]];
};
'''
