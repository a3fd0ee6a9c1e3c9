"""Tells the supervisor, in systemd's words, how a process without sockets is doing."""
import os
import socket


def tell(state):
    """Sends READY=1, WATCHDOG=1 or STATUS=...; does nothing where nobody asked for it."""
    path = os.environ.get('NOTIFY_SOCKET')
    if path:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
            speaker.connect('\0' + path[1:] if path.startswith('@') else path)
            speaker.send(state.encode())
