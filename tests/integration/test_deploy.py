#!/usr/bin/env python3
"""The compose file, the Containerfile and the Kubernetes manifest say the same as reeve does."""
import os
import re

import runner
import yaml
from board import EXAMPLE
from harness import check, equal
from jsonschema import Draft7Validator

SOURCE = os.path.abspath(os.path.join(EXAMPLE, '../..'))
MANIFEST = os.path.join(SOURCE, 'deploy/kubernetes/board.yaml')
AFTER_DRAIN = 5     # seconds that a stop may take beside stop_delay and graceful_timeout

_TEXT = {'type': 'string', 'minLength': 1}
_SECONDS = {'type': 'integer', 'minimum': 1}
_PORT = {'type': 'integer', 'minimum': 1, 'maximum': 65535}
_TEXTS = {'type': 'object', 'additionalProperties': {'type': 'string'}}
_SIZES = {'type': 'object', 'required': ['cpu', 'memory'], 'additionalProperties': {
    'type': 'string', 'pattern': r'^\d+(m|Mi|Gi)?$'}}


def _object(required, optional=None):
    """Exactly these fields: a field that is written wrong is none of them."""
    return {'type': 'object', 'required': list(required), 'additionalProperties': False,
            'properties': {**required, **(optional or {})}}


def _list(item):
    return {'type': 'array', 'minItems': 1, 'items': item}


_PROBE = _object({
    'httpGet': _object({'path': {'type': 'string', 'pattern': '^/'}, 'port': _TEXT}),
    'periodSeconds': _SECONDS, 'failureThreshold': _SECONDS}, {'timeoutSeconds': _SECONDS})

_CONTAINER = _object({
    'name': _TEXT, 'image': _TEXT, 'args': _list(_TEXT),
    'env': _list(_object({'name': _TEXT, 'value': {'type': 'string'}})),
    'envFrom': _list(_object({'secretRef': _object({'name': _TEXT})})),
    'ports': _list(_object({'name': _TEXT, 'containerPort': _PORT})),
    'startupProbe': _PROBE, 'readinessProbe': _PROBE, 'livenessProbe': _PROBE,
    'lifecycle': _object({'preStop': _object({'exec': _object({'command': _list(_TEXT)})})}),
    'resources': _object({'requests': _SIZES, 'limits': _SIZES}),
    'securityContext': _object({
        'readOnlyRootFilesystem': {'const': True}, 'allowPrivilegeEscalation': {'const': False},
        'capabilities': _object({'drop': {'const': ['ALL']}})}),
    'volumeMounts': _list(_object({'name': _TEXT, 'mountPath': {'pattern': '^/'}}))})

_POD = _object({
    'terminationGracePeriodSeconds': _SECONDS,
    'securityContext': _object({
        'runAsNonRoot': {'const': True}, 'runAsUser': _SECONDS, 'runAsGroup': _SECONDS,
        'fsGroup': _SECONDS, 'seccompProfile': _object({'type': {'const': 'RuntimeDefault'}})}),
    'containers': _list(_CONTAINER),
    'volumes': _list(_object({'name': _TEXT, 'emptyDir': {'type': 'object'}}))})

# The fields of apps/v1 that the manifest uses, as Kubernetes has them.
DEPLOYMENT = _object({
    'apiVersion': {'const': 'apps/v1'}, 'kind': {'const': 'Deployment'},
    'metadata': _object({'name': _TEXT, 'labels': _TEXTS}),
    'spec': _object({
        'replicas': _SECONDS, 'selector': _object({'matchLabels': _TEXTS}),
        'strategy': _object({'type': {'const': 'RollingUpdate'}, 'rollingUpdate': _object({
            'maxSurge': _SECONDS, 'maxUnavailable': {'type': 'integer', 'minimum': 0}})}),
        'minReadySeconds': _SECONDS,
        'template': _object({
            'metadata': _object({'labels': _TEXTS, 'annotations': _TEXTS}), 'spec': _POD})})})


def _read(*names):
    with open(os.path.join(*names), encoding='utf-8') as file:
        return file.read()


def _seconds(text):
    """Of 45s or 1m; off is none."""
    if text in (None, 'off'):
        return 0
    number, unit = re.fullmatch(r'(\d+)([sm]?)', str(text)).groups()
    return int(number) * (60 if unit == 'm' else 1)


def _pod():
    return yaml.safe_load(_read(MANIFEST))['spec']['template']


def _flags(args):
    """{name: value} of reeve's own arguments."""
    return dict(word[2:].split('=', 1) for word in args[:args.index('--')])


def _complaints(document):
    return [f'{"/".join(map(str, error.path))}: {error.message}'
            for error in Draft7Validator(DEPLOYMENT).iter_errors(document)]


