"""Connections to the addresses that reeve prints."""
import socket

PATIENCE = 60.0


def free_port():
    """A port that nobody has; somebody may take it, so who uses it must be ready for that."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def split(address):
    """(family, what connect wants) of HOST:PORT, [V6]:PORT, unix:/path or unix:@abstract."""
    if address.startswith('unix:'):
        path = address[len('unix:'):]
        return socket.AF_UNIX, '\0' + path[1:] if path.startswith('@') else path
    host, port = address.removeprefix('tcp://').rsplit(':', 1)
    if host.startswith('['):
        return socket.AF_INET6, (host[1:-1], int(port))
    return socket.AF_INET, (host, int(port))


def connect(address, seconds=PATIENCE):
    """A connected socket that gives up after so many seconds of silence."""
    family, where = split(address)
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(seconds)
    try:
        connection.connect(where)
    except OSError:
        connection.close()
        raise
    return connection


def refused(address):
    """Whether nobody takes connections there any more."""
    try:
        connect(address).close()
    except (ConnectionError, FileNotFoundError):
        return True
    return False


def request(connection, path, close=True):
    last = 'Connection: close\r\n' if close else ''
    connection.sendall(f'GET {path} HTTP/1.1\r\nHost: localhost\r\n{last}\r\n'.encode())


def answer(connection):
    """(status, body) of one answer; ConnectionError if the connection ends before."""
    data = b''
    while b'\r\n\r\n' not in data:
        data += _more(connection)
    head, body = data.split(b'\r\n\r\n', 1)
    lines = head.decode('latin-1').split('\r\n')
    headers = {name.lower(): value.strip()
               for name, _colon, value in (line.partition(':') for line in lines[1:])}
    if 'content-length' in headers:
        while len(body) < int(headers['content-length']):
            body += _more(connection)
    else:
        while True:
            more = connection.recv(65536)
            if not more:
                break
            body += more
    return int(lines[0].split()[1]), body.decode('utf-8', 'replace')


def _more(connection):
    data = connection.recv(65536)
    if not data:
        raise ConnectionError('the connection ended before the answer did')
    return data


def get(address, path='/pid', seconds=PATIENCE):
    """The body of one GET on a connection of its own; ConnectionError or TimeoutError if none."""
    with connect(address, seconds) as connection:
        request(connection, path)
        status, body = answer(connection)
    if status != 200:
        raise ConnectionError(f'{path}: status {status}')
    return body.strip()
