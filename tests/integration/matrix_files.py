"""What the servers of the matrix serve: each answers /pid with its pid, and /hang never."""
from servers import nginx_config

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

NGINX = nginx_config('location / { return 200 "$pid"; }')

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

PHP_HANG = '''<?php
while (true);
'''

RACK = '''run lambda { |env|
  sleep if env['PATH_INFO'] == '/hang'
  [200, {}, [Process.pid.to_s]]
}
'''

NODE = '''const http = require('http');
http.createServer((request, response) => {
  while (request.url === '/hang');
  response.end(String(process.pid));
}).listen(PORT, '127.0.0.1');
'''

GO = '''package main

import (
    "fmt"
    "net/http"
    "os"
)

func main() {
    http.HandleFunc("/pid", func(w http.ResponseWriter, r *http.Request) {
        fmt.Fprint(w, os.Getpid())
    })
    fmt.Println(http.ListenAndServe("127.0.0.1:PORT", nil))
}
'''

JAVA = '''import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

public class Server {
    public static void main(String[] args) throws Exception {
        byte[] pid = String.valueOf(ProcessHandle.current().pid()).getBytes();
        HttpServer server = HttpServer.create(new InetSocketAddress("127.0.0.1", PORT), 0);
        server.createContext("/pid", exchange -> {
            exchange.sendResponseHeaders(200, pid.length);
            exchange.getResponseBody().write(pid);
            exchange.close();
        });
        server.start();
    }
}
'''

# One connection after the other, as in a textbook.
C = '''#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int one = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr*)&address, sizeof address) || listen(listener, 16)) {
        perror("server");
        return 1;
    }
    for (;;) {
        char request[4096], answer[128], pid[16];
        int connection = accept(listener, NULL, NULL);
        ssize_t size = read(connection, request, sizeof request - 1);
        request[size > 0 ? size : 0] = 0;
        if (strncmp(request, "GET /hang", 9) == 0) pause();
        int digits = snprintf(pid, sizeof pid, "%d", getpid());
        int length = snprintf(answer, sizeof answer,
                              "HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n"
                              "Connection: close\\r\\n\\r\\n%s", digits, pid);
        if (write(connection, answer, length) != length) perror("write");
        close(connection);
    }
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