def test_the_manifest_follows_the_schema(_t):
    """`kubectl apply` would refuse it, or leave out a field that is written wrong."""
    document = yaml.safe_load(_read(MANIFEST))
    equal(_complaints(document), [], 'complaints')
    spec = document['spec']
    equal(spec['selector']['matchLabels'], spec['template']['metadata']['labels'], 'the selector')
    pod = spec['template']['spec']
    equal({mount['name'] for mount in pod['containers'][0]['volumeMounts']},
          {volume['name'] for volume in pod['volumes']}, 'volumes')
    pod['containers'][0]['readinesProbe'] = pod['containers'][0].pop('readinessProbe')
    check(len(_complaints(document)) == 2, 'the schema finds a misspelt field')


def test_a_pod_is_given_time_to_drain(_t):
    """SIGKILL would end a Pod whose requests are still being finished."""
    pod = _pod()['spec']
    box = pod['containers'][0]
    flags = _flags(box['args'])
    pause, seconds = box['lifecycle']['preStop']['exec']['command']
    equal(pause, 'sleep', 'preStop')
    needed = (int(seconds) + _seconds(flags['stop-delay']) + _seconds(flags['graceful-timeout'])
              + AFTER_DRAIN)
    check(pod['terminationGracePeriodSeconds'] > needed, 'the grace period', needed)
    # Who asks for readiness has to have seen the 503 before connections are refused.
    probe = box['readinessProbe']
    check(_seconds(flags['stop-delay']) > probe['periodSeconds'] * probe['failureThreshold'],
          'stop_delay')


def test_probes_and_annotations_ask_reeve(_t):
    """Probes of a path or port that reeve does not have would restart healthy Pods."""
    template = _pod()
    box = template['spec']['containers'][0]
    ports = {port['name']: str(port['containerPort']) for port in box['ports']}
    flags = _flags(box['args'])
    equal(flags['metrics'].rsplit(':', 1)[1], ports['metrics'], 'the port of metrics')
    equal(flags['listen'].rsplit(':', 1)[1], ports['web'], 'the port of the service')
    paths = {name: box[name]['httpGet']['path']
             for name in ('startupProbe', 'readinessProbe', 'livenessProbe')}
    equal(paths, {'startupProbe': '/readyz', 'readinessProbe': '/readyz',
                  'livenessProbe': '/healthz'}, 'paths')
    equal({box[name]['httpGet']['port'] for name in paths}, {'metrics'}, 'ports')
    noted = template['metadata']['annotations']
    equal((noted['prometheus.io/scrape'], noted['prometheus.io/port'],
           noted['prometheus.io/path']), ('true', ports['metrics'], '/metrics'), 'annotations')


def test_compose_gives_time_to_drain(_t):
    """`docker compose up` after a new build would cut requests, or ignore GUNICORN_WORKERS."""
    web = yaml.safe_load(_read(EXAMPLE, 'docker-compose.yml'))['services']['web']
    config = yaml.safe_load(re.sub(r'\$\{\w+:-([^}]*)\}', r'\1', _read(EXAMPLE, 'reeve.yaml')))
    longest = max(_seconds(pool.get('graceful_timeout', '30s'))
                  for pool in config['pools'].values())
    needed = _seconds(config.get('stop_delay')) + longest + AFTER_DRAIN
    check(_seconds(web['stop_grace_period']) > needed, 'the grace period', needed)
    for name in ('GUNICORN_WORKERS', 'GUNICORN_LOG_LEVEL'):
        check(name in web['environment'] and web['environment'][name] is None,
              'taken from the environment as it is', name)
    equal(web['healthcheck']['test'], ['CMD', 'reeve', 'health'], 'the health check')
    equal((web['read_only'], web['user']), (True, '10001:10001'), 'root and user')


def test_the_image_and_its_users_agree(_t):
    """Compose, Kubernetes and image would disagree about user, ports, or where reeve may write."""
    image = _read(EXAMPLE, 'Containerfile')
    user = re.search(r'^USER (\S+)$', image, re.M).group(1)
    pod = _pod()['spec']
    security = pod['securityContext']
    equal(f'{security["runAsUser"]}:{security["runAsGroup"]}', user, 'the user')
    exposed = re.search(r'^EXPOSE (.*)$', image, re.M).group(1).split()
    equal(exposed, [str(port['containerPort']) for port in pod['containers'][0]['ports']], 'ports')
    runtime = re.search(r'RUNTIME_DIRECTORY=(\S+)', image).group(1)
    mounts = {mount['mountPath'] for mount in pod['containers'][0]['volumeMounts']}
    check(runtime in mounts, 'where reeve writes, in a Pod', mounts)
    web = yaml.safe_load(_read(EXAMPLE, 'docker-compose.yml'))['services']['web']
    check(any(place.startswith(runtime + ':') for place in web['tmpfs']), 'and by compose')


if __name__ == '__main__':
    runner.main(globals())
