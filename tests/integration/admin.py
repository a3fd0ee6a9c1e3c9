"""A client of the admin socket and of the metrics address, and the schemas of docs/openapi.json."""
import http.client
import json
import os
import socket
from dataclasses import dataclass

from harness import PATIENCE, check

DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../docs/openapi.json')


@dataclass
class Answer:
    """What came back."""
    status: int
    headers: dict
    body: str

    @property
    def json(self):
        return json.loads(self.body)


class _Connection(http.client.HTTPConnection):
    def __init__(self, address):
        super().__init__('reeve', timeout=PATIENCE)
        self.address = address

    def connect(self):
        if self.address.startswith('tcp://'):
            host, port = self.address[len('tcp://'):].rsplit(':', 1)
            self.sock = socket.create_connection((host, int(port)), PATIENCE)
        else:
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(PATIENCE)
            self.sock.connect(self.address.removeprefix('unix:'))


def call(address, method, path, body=None):
    """One request on a connection of its own. `body`: bytes, or a value that becomes JSON."""
    connection = _Connection(address)
    try:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection.request(method, path, data)
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()},
                      answer.read().decode())
    finally:
        connection.close()


def call_as(uid, groups, address, method, path):
    """The same as another user with these groups, the first as the primary one; for root."""
    own_groups, own_group, own_uid = os.getgroups(), os.getegid(), os.geteuid()
    os.setgroups(groups[1:])
    os.setegid(groups[0])
    os.seteuid(uid)
    try:
        return call(address, method, path)
    finally:
        os.seteuid(own_uid)
        os.setegid(own_group)
        os.setgroups(own_groups)


class Events:
    """A stream of server-sent events."""

    def __init__(self, address):
        self._connection = _Connection(address)
        self._connection.request('GET', '/v1/events')
        self.answer = self._connection.getresponse()
        check(self.answer.status == 200, 'status of the stream', self.answer.status)
        line = self.answer.readline()
        check(line == b':\n', 'a comment tells that the stream is on', line)

    def next(self):
        """(id, name, data) of the next event."""
        fields = {}
        while True:
            line = self.answer.readline().decode()
            check(line, 'the stream has ended')
            line = line.rstrip('\n')
            if not line:
                if 'event' in fields:
                    return fields.get('id'), fields['event'], json.loads(fields['data'])
            elif not line.startswith(':'):
                name, _colon, value = line.partition(': ')
                fields[name] = value

    def wait_for(self, name):
        while True:
            event = self.next()
            if event[1] == name:
                return event

    def close(self):
        self.answer.close()
        self._connection.close()


_TYPES = {'string': str, 'integer': int, 'number': (int, float), 'boolean': bool, 'array': list,
          'object': dict}


def load_document():
    with open(DOCUMENT, encoding='utf-8') as file:
        return json.load(file)


def resolve(document, node):
    """The node that a $ref means."""
    while '$ref' in node:
        target = document
        for key in node['$ref'].removeprefix('#/').split('/'):
            target = target[key]
        node = target
    return node


def validate(document, schema, value, where):
    """Fails unless the value is as the schema says; knows the words that our document uses."""
    schema = resolve(document, schema)
    if value is None:
        return check(schema.get('nullable'), f'{where} may not be null')
    kind = schema.get('type')
    if kind:
        good = isinstance(value, _TYPES[kind]) and (kind == 'boolean') == isinstance(value, bool)
        check(good, f'{where} is no {kind}', value)
    check(value in schema.get('enum', [value]), f'{where} is none of {schema.get("enum")}', value)
    if kind == 'array':
        for index, item in enumerate(value):
            validate(document, schema['items'], item, f'{where}[{index}]')
    if kind == 'object':
        for name in schema.get('required', ()):
            check(name in value, f'{where} has no {name}')
        for name, item in value.items():
            below = schema.get('properties', {}).get(name, schema.get('additionalProperties'))
            check(below is not None and below is not False, f'{where}.{name} is not documented')
            validate(document, below, item, f'{where}.{name}')
    return None
