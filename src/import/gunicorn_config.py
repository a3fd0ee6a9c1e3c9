"""Executes a Gunicorn configuration as Gunicorn does, and prints as JSON what it sets.

Usage: python3 -c SCRIPT LOCATION NAME,NAME... FIXED,FIXED...
FIXED: variables of the environment that have a value, so that it is the default.
LOCATION: a file, file:FILE, python:MODULE, or nothing for ./gunicorn.conf.py where it exists.
The configuration runs in children of this process: once as it is, and again with other values of
the environment variables that it reads and other numbers of CPUs, to see what depends on them.
"""
import ast
import importlib.machinery
import importlib.util
import json
import os
import select
import shutil
import signal
import sys
import time
import traceback

FILE_MAX = 1 << 20
TEXT_MAX = 4096
ITEMS_MAX = 256
ANSWER_MAX = 1 << 20
VARIABLES_MAX = 32
SECONDS_FIRST = 10.0   # for the run that counts
SECONDS_MORE = 40.0    # for all that look what depends on what
PROBES = (7919, 7907)  # numbers that nobody writes into a configuration
WORDS = ('1', 'true')
CPUS = (3, 5, 101)
NOT_ASKED = {'HOME', 'LANG', 'LANGUAGE', 'LOGNAME', 'PATH', 'PWD', 'SHELL', 'TERM', 'TMPDIR', 'TZ',
             'USER', 'VIRTUAL_ENV'}


class Failure(Exception):
    """The configuration cannot be had; the text says why."""


def plain(value, depth=0):
    """A value of the configuration as JSON can have it."""
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 62 else {'repr': 'a huge number'}
    if isinstance(value, str):
        return str(value[:TEXT_MAX]) if len(value) <= TEXT_MAX else {'repr': 'a long text'}
    if isinstance(value, (list, tuple, set, frozenset)) and depth < 3 and len(value) <= ITEMS_MAX:
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, dict) and depth < 3 and len(value) <= ITEMS_MAX:
        return {'map': [[str(key)[:TEXT_MAX], plain(item, depth + 1)]
                        for key, item in value.items()]}
    if isinstance(value, type):
        return f'{value.__module__}.{value.__qualname__}'
    if callable(value):
        return {'function': str(getattr(value, '__name__', 'a function'))[:TEXT_MAX]}
    return {'repr': type(value).__name__}


def watch_environment(read):
    """Notes in `read` which variables are asked for."""
    class Watched(type(os.environ)):
        def __getitem__(self, key):
            if isinstance(key, str) and key not in read:
                read.append(key)
            return super().__getitem__(key)
    os.environ.__class__ = Watched


def pretend_cpus(count):
    """Has whoever asks told so many CPUs."""
    for name in ('cpu_count', 'process_cpu_count'):
        if hasattr(os, name):
            setattr(os, name, lambda: count)
    os.sched_getaffinity = lambda _pid: set(range(count))


def path_of(location):
    """The file of a location; nothing for a module."""
    if location.startswith('python:'):
        return None
    return location[len('file:'):] if location.startswith('file:') else location


