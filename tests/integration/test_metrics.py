#!/usr/bin/env python3
"""The metrics of a live reeve: as promtool, a real Prometheus and the alert rules see them."""
import json
import os
import re
import shutil
import signal
import subprocess
import urllib.parse

import client
import net
import runner
from harness import PATIENCE, check, equal, patient, pause

RULES = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../etc/prometheus')
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')


class Page:
    """One scrape."""

    def __init__(self, text):
        self.text = text
        self.values = {}
        self.types = {}
        for line in text.splitlines():
            if line.startswith('# TYPE '):
                name, kind = line.split()[2:]
                check(name not in self.types, 'a family comes twice:', name)
                self.types[name] = kind
            elif not line.startswith('#'):
                name, labels, value = SAMPLE.match(line).groups()
                key = (name, frozenset(LABEL.findall(labels or '')))
                check(key not in self.values, 'a series comes twice:', line)
                self.values[key] = float(value)

    def get(self, name, **labels):
        """The value of one series, None where there is none."""
        return self.values.get((name, frozenset(labels.items())))

    def slots(self, name, pool='web'):
        """{slot: value} of a family."""
        found = {}
        for (other, labels), value in self.values.items():
            words = dict(labels)
            if other == name and words.get('pool') == pool:
                found[int(words['slot'])] = value
        return found

    def growing(self):
        """All series that must never go back."""
        kinds = self.types
        return {key: value for key, value in self.values.items()
                if kinds.get(key[0]) == 'counter'
                or kinds.get(re.sub('_(bucket|count|sum)$', '', key[0])) == 'histogram'}


def measured(t, *options, **how):
    """reeve with a page of metrics on a port of the kernel's choice."""
    return t.web('--metrics', '127.0.0.1:0', *options, **how)


def scrape(reeve):
    address = reeve.wait_for('metrics_listening')['address']
    return Page(net.get(address, '/metrics') + '\n')


def scrape_until(reeve, wanted, what):
    """Scrapes until wanted(page), and returns that page."""
    def look(left):
        page = scrape(reeve)
        if wanted(page):
            return page
        pause(min(left, 0.05))
        return None
    return patient(look, what)


def promtool(t, *words, text=None):
    """Runs promtool; it must be content and have nothing to say on stderr."""
    tool = shutil.which('promtool')
    t.skip_unless(tool, 'needs promtool')
    done = subprocess.run([tool, *words], input=text, text=True, capture_output=True, cwd=RULES,
                          timeout=PATIENCE, check=False)
    check(done.returncode == 0 and not done.stderr.strip(), f'promtool {" ".join(words)}:',
          done.returncode, done.stdout, done.stderr)


def status(t, reeve):
    """The status as a client of the admin socket gets it."""
    address = 'unix:' + t.path('admin.sock')
    with net.connect(address) as connection:
        net.request(connection, '/v1/status')
        code, body = net.answer(connection)
    equal(code, 200, 'status of /v1/status')
    return json.loads(body)


def test_the_rules_are_sound(t):
    """An alert would not fire, or fire at a planned replacement."""
    promtool(t, 'check', 'rules', 'reeve.rules.yml')
    promtool(t, 'test', 'rules', 'reeve.rules_test.yml')
    promtool(t, 'check', 'config', 'prometheus.yml')


def dashboard_queries():
    """All expressions of the dashboard, with its variables filled in."""
    with open(os.path.join(RULES, '../grafana/reeve.json'), encoding='utf-8') as file:
        board = json.load(file)
    for panel in board['panels']:
        for target in panel.get('targets', ()):
            yield re.sub(r'\$[a-z_]+', lambda match: '1m' if 'interval' in match[0] else '.*',
                         target['expr'])


def test_the_dashboard_asks_what_prometheus_understands(t):
    """A panel of the dashboard would show an error."""
    rules = {'groups': [{'name': 'dashboard', 'rules': [
        {'record': f'panel:{number}', 'expr': expression}
        for number, expression in enumerate(dashboard_queries())]}]}
    check(len(rules['groups'][0]['rules']) > 15, 'the dashboard has panels')
    promtool(t, 'check', 'rules', t.file('dashboard.yml', json.dumps(rules)))


