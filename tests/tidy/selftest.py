#!/usr/bin/env python3
"""Shows that each house rule can fail: plants one violation a rule, and one innocent look-alike."""
import sys
from dataclasses import dataclass

import rules
import source

OPENING = '// What this file is for.\n'


@dataclass
class Case:
    """A text under a path, and the one rule that it must break; `None`: it must pass."""
    path: str
    text: str
    rule: str


def cpp(body, rule, path='src/daemon/planted.cpp'):
    return Case(path, OPENING + body, rule)


def long_function(count):
    return 'int f(int a) {\n' + '    a += 1;\n' * count + '    return a;\n}\n'


def switch(label):
    return ('void f(A a) {\n    switch (a) {\n'
            f'        case {label}: return;\n        default: break;\n    }}\n}}\n')


ADR = '## Context\n\n## Decision\n\n## Consequences\n\n## Rejected\n'

INCLUDES = (
    # path, line, allowed?
    ('src/core/a.cpp', '#include "core/time.hpp"', True),
    ('src/core/a.cpp', '#include "os/fd.hpp"', False),
    ('src/core/a.cpp', '#include "config/options.hpp"', False),
    ('src/core/a.cpp', '#include <unistd.h>', False),
    ('src/core/a.cpp', '#include <thread>', False),
    ('src/core/a.cpp', '#include <random>', False),
    ('src/core/a.cpp', '#include <reeve/protocol.h>', False),
    ('src/core/a.cpp', '#include <vector>', True),
    ('src/config/a.cpp', '#include <yaml-cpp/yaml.h>', True),
    ('src/config/a.cpp', '#include "core/config.hpp"', True),
    ('src/config/a.cpp', '#include "os/fd.hpp"', False),
    ('src/config/a.cpp', '#include <sys/stat.h>', False),
    ('src/daemon/a.cpp', '#include <yaml-cpp/yaml.h>', False),
    ('src/os/a.cpp', '#include "core/ids.hpp"', True),
    ('src/os/a.cpp', '#include "core/config.hpp"', False),
    ('src/os/a.cpp', '#include <boost/system/result.hpp>', True),
    ('src/os/a.cpp', '#include <boost/process/v2/process.hpp>', False),
    ('src/os/spawn.cpp', '#include <boost/process/v2/process.hpp>', True),
    ('src/os/a.cpp', '#include <sys/socket.h>', True),
    ('src/daemon/a.cpp', '#include <boost/asio/post.hpp>', True),
    ('src/daemon/a.cpp', '#include <boost/process/v2/process.hpp>', False),
    ('src/daemon/a.cpp', '#include <spdlog/spdlog.h>', False),
    ('src/daemon/a.cpp', '#include <fmt/format.h>', False),
    ('src/daemon/log.cpp', '#include <spdlog/spdlog.h>', True),
    ('src/daemon/a.cpp', '#include <CLI/CLI.hpp>', False),
    ('src/daemon/a.cpp', '#include "cli/run.hpp"', False),
    ('src/cli/a.cpp', '#include <CLI/CLI.hpp>', True),
    ('src/cli/a.cpp', '#include "os/fd.hpp"', True),
    ('src/cli/a.cpp', '#include "os/pidfd.hpp"', False),
    ('src/cli/a.cpp', '#include "daemon/turn.hpp"', False),
    ('src/worker/a.c', '#include <reeve/worker.h>', True),
    ('src/worker/a.c', '#include <string.h>', True),
    ('src/worker/a.c', '#include "core/time.hpp"', False),
    ('src/worker/a.cpp', '#include <string>', False),
    ('include/reeve/a.h', '#include <stdint.h>', True),
    ('include/reeve/a.h', '#include <sys/types.h>', False),
    ('include/reeve/a.h', '#include "core/time.hpp"', False),
    ('src/core/a.cpp', '#include <doctest/doctest.h>', False),
    ('tests/unit/core/a.cpp', '#include <doctest/doctest.h>', True),
    ('tests/unit/core/a.cpp', '#include "os/fd.hpp"', False),
    ('tests/sim/a.cpp', '#include "core/pool.hpp"', True),
    ('tests/sim/a.cpp', '#include "config/options.hpp"', False),
    ('tests/integration/a.cpp', '#include "core/pool.hpp"', False),
    ('src/elsewhere/a.cpp', '#include <vector>', False),
)