def execute(location):
    """The names that the configuration defines."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    path = path_of(location)
    if path is None:
        return vars(importlib.import_module(location[len('python:'):]))
    if os.path.splitext(path)[1] in ('.py', '.pyc'):
        spec = importlib.util.spec_from_file_location('__config__', path)
    else:
        loader = importlib.machinery.SourceFileLoader('__config__', path)
        spec = importlib.util.spec_from_file_location('__config__', path, loader=loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules['__config__'] = module
    spec.loader.exec_module(module)
    return vars(module)


def explain(error, location):
    """{text, line} of what the configuration raised."""
    path = path_of(location)
    line = None
    def is_it(name):
        return path is not None and name is not None and \
            os.path.abspath(name) == os.path.abspath(path)

    if isinstance(error, SyntaxError) and is_it(error.filename):
        line = error.lineno
        text = f'{type(error).__name__}: {error.msg}'
    else:
        text = f'{type(error).__name__}: {error}'
        for frame in traceback.extract_tb(error.__traceback__):
            if is_it(frame.filename):
                line = frame.lineno
    if isinstance(error, SystemExit):
        text = f'it calls sys.exit({error.code if error.code is not None else ""})'
    elif isinstance(error, KeyError) and error.args and str(error.args[0]).isupper():
        text = f'it needs the environment variable {error.args[0]}, which is not set'
    return {'text': ' '.join(text.split())[:500], 'line': line}


def in_child(location, names, environment, cpus):
    """What one execution says, in the child."""
    os.environ.clear()
    os.environ.update(environment)
    read = []
    if cpus is not None:
        pretend_cpus(cpus)
    watch_environment(read)
    try:
        found = execute(location)
        values = {name: plain(found[name]) for name in names if name in found}
        others = [name for name, value in found.items()
                  if name not in values and not name.startswith('_')
                  and isinstance(value, (int, str, float)) and len(name) < 64]
        return {'values': values, 'others': others[:ITEMS_MAX], 'read': read[:ITEMS_MAX]}
    except BaseException as error:  # also what ends Python
        return {'error': explain(error, location), 'read': read[:ITEMS_MAX]}


def run(location, names, environment, cpus=None, seconds=SECONDS_FIRST, heard=False):
    """One execution in a child: its answer, or an error. `heard`: what it prints is shown."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        # What it prints is no part of the answer.
        if not heard:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        os.dup2(2, 1)
        answer = json.dumps(in_child(location, names, environment, cpus)).encode()
        with os.fdopen(writer, 'wb') as file:
            file.write(answer)
        os._exit(0)
    os.close(writer)
    text, until = b'', time.monotonic() + seconds
    while len(text) <= ANSWER_MAX:
        left = until - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            text = None
            break
        more = os.read(reader, 65536)
        if not more:
            break
        text += more
    os.close(reader)
    os.kill(pid, signal.SIGKILL)
    _pid, status = os.waitpid(pid, 0)
    if text is None:
        return {'error': {'text': f'it did not end within {seconds:.0f} seconds', 'line': None}}
    try:
        return json.loads(text)
    except ValueError:
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else f'signal {os.WTERMSIG(status)}'
        return {'error': {'text': f'it ended Python ({code})', 'line': None}}


def merge(probed, base, number, reference):
    """A probed value with `reference` in the place of the number, or None; `base`: without it."""
    if isinstance(probed, bool):
        return None
    if probed == number or probed == str(number):
        return reference(base)
    if isinstance(probed, str) and str(number) in probed:
        before, _, after = probed.partition(str(number))
        if not isinstance(base, str) or not base.startswith(before) or not base.endswith(after) \
                or len(base) < len(before) + len(after):
            return None if base is not None else before + reference(None) + after
        return before + reference(base[len(before):len(base) - len(after)]) + after
    if isinstance(probed, list) and isinstance(base, list) and len(probed) == len(base):
        items = [now if now == then else merge(now, then, number, reference)
                 for now, then in zip(probed, base)]
        return None if None in items else items
    return None