def test_rules_and_dashboard_ask_for_what_there_is(t):
    """An alert, or a panel, on a metric that reeve does not have would never show anything."""
    reeve = measured(t, '--max-requests', 1000)
    reeve.wait_ready(1)
    page = scrape(reeve)
    known = {name + end for name, kind in page.types.items()
             for end in (('_bucket', '_count', '_sum') if kind == 'histogram' else ('',))}
    with open(os.path.join(RULES, 'reeve.rules.yml'), encoding='utf-8') as file:
        texts = [line for line in file if 'description' not in line and '#' not in line]
    texts += dashboard_queries()
    asked = set(re.findall(r'(?:reeve|process)_[a-z_]+', '\n'.join(texts)))
    check(len(asked) > 20, 'they ask for something', asked)
    equal(asked - known, set(), 'metrics that are asked for and that reeve does not have')


def test_promtool_is_content(t):
    """Tools that read the page would stumble over a name, a unit or a help text."""
    reeve = measured(t, workers=2)
    reeve.wait_ready(2)
    for _ in range(20):
        reeve.get('/')
    page = scrape_until(reeve, lambda page: page.get('reeve_requests_total', pool='web') >= 20,
                        'the requests in the metrics')
    promtool(t, 'check', 'metrics', text=page.text)
    equal(page.get('reeve_workers', pool='web', state='serving'), 2, 'serving')
    equal(page.get('reeve_workers_desired', pool='web'), 2, 'desired')
    equal(page.get('reeve_generation', pool='web'), 1, 'generation')
    equal(page.get('reeve_accept_queue_limit', pool='web', socket='web'), 2048, 'queue limit')
    equal(page.get('reeve_config_diverged'), 0, 'config_diverged')
    equal(page.get('reeve_last_reload_successful'), 1, 'the start brought a configuration')
    check(page.get('reeve_request_duration_seconds_count', pool='web') >= 20, 'durations')
    for name in ('reeve_heartbeat_age_seconds', 'reeve_worker_resident_memory_bytes',
                 'reeve_worker_cpu_seconds_total', 'reeve_worker_open_fds'):
        equal(set(page.slots(name)), {0, 1}, f'slots of {name}')
    check(all(value > 100000 for value in
              page.slots('reeve_worker_resident_memory_bytes').values()), 'memory', page.text)
    check(page.get('process_resident_memory_bytes') > 1000000, 'own memory')
    check('pid="' not in page.text, 'no pid is a label')


def _no_step_back(before, page):
    """The growing series of a page, of which none may be less than before."""
    now = page.growing()
    for key, value in now.items():
        check(value >= before.get(key, 0), 'a counter went back:', key, before.get(key), value)
    return now


def test_counters_never_go_back(t):
    """A graph of requests would show a gap, or a spike, at each crash and rotation."""
    reeve = measured(t, '--max-requests', 40, '--beat-interval', '50ms', '--ready-for', '1ms',
                     workers=2)
    reeve.wait_ready(2)
    asked = 0
    seen = scrape(reeve).growing()
    for _crash in range(2):
        for _ in range(50):
            reeve.get('/')
            asked += 1
            seen = _no_step_back(seen, scrape(reeve))
        victim = t.handle(reeve.find('worker_ready')[-1]['pid'])
        victim.signal(signal.SIGKILL)
        reeve.wait_for('worker_ready', since=reeve.death(victim), count=1)
        seen = _no_step_back(seen, scrape(reeve))

    def until_rotated(_left):
        nonlocal asked, seen
        reeve.get('/')
        asked += 1
        seen = _no_step_back(seen, scrape(reeve))
        return len(reeve.find('rotation')) >= 2
    patient(until_rotated, 'two rotations')
    reeve.wait_for('worker_died', reason='requests')
    known = sum(death.get('requests', 0) for death in reeve.find('worker_died'))

    # A page is shared by all who ask within a quarter of a second.
    def is_complete(page):
        restarts = {reason: page.get('reeve_worker_restarts_total', pool='web', reason=reason)
                    for reason in ('crash', 'requests')}
        return (page.get('reeve_requests_total', pool='web') >= known
                and restarts['crash'] >= 2 and restarts['requests'] >= 2)
    page = scrape_until(reeve, is_complete, 'what the dead did, and their restarts')
    check(page.get('reeve_requests_total', pool='web') <= asked, 'more requests than were asked')
    equal(page.get('reeve_worker_restarts_total', pool='web', reason='start'), None, 'first starts')


