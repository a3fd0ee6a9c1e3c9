#!/usr/bin/env python3
"""A worker that speaks the protocols of others, word by word as its arguments say.

send:TEXT     a datagram to NOTIFY_SOCKET; '|' stands for a newline
feed:SECONDS  from here on a thread sends WATCHDOG=1 that often, until `starve`
starve        the thread stops
barrier       BARRIER=1 with a pipe, and waits until the other side has closed it
big:BYTES     a datagram of so many bytes
flood         datagrams without end
line:TEXT     a line to NOTIFY_FD
listen:ADDR   listens at HOST:PORT or a path
answer:TEXT   from here on a thread answers every connection there with this
einhorn:TEXT  one line to EINHORN_SOCK_PATH; what comes back is written to the file `answers`
einhorn-fd:TEXT  the same on EINHORN_SOCK_FD, without waiting for an answer
env:FILE      writes the environment as JSON to FILE.PID
usr1          waits for SIGUSR1
exec:...      becomes the rest of the arguments
At the end it waits for a signal.
"""
import array
import json
import os
import signal
import socket
import sys
import threading

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
starved = threading.Event()
listener = None


def notify(data, fds=()):
    address = os.environ['NOTIFY_SOCKET']
    if address.startswith('@'):
        address = '\0' + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', fds))] if fds else []
        sender.sendmsg([data], ancillary, 0, address)


def feed(seconds):
    while not starved.wait(seconds):
        notify(b'WATCHDOG=1')


def answer(text):
    while True:
        connection = listener.accept()[0]
        connection.recv(4096)
        connection.sendall(text)
        connection.close()


def in_thread(function, argument):
    threading.Thread(target=function, args=(argument,), daemon=True).start()


def listen(address):
    global listener
    if address.startswith('/'):
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(address)
    else:
        host, port = address.rsplit(':', 1)
        listener = socket.create_server((host, int(port)))
    listener.listen()


def einhorn(text):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(os.environ['EINHORN_SOCK_PATH'])
        received = b''
        try:
            client.sendall(text.replace('PID', str(os.getpid())).encode() + b'\n')
            client.shutdown(socket.SHUT_WR)
            while data := client.recv(4096):
                received += data
        except ConnectionError:
            pass
    with open('answers', 'a', encoding='utf-8') as file:
        file.write(received.decode() or '-\n')


def einhorn_fd(text):
    os.write(int(os.environ['EINHORN_SOCK_FD']),
             text.replace('PID', str(os.getpid())).encode() + b'\n')


def do(word):
    name, _, value = word.partition(':')
    if name == 'send':
        notify(value.replace('|', '\n').encode())
    elif name == 'feed':
        notify(b'WATCHDOG=1')
        in_thread(feed, float(value))
    elif name == 'starve':
        starved.set()
    elif name == 'barrier':
        reader, writer = os.pipe()
        notify(b'BARRIER=1', [writer])
        os.close(writer)
        os.read(reader, 1)
    elif name == 'big':
        notify(b'STATUS=' + b'x' * int(value))
    elif name == 'flood':
        while True:
            try:
                notify(b'WATCHDOG=1')
            except OSError:
                break
    elif name == 'line':
        os.write(int(os.environ['NOTIFY_FD']), value.encode() + b'\n')
    elif name == 'listen':
        listen(value)
    elif name == 'answer':
        in_thread(answer, value.encode().decode('unicode_escape').encode())
    elif name == 'einhorn':
        einhorn(value)
    elif name == 'einhorn-fd':
        einhorn_fd(value)
    elif name == 'env':
        with open(f'{value}.new', 'w', encoding='utf-8') as file:
            json.dump(dict(os.environ), file)
        os.rename(f'{value}.new', f'{value}.{os.getpid()}')
    elif name == 'usr1':
        signal.sigwait({signal.SIGUSR1})
    else:
        sys.exit(f'what is {word}?')


for at, argument in enumerate(sys.argv[1:], 1):
    if argument == 'exec:':
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
        os.execvp(sys.argv[at + 1], sys.argv[at + 1:])
    do(argument)
signal.pause()