class Search:
    """Finds out which settings depend on which variables and on the number of CPUs."""

    def __init__(self, location, names, environment, first, fixed):
        self.location, self.names, self.first = location, names, first
        self.environment, self.fixed = environment, fixed
        self.until = time.monotonic() + SECONDS_MORE
        self.complete = True
        self.read, self.bare, self.required = [], environment, {}
        self.note_read(first['read'])
        self.base = self.find_base()
        self.settings = {name: {} for name in first['values']}

    def note_read(self, names):
        """Whether there was a variable among them that was not known to be read."""
        new = [name for name in names if name not in NOT_ASKED and name not in self.read
               and not name.startswith(('PYTHON', 'LC_')) and '=' not in name]
        self.complete = self.complete and len(self.read) + len(new) <= VARIABLES_MAX
        self.read = (self.read + new)[:VARIABLES_MAX]
        self.bare = {key: value for key, value in self.environment.items()
                     if key not in self.read or key in self.fixed}
        return bool(new)

    def find_base(self):
        """The values with as few of the variables set as possible."""
        answer = {}
        for _ in range(4):  # one that is set can hide that others are asked for
            answer = self.ask({})
            if not self.note_read(answer.get('read', [])) and 'values' in answer:
                return answer['values']
        self.required = {name: self.environment[name] for name in self.read
                         if name in self.environment}
        return self.ask({}).get('values', self.first['values'])

    def ask(self, variables, cpus=None):
        """The answer with these variables set."""
        left = self.until - time.monotonic()
        if left <= 0:
            self.complete = False
            return {}
        return run(self.location, self.names, {**self.bare, **self.required, **variables}, cpus,
                   min(left, SECONDS_FIRST))

    def try_with(self, variables, cpus=None):
        """The values with these variables set, or None."""
        return self.ask(variables, cpus).get('values')

    def look_at_cpus(self):
        runs = [self.try_with({}, count) for count in CPUS[:2]]
        if None in runs or runs[0] == runs[1]:
            return
        runs.append(self.try_with({}, CPUS[2]) or {})
        for name, about in self.settings.items():
            values = [values.get(name) for values in runs]
            if values[0] == values[1] == values[2]:
                continue
            about['cpus'] = True
            if all(type(value) is int for value in values):
                times = (values[1] - values[0]) / (CPUS[1] - CPUS[0])
                plus = values[0] - times * CPUS[0]
                if values[2] == times * CPUS[2] + plus:
                    about['cpus'] = [times, plus]

    def default_of(self, name, base):
        if name == 'workers' and self.settings[name].get('cpus') == [2, 1]:
            return 'auto'
        return str(base)

    def look_at_variables(self):
        matched = {}
        for variable in self.read:
            runs = [self.try_with({variable: word}) for word in (str(PROBES[0]), *WORDS)]
            for name, about in self.settings.items():
                base = self.base.get(name)
                if all(values is None or values.get(name) == base for values in runs):
                    continue
                found = None
                if base is not None and runs[0] is not None:
                    found = merge(runs[0].get(name), base, PROBES[0], str)
                if found:
                    matched.setdefault(name, []).append(variable)
                else:
                    about.setdefault('depends', []).append(variable)
        for name, variables in matched.items():
            self.settle(name, variables)

    def settle(self, name, variables):
        """Writes the setting with its variables, the one that wins first."""
        variables = sorted(variables, key=lambda one: self.rank(name, one, variables))
        base = self.base.get(name)
        text = None
        for variable in reversed(variables):
            values = self.try_with({variable: str(PROBES[0])})
            if values is None:
                return
            inner = text

            def reference(default, variable=variable, inner=inner):
                if inner is not None and isinstance(inner, str):
                    return '${' + variable + ':-' + inner + '}'
                if variable in self.required:
                    return '${' + variable + '}'
                word = self.default_of(name, default) if default == base else str(default)
                return '${' + variable + ':-' + word + '}'
            text = merge(values.get(name), base, PROBES[0], reference)
        if text is not None:
            self.settings[name]['with'] = text if isinstance(text, list) else [text]
            self.settings[name]['variables'] = variables

    def rank(self, name, variable, variables):
        """How many of the others win against it when both are set."""
        lost = 0
        for other in variables:
            if other != variable:
                values = self.try_with({variable: str(PROBES[0]), other: str(PROBES[1])}) or {}
                lost += str(PROBES[1]) in str(values.get(name))
        return lost


def lines_of(path):
    """{name: line} of what the file assigns or defines outside of functions."""
    try:
        with open(path, 'rb') as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    lines, todo = {}, list(reversed(tree.body))
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            lines[node.name] = node.lineno
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            lines[node.id] = node.lineno
        todo += reversed(list(ast.iter_child_nodes(node)))
    return lines


def choose(location):
    """The configuration to execute, or nothing; raises Failure."""
    if not location:
        location = './gunicorn.conf.py'
        if not os.path.exists(location):
            return None
    path = path_of(location)
    if path is None:
        return location
    try:
        if os.path.isdir(path):
            raise Failure('it is a directory')
        if os.stat(path).st_size > FILE_MAX:
            raise Failure(f'it is larger than {FILE_MAX >> 20} MiB, so no configuration')
        with open(path, 'rb') as file:
            file.read(1)
    except OSError as error:
        raise Failure(error.strerror) from error
    return location


def beside(program):
    """The program of the virtual environment that this Python belongs to, or nothing."""
    if sys.prefix == getattr(sys, 'base_prefix', sys.prefix):
        return None
    return shutil.which(program, path=os.path.join(sys.prefix, 'bin'))


def main(location, names, fixed):
    answer = {'python': '.'.join(map(str, sys.version_info[:3])), 'location': None, 'settings': {},
              'complete': True, 'programs': {}}
    for program in ('uvicorn', 'gunicorn', 'python3'):
        answer['programs'][program] = beside(program)
    try:
        location = choose(location)
    except Failure as failure:
        return {**answer, 'error': {'text': str(failure), 'line': None}}
    if location is None:
        return answer
    answer['location'] = location
    environment = dict(os.environ)
    first = run(location, names, environment, heard=True)
    if 'error' in first:
        return {**answer, 'error': first['error']}
    search = Search(location, names, environment, first, fixed)
    search.look_at_cpus()
    search.look_at_variables()
    path = path_of(location)
    lines = lines_of(path) if path is not None else {}
    for name, value in first['values'].items():
        about = search.settings[name]
        answer['settings'][name] = {'value': value, 'line': lines.get(name), **about}
    answer['complete'] = search.complete
    answer['others'] = first['others']
    return answer


if __name__ == '__main__':
    print(json.dumps(main(sys.argv[1], sys.argv[2].split(','), sys.argv[3].split(','))))