def test_a_wrapper_is_not_the_worker(t):
    """The memory of a worker behind a shell would be that of the shell."""
    inner = f'export LISTEN_PID=$$; exec {t.http_worker[0]}'
    reeve = measured(t, command=['sh', '-c', f"sh -c '{inner}'; exit $?"])
    reeve.wait_ready(1)
    reeve.get('/leak?mb=64')
    scrape_until(reeve, lambda page: page.slots('reeve_worker_resident_memory_bytes')
                 .get(0, 0) > 64 << 20, 'memory of the process below')


def test_the_status_says_what_the_metrics_say(t):
    """The two would disagree about the same thing."""
    reeve = measured(t, '--admin', t.path('admin.sock'), '--backoff-min', '10ms', workers=2)
    reeve.wait_ready(2)
    victim = reeve.worker(slot=1)
    victim.signal(signal.SIGKILL)
    reeve.successor(victim, slot=1)
    for _ in range(5):
        reeve.get('/')
    page = scrape_until(reeve, lambda page: page.get('reeve_requests_total', pool='web') >= 5,
                        'the requests in the metrics')
    told = patient(lambda left: next((found for found in [status(t, reeve)]
                                      if found['pools']['web']['requests'] >= 5), None)
                   or pause(min(left, 0.05)), 'the requests in the status')
    pool = told['pools']['web']
    equal((told['pid'], told['stopping']), (reeve.pid, False), 'the daemon')
    equal(pool['desired'], page.get('reeve_workers_desired', pool='web'), 'desired')
    equal(pool['ready'], page.get('reeve_workers', pool='web', state='serving'), 'ready')
    equal(pool['restarts'], 1, 'restarts')
    equal((pool['last_death']['pid'], pool['last_death']['signal'], pool['last_death']['slot']),
          (victim.pid, 'SIGKILL', 1), 'last_death')
    equal(pool['last_reload'], None, 'last_reload')
    equal([socket['name'] for socket in pool['sockets']], ['web'], 'sockets')
    equal(pool['sockets'][0]['address'], reeve.address(), 'address')
    equal([worker['slot'] for worker in pool['workers']], [0, 1], 'slots')
    pids = {event['pid'] for event in reeve.find('worker_ready')} - {victim.pid}
    equal({worker['pid'] for worker in pool['workers']}, pids, 'pids')
    for worker in pool['workers']:
        equal((worker['state'], worker['liveness'], worker['handoff'], worker['role']),
              ('serving', 'native', 'inherit', 'current'), 'a worker')
        check(worker['resident_bytes'] > 100000 and worker['age_seconds'] > 0, 'figures', worker)


def test_a_limit_without_a_source_is_shown(t):
    """A timeout that nobody can enforce would look enforced."""
    reeve = measured(t, '--admin', t.path('admin.sock'), '--timeout', '5s', '--beat-interval',
                     '100ms', command=t.plain_worker)
    reeve.wait_for('not_enforced', setting='timeout')
    page = scrape(reeve)
    equal(page.get('reeve_setting_enforced', pool='web', setting='timeout'), 0, 'enforced')
    pool = status(t, reeve)['pools']['web']
    equal(pool['not_enforced'], ['timeout'], 'not_enforced')
    equal(pool['workers'][0]['liveness'], 'none', 'liveness')


def test_a_filling_queue_is_seen(t):
    """Connections that wait would be seen only by those who wait."""
    reeve = measured(t, workers=1)
    reeve.wait_ready(1)
    worker = reeve.worker()
    worker.signal(signal.SIGSTOP)
    waiting = [net.connect(reeve.address()) for _ in range(7)]
    try:
        page = scrape_until(
            reeve, lambda page: page.get('reeve_accept_queue', pool='web', socket='web') >= 7,
            'seven connections in the queue')
        check(page.get('reeve_accept_queue_limit', pool='web', socket='web') >= 7, 'the limit')
    finally:
        worker.signal(signal.SIGCONT)
        for connection in waiting:
            connection.close()