BODIES = (
    cpp('auto t = std::chrono::steady_clock::now();\n', 'clock'),
    cpp('int r = clock_gettime(CLOCK_MONOTONIC, &spec);\n', 'clock', 'src/config/a.cpp'),
    cpp('auto t = std::chrono::steady_clock::now();\n', None, 'src/os/clock.cpp'),
    cpp('const auto t = os::now();  // not steady_clock::now()\n', None),
    cpp('void f() { kill(pid, SIGTERM); }\n', 'process'),
    cpp('void f() { ::kill(pid, SIGTERM); }\n', 'process'),
    cpp('int f() { return fork(); }\n', 'process', 'tests/unit/core/a_test.cpp'),
    cpp('int f() { return waitpid(-1, nullptr, 0); }\n', 'process', 'src/cli/a.cpp'),
    cpp('int f() { return fork(); }\n', None, 'src/os/spawn.cpp'),
    cpp('void f() { worker.kill(now); }\n', None),
    cpp('const char* text = "kill(pid)";\n', None),
    cpp('void f() { std::this_thread::sleep_for(1s); }\n', 'sleep', 'tests/unit/os/a_test.cpp'),
    Case('tests/integration/a.py', '"""What this is for."""\ntime.sleep(1)\n', 'sleep'),
    Case('tests/integration/workers/a.c',
         '/* A worker that is late. */\nvoid f(void) { sleep(3); }\n', None),
    cpp('co_spawn(context, serve(), asio::detached);\n', 'detached'),
    cpp('using namespace std;\n', 'using-namespace'),
    cpp('using std::chrono::seconds;\n', None),
    cpp('int a;  // TODO make it nice\n', 'todo'),
    cpp('int a;  // TODO(#12) make it nice\n', None),
    cpp('const char* path = "/work/' + 'main/src";\n', 'machine'),
    cpp('int a;  // see /home/somebody/x\n', 'machine'),
    Case('scripts/a',
         '#!/bin/sh\n# Installs what is needed.\ncurl https://deb.debian.org/debian\n', 'machine'),
    cpp('int a;' + ' ' * 100 + '// far\n', 'columns'),
    cpp('int a;  \n', 'trailing-space'),
    cpp('\tint a;\n', 'tab'),
    Case('src/core/a.cpp', OPENING + 'int a;', 'last-line'),
    Case('src/core/a.cpp', 'int a;\n', 'purpose'),
    Case('src/worker/a.c', '#include <string.h>\n', 'purpose'),
    Case('scripts/a', '#!/bin/sh\nset -eu\n', 'purpose'),
    cpp('int a;\n' * 401, 'file-lines'),
    cpp('int a;\n' * 401, None, 'tests/unit/core/a_test.cpp'),
    cpp(long_function(69), 'function-lines'),
    cpp('struct A {\n' + long_function(69) + '};\n', 'function-lines'),
    cpp('A::A(int b) : a_{b}, c_(b) {\n' + '    d();\n' * 70 + '}\n', 'function-lines'),
    cpp(long_function(60) + '\n' + long_function(60), None),
    cpp('constexpr int table[] = {\n' + '    1,\n' * 90 + '};\n', None),
    Case('tests/integration/a.py',
         '"""What this is for."""\n\n\ndef f():\n' + '    a()\n' * 70, 'function-lines'),
    cpp(switch('A::b'), 'switch-default'),
    cpp(switch("'b'"), None),
    cpp('// return value + 1;\n', 'commented-out'),
    cpp('// call(value);\n', 'commented-out'),
    cpp('// One call of the kernel; the rest is waiting.\n', None),
    Case('src/core/a.hpp', OPENING + 'int a;\n', 'pragma-once'),
    Case('docs/adr/1.md', '# One\n', 'adr'),
    Case('docs/adr/0001-a.md', '## Context\n\n## Decision\n\n## Consequences\n', 'adr'),
    Case('docs/adr/0001-a.md', ADR, None),
    Case('docs/adr/0001-a.md', ADR + 'a\n' * 60, 'adr'),
)

LINKS = (
    ('docs/a.md', '[a](b.md)\n', {'docs/b.md'}, 0),
    ('docs/a.md', '[a](../b.md#part)\n', {'docs/../b.md'}, 0),
    ('docs/a.md', '[a](c.md)\n', {'docs/b.md'}, 1),
    ('a.md', '[a](https://example.org/x)\n', set(), 0),
    ('a.md', '```\n[a](c.md)\n```\n', set(), 0),
)


def failures():
    for path, line, allowed in INCLUDES:
        opening = '/* What this file is for. */\n' if path.endswith(('.h', '.c')) else OPENING
        broken = {c.rule for c in rules.check(path, opening + line + '\n')}
        if broken != (set() if allowed else {'include'}):
            yield f'{path} with {line}: allowed is {allowed}, got {broken}'
    for case in BODIES:
        broken = {c.rule for c in rules.check(case.path, case.text)}
        if broken != ({case.rule} if case.rule else set()):
            yield f'{case.path}: expected {case.rule}, got {broken}:\n{case.text[:200]}'
    for path, text, there, expected in LINKS:
        found = rules.links(path, text, lambda target, there=there: target in there)
        if len(found) != expected:
            yield f'{path}: {text!r}: expected {expected} dead links, got {len(found)}'
    planted = {case.rule for case in BODIES}
    for ban in rules.BANS:
        if ban.rule not in planted:
            yield f'no violation of `{ban.rule}` is planted here'
    if len(source.code_only('a // b\n"c"')) != len('a // b\n"c"'):
        yield 'code_only moved an offset'


def main():
    found = list(failures())
    for failure in found:
        print(failure)
    print(f'{len(INCLUDES) + len(BODIES) + len(LINKS)} cases, {len(found)} failures')
    return 1 if found else 0


if __name__ == '__main__':
    sys.exit(main())
