"""Who may include whom: the table of docs/architecture.md, as the test reads it."""
import re
from dataclasses import dataclass, field

STD_CPP = set('''
algorithm any array atomic barrier bit bitset charconv chrono codecvt compare complex concepts
condition_variable coroutine deque exception execution filesystem forward_list fstream functional
future initializer_list iomanip ios iosfwd iostream istream iterator latch limits list locale map
memory memory_resource mutex new numbers numeric optional ostream queue random ranges ratio regex
scoped_allocator semaphore set shared_mutex source_location span sstream stack stdexcept stop_token
streambuf string string_view strstream syncstream system_error thread tuple type_traits typeindex
typeinfo unordered_map unordered_set utility valarray variant vector version
cassert cctype cerrno cfenv cfloat cinttypes climits clocale cmath csetjmp csignal cstdarg cstddef
cstdint cstdio cstdlib cstring ctime cuchar cwchar cwctype
'''.split())

STD_C = set('''
assert.h ctype.h errno.h float.h inttypes.h limits.h locale.h math.h setjmp.h signal.h stdalign.h
stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h string.h time.h
uchar.h wchar.h
'''.split())

THIRD_PARTY = re.compile(r'(boost|spdlog|fmt|yaml-cpp|CLI|doctest|prometheus)/')

# Not even the standard library's threads and random numbers belong into the core.
IMPURE = set('''
atomic barrier condition_variable filesystem fstream future iostream latch mutex random semaphore
shared_mutex stop_token thread cstdio ctime csignal
'''.split())

# Libraries that one room, or one file of a room, may know.
BOOST_FOR_DAEMON = r'boost/(asio|beast|json|system)\b'
OS_FOR_IMPORT = r'os/capture\.hpp$'
OS_FOR_CLI = r'os/(fd|result|cgroup|user|executable)\.hpp$'
DAEMON_FOR_CLI = r'daemon/(daemon|run)\.hpp$'


@dataclass
class Layer:
    """What the files under `where` may include; patterns are matched from the start of the name."""
    where: str
    ours: tuple = ()
    third_party: tuple = ()
    system: str = 'any'           # 'any': std and the system; 'std'; 'pure'; 'c': no C++ headers
    single_files: dict = field(default_factory=dict)   # pattern -> the file that may include it


LAYERS = (
    Layer('include/reeve/', ours=('reeve/',), system='std-c'),
    Layer('src/core/', ours=('core/',), system='pure'),
    Layer('src/config/', ours=('config/', 'core/'), third_party=('yaml-cpp/',), system='std'),
    Layer('src/os/', ours=('os/', r'core/(time|ids|exit_status)\.hpp$', 'reeve/'),
          third_party=('boost/system/', 'boost/assert/'),
          single_files={r'boost/(?!system/|assert/)': r'src/os/spawn\.cpp'}),
    Layer('src/daemon/', ours=('daemon/', 'os/', 'config/', 'core/', 'reeve/'),
          third_party=(BOOST_FOR_DAEMON,),
          single_files={'spdlog/|fmt/': r'src/daemon/log\.cpp',
                        'prometheus/': r'src/daemon/metrics\.cpp'}),
    Layer('src/import/', ours=('import/', 'config/', OS_FOR_IMPORT),
          single_files={r'boost/json/': r'src/import/(gunicorn_answer|report_json)\.cpp'}),
    Layer('src/cli/', ours=('cli/', 'config/', 'import/', 'reeve/', OS_FOR_CLI, DAEMON_FOR_CLI),
          third_party=('CLI/',),
          single_files={r'boost/(asio|beast|system)/': r'src/cli/client\.cpp',
                        r'boost/json/': r'src/cli/(client|explain)_json\.cpp'}),
    Layer('src/worker/', ours=('worker/', 'reeve/'), system='c'),
    Layer('src/preload/', ours=('preload/', 'worker/', 'reeve/'), system='c'),
    Layer('examples/', ours=('reeve/',), system='c'),
    Layer('tests/unit/core/', ours=('core/', 'unit/'), third_party=('doctest/',), system='std'),
    Layer('tests/unit/config/', ours=('config/', 'core/', 'unit/'), third_party=('doctest/',)),
    Layer('tests/unit/os/', ours=('os/', r'core/(time|ids|exit_status)\.hpp$', 'reeve/', 'unit/'),
          third_party=('doctest/',)),
    Layer('tests/unit/worker/', ours=('reeve/', 'unit/'), third_party=('doctest/',)),
    Layer('tests/unit/preload/', ours=('reeve/',), system='c'),
    Layer('tests/unit/daemon/', ours=('daemon/', 'os/', 'config/', 'core/', 'reeve/', 'unit/'),
          third_party=('doctest/', BOOST_FOR_DAEMON)),
    Layer('tests/unit/import/', ours=('import/', 'config/', 'core/', 'unit/'),
          third_party=('doctest/',)),
    Layer('tests/unit/cli/', ours=('cli/', 'config/', 'reeve/', 'unit/'),
          third_party=('doctest/',)),
    Layer('tests/sim/', ours=('core/', 'sim/'), third_party=('doctest/',), system='std'),
    Layer('tests/integration/', ours=('reeve/',)),
    Layer('tests/fuzz/', ours=('config/', 'core/', 'reeve/')),
    Layer('bench/', ours=('reeve/',)),
)


def layer_of(path):
    return next((layer for layer in LAYERS if path.startswith(layer.where)), None)


def _matches(patterns, name):
    return any(re.match(pattern, name) for pattern in patterns)


def _system_allows(kind, name):
    if kind == 'pure':
        return name in STD_CPP and name not in IMPURE
    if kind == 'std':
        return name in STD_CPP
    if kind == 'std-c':
        return name in STD_C
    if kind == 'c':
        return name not in STD_CPP
    return True


def complaint(path, bracket, name, exists_beside):
    """Why `path` may not include `name`, or nothing. `exists_beside`: a file beside it."""
    layer = layer_of(path)
    if layer is None:
        return 'no layer is declared for this folder (tests/tidy/layers.py)'
    if bracket == '"' and '/' not in name:
        return None if exists_beside else 'not found beside this file; ours are "room/file"'
    for pattern, file in layer.single_files.items():
        if re.match(pattern, name):
            return None if re.fullmatch(file, path) else f'only {file} may'.replace('\\', '')
    if THIRD_PARTY.match(name):
        known = _matches(layer.third_party, name)
        return None if known else f'{layer.where} does not know this library'
    if bracket == '"' or name.startswith('reeve/'):
        if name.startswith('reeve/') and bracket == '"':
            return 'the public headers are <reeve/...>'
        return None if _matches(layer.ours, name) else f'{layer.where} must not know this room'
    if _system_allows(layer.system, name):
        return None
    return f'{layer.where} is limited to {layer.system} headers'