def test_an_invalid_file_is_an_alarm(t):
    """The file on disk would differ from what runs, and nobody would know."""
    config = ('pools:\n  web:\n    command: [{0}]\n    workers: 1\n    stable_after: 200ms\n'
              '    listen: {{ web: "tcp://127.0.0.1:0" }}\n').format(t.http_worker[0])
    reeve = t.reeve('--metrics', '127.0.0.1:0', '--admin', t.path('admin.sock'), config=config)
    reeve.wait_ready(1)
    t.file('reeve.yaml', config + '    wrokers: 3\n')
    reeve.signal(signal.SIGHUP)
    reeve.wait_for('reload_invalid')
    page = scrape_until(reeve, lambda page: page.get('reeve_config_diverged') == 1, 'divergence')
    equal(page.get('reeve_last_reload_successful'), 0, 'last_reload_successful')
    equal(page.get('reeve_reloads_total', pool='web', result='invalid'), 1, 'invalid reloads')
    pool = status(t, reeve)['pools']['web']
    check(pool['config_diverged'], 'config_diverged', pool)
    equal(pool['last_reload']['result'], 'invalid', 'result')
    check('wrokers' in pool['last_reload']['why'], 'the reason', pool['last_reload'])
    t.file('reeve.yaml', config)
    reeve.signal(signal.SIGHUP)
    reeve.wait_for('pool_reload', pool='web')
    page = scrape_until(reeve, lambda page: page.get('reeve_config_diverged') == 0, 'agreement')
    equal(page.get('reeve_last_reload_successful'), 1, 'last_reload_successful')
    equal(page.get('reeve_reloads_total', pool='web', result='success'), 1, 'reloads')


def test_a_rolled_back_reload_is_an_alarm(t):
    """After a rollback the next restart would bring a surprise."""
    config = ('pools:\n  web:\n    command: [{0}]\n    workers: 2\n    start_timeout: 5s\n'
              '    listen: {{ web: "tcp://127.0.0.1:0" }}\n')
    reeve = t.reeve('--metrics', '127.0.0.1:0', '--admin', t.path('admin.sock'),
                    config=config.format(t.http_worker[0]))
    reeve.wait_ready(2)
    t.file('reeve.yaml', config.format('/bin/false'))
    reeve.signal(signal.SIGHUP)
    reeve.wait_for('pool_reload', pool='web')
    page = scrape_until(reeve, lambda page: page.get('reeve_config_diverged') == 1, 'divergence')
    equal(page.get('reeve_last_reload_successful'), 0, 'last_reload_successful')
    equal(page.get('reeve_reloads_total', pool='web', result='rolled_back'), 1, 'rollbacks')
    pool = status(t, reeve)['pools']['web']
    equal((pool['config_diverged'], pool['last_reload']['result']), (True, 'rolled_back'),
          'the status')
    check('exited with code 1' in pool['last_reload']['why'], 'why', pool['last_reload'])
    check(pool['last_reload']['took_seconds'] >= 0 and pool['ready'] == 2, 'the rest', pool)
    t.file('reeve.yaml', config.format(t.http_worker[0]))
    client.tell(t, 'reload', '--changed', admin=t.path('admin.sock'))
    page = scrape_until(reeve, lambda page: page.get('reeve_config_diverged') == 0, 'agreement')
    equal(page.get('reeve_last_reload_successful'), 1, 'the reload found nothing to do')


def test_what_is_gone_is_gone(t):
    """Slots and pools that went would be shown for ever, with the figures of their last day."""
    pool = ('  {0}:\n    command: [{1}]\n    workers: 3\n    stable_after: 100ms\n'
            '    listen: {{ {0}: "tcp://127.0.0.1:0" }}\n')
    both = 'pools:\n' + pool.format('web', t.http_worker[0]) + pool.format('api', t.http_worker[0])
    reeve = t.reeve('--metrics', '127.0.0.1:0', '--admin', t.path('admin.sock'), config=both)
    for name in ('web', 'api'):
        reeve.wait_ready(3, pool=name)
    page = scrape_until(reeve, lambda page: len(page.slots('reeve_heartbeat_age_seconds')) == 3,
                        'three beating workers')
    equal(page.get('reeve_workers_configured', pool='web'), 3, 'configured')
    client.tell(t, 'scale', 'web=1', admin=t.path('admin.sock'))
    page = scrape_until(reeve, lambda page: all(
        set(page.slots(name)) == {0} for name in
        ('reeve_heartbeat_age_seconds', 'reeve_worker_cpu_seconds_total',
         'reeve_worker_resident_memory_bytes')), 'one slot')
    equal(page.get('reeve_workers_desired', pool='web'), 1, 'desired')
    equal(page.get('reeve_workers_configured', pool='web'), 3, 'configured')
    equal(sum(page.get('reeve_workers', pool='web', state=state) for state in
              ('down', 'starting', 'serving', 'draining')), 1, 'workers')
    t.file('reeve.yaml', 'pools:\n' + pool.format('web', t.http_worker[0]))
    client.tell(t, 'reload', admin=t.path('admin.sock'))
    page = scrape_until(reeve, lambda page: '"api"' not in page.text, 'the end of the pool')
    equal(sorted(status(t, reeve)['pools']), ['web'], 'pools of the status')
    equal(page.get('reeve_workers_desired', pool='web'), 3, 'desired after the reload')


