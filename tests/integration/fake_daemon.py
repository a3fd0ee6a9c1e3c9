"""A daemon that answers what a test wants: for the client's view of other versions and of trouble.

By hand: fake_daemon.py SOCKET [STATUS.json], then `reeve status --admin SOCKET`.
"""
import http.server
import json
import os
import socketserver
import sys
import threading

STATUS = {
    'version': '0.1.0', 'pid': 4711, 'uptime_seconds': 11530.4, 'stopping': False,
    'config_diverged': False,
    'pools': {'web': {
        'generation': 3, 'desired': 2, 'configured': 2, 'ready': 2, 'restarts': 1, 'draining': 0,
        'degraded': False, 'held': False, 'config_diverged': False, 'not_enforced': [],
        'last_death': None, 'last_reload': None,
        'sockets': [{'name': 'web', 'address': 'tcp://0.0.0.0:8000', 'queue': 0,
                     'queue_max': 2048}],
        'workers': [
            {'slot': slot, 'role': 'current', 'pid': 4712 + slot, 'state': 'serving',
             'reason': None, 'due': None, 'generation': 3, 'incarnation': 7 + slot,
             'age_seconds': 7261.5, 'beat_age_seconds': 0.4, 'requests': 120331, 'in_flight': 3,
             'resident_bytes': 25165824, 'liveness': 'native', 'handoff': 'inherit'}
            for slot in range(2)],
    }},
}


def event(name, fields, level='info', message='it happened', number=1):
    """One server-sent event with a record as the daemon sends it."""
    data = {'time': '2026-11-22T21:14:51.123456Z', 'level': level, 'event': name, **fields,
            'message': message}
    return f'id: {number}\nevent: {name}\ndata: {json.dumps(data)}\n\n'.encode()


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers from `self.server.answers`: (method, path) -> (status, body), or what makes one."""

    def do_GET(self):
        if self.path == '/v1/events' and self.server.events is not None:
            self.stream()
        else:
            self.answer('GET')

    def do_POST(self):
        length = int(self.headers.get('Content-Length', 0))
        self.server.asked.append((self.path, json.loads(self.rfile.read(length) or b'{}')))
        self.answer('POST')

    def answer(self, method):
        found = self.server.answers.get((method, self.path), (404, b''))
        if callable(found):
            found = found()
        if found is None:
            return
        status, body = found
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self):
        self.send_response(200)
        self.send_header('Content-Type', 'text/event-stream')
        self.end_headers()
        self.wfile.flush()
        self.server.listening.set()
        for piece in self.server.events:
            if callable(piece):
                piece()
            else:
                self.wfile.write(piece)

    def address_string(self):
        return 'unix'

    def log_message(self, *_):
        """Says nothing: the test says what matters."""


class FakeDaemon(socketserver.ThreadingUnixStreamServer):
    """Serves from a thread until it is closed."""
    daemon_threads = False
    block_on_close = True

    def __init__(self, path, answers=None, events=None):
        super().__init__(path, Handler)
        self.path = path
        self.answers = {('GET', '/v1/status'): (200, STATUS), **(answers or {})}
        self.events = events
        self.asked = []
        self.listening = threading.Event()
        self.thread = threading.Thread(target=self.serve_forever)
        self.thread.start()

    def handle_error(self, _request, _address):
        """A client that goes away is no error of the test."""

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()
        os.unlink(self.path)


def main():
    answers = {}
    if len(sys.argv) > 2:
        with open(sys.argv[2], encoding='utf-8') as file:
            answers[('GET', '/v1/status')] = (200, json.load(file))
    FakeDaemon(sys.argv[1], answers, events=[event('worker_ready', {'pool': 'web', 'slot': 0})])


if __name__ == '__main__':
    main()