def test_many_workers(t):
    """The page would lack workers, or grow without bound."""
    count = 120
    reeve = measured(t, '--start-concurrency', 'unbounded', '--timeout', '60s', workers=count)
    reeve.wait_ready(count)
    page = scrape_until(reeve, lambda page: len(
        page.slots('reeve_worker_resident_memory_bytes')) == count
        and len(page.slots('reeve_heartbeat_age_seconds')) == count, 'every worker on the page')
    equal(set(page.slots('reeve_worker_resident_memory_bytes')), set(range(count)), 'slots')
    check(len(page.text) < 1000 * count, 'the size of the page', len(page.text))


def ask(port, expression):
    """The samples that a Prometheus knows of an expression; None while it does not answer."""
    try:
        text = net.get(f'127.0.0.1:{port}',
                       '/api/v1/query?query=' + urllib.parse.quote(expression))
    except (ConnectionError, TimeoutError):
        return None
    return json.loads(text)['data']['result']


def start_prometheus(t, target):
    """A Prometheus that scrapes this address with our rules; (process, port)."""
    server = shutil.which('prometheus')
    t.skip_unless(server, 'needs prometheus')
    shutil.copy(os.path.join(RULES, 'reeve.rules.yml'), t.path('reeve.rules.yml'))
    with open(os.path.join(RULES, 'prometheus.yml'), encoding='utf-8') as file:
        text = file.read()
    check('127.0.0.1:9180' in text and '15s' in text, 'the example is as this test knows it')
    config = t.file('prometheus.yml', text.replace('127.0.0.1:9180', target).replace('15s', '1s'))

    def attempt(_left):
        port = net.free_port()
        process = t.start(server, f'--config.file={config}',
                          f'--storage.tsdb.path={t.path("tsdb")}',
                          f'--web.listen-address=127.0.0.1:{port}',
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def look(left):
            if not process.alive():
                return 'ended'
            if ask(port, 'up') is not None:
                return 'answers'
            pause(min(left, 0.05))
            return None
        return (process, port) if patient(look, 'an answer of Prometheus') == 'answers' else None
    return patient(attempt, 'a Prometheus that runs')


def test_a_real_prometheus(t):
    """What Prometheus stores, and what its alerts make of it, would differ from what reeve says."""
    config = ('pools:\n  web:\n    command: [{0}]\n    workers: 3\n'
              '    listen: {{ web: "tcp://127.0.0.1:0" }}\n')
    reeve = t.reeve('--metrics', '127.0.0.1:0', config=config.format(t.http_worker[0]))
    reeve.wait_ready(3)
    target = reeve.wait_for('metrics_listening')['address'].removeprefix('tcp://')
    _process, port = start_prometheus(t, target)

    def value(expression, wanted):
        def look(left):
            found = ask(port, expression)
            if found and wanted(float(found[0]['value'][1])):
                return found[0]
            pause(min(left, 0.1))
            return None
        return patient(look, expression)

    found = value('reeve_workers{state="serving"}', lambda number: number == 3)
    equal(found['metric']['job'], 'reeve', 'the job that the alerts want')
    value('up{job="reeve"}', lambda number: number == 1)
    for _ in range(10):
        reeve.get('/')
    value('sum(reeve_requests_total)', lambda number: number >= 10)
    value('histogram_quantile(0.5, sum by (le) (reeve_request_duration_seconds_bucket))',
          lambda number: 0 < number < 60)
    victim = reeve.worker()
    victim.signal(signal.SIGKILL)
    value('reeve_worker_restarts_total{reason="crash"}', lambda number: number == 1)
    value('count(ALERTS{alertstate="firing"}) or vector(0)', lambda number: number == 0)
    t.file('reeve.yaml', config.format('/bin/false'))
    reeve.signal(signal.SIGHUP)
    reeve.wait_for('pool_reload', pool='web', succeeded=False)
    value('ALERTS{alertname="ReeveReloadFailed",alertstate="firing"}', lambda number: number == 1)
    value('ALERTS{alertname="ReeveConfigDiverged"}', lambda number: number == 1)


if __name__ == '__main__':
    runner.main(globals())
