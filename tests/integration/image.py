"""The example's container image: built without a registry, and run as a container would be.

A fresh Debian from debootstrap takes the place of the image `debian:bookworm-slim`; buildah builds
the example's own Containerfile on it; namespaces and chroot run what came out. reeve is what is
built already; with REEVE_IMAGE_COMPILES=1 the Containerfile compiles it, as it does for users:
that takes minutes.
"""
import atexit
import functools
import glob
import json
import os
import shutil
import subprocess
import tempfile

from board import EXAMPLE
from harness import check
from namespaces import first_process

SOURCE = os.path.abspath(os.path.join(EXAMPLE, '../..'))
BASE = 'debian:bookworm-slim'
TOOLS = ('buildah', 'debootstrap', 'unshare', 'nsenter', 'chroot', 'ip', 'curl')
PACKAGES = {'unshare': 'util-linux', 'nsenter': 'util-linux', 'chroot': 'coreutils',
            'ip': 'iproute2'}
LONG = 1800     # seconds that a step of a build may take

# In namespaces of its own: $1 is the root, $2 holds the sockets of database and Redis, $3 is the
# user, $4 the working directory, $5 how /run/reeve is mounted; the rest is environment and command.
RUN = '''set -e
root=$1 backends=$2 user=$3 cwd=$4 run=$5
shift 5
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/mnt"
for name in mysql redis; do
    mkdir "$root/mnt/$name"
    mount --bind "$backends/$name" "$root/mnt/$name"
done
mount -t tmpfs -o "$run" tmpfs "$root/run/reeve"
mount -o remount,bind,ro "$root"
ip link set lo up
exec chroot --userspec="$user" --groups= "$root" env -i -C "$cwd" "$@"
'''

# How compose mounts /run/reeve, and how Kubernetes does where fsGroup is the user's.
COMPOSE_RUN = 'uid=10001,gid=10001,mode=0700'
POD_RUN = 'uid=0,gid=10001,mode=2777'


def skip_unless_possible(t):
    t.skip_unless_root()
    for tool in TOOLS:
        t.skip_unless(shutil.which(tool),
                      f'{tool} is missing: apt-get install {PACKAGES.get(tool, tool)}')


def _do(*argv, **options):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=LONG, check=False, **options)
    check(done.returncode == 0, f'{" ".join(argv)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}')
    return done.stdout.strip()


def _mirror():
    """Where this machine has its Debian from, for debootstrap."""
    words = []
    for name in ['/etc/apt/sources.list', *sorted(glob.glob('/etc/apt/sources.list.d/*'))]:
        if os.path.exists(name):
            with open(name, encoding='utf-8') as file:
                words += [word for line in file if line.startswith(('URIs:', 'deb '))
                          for word in line.split()]
    return [word for word in words if '://' in word][:1]


def _debian(build):
    """A minimal Debian 12; made once in the build directory."""
    root = os.path.join(build, 'debian-bookworm')
    done = root + '.complete'
    if not os.path.exists(done):
        shutil.rmtree(root, ignore_errors=True)
        _do('debootstrap', '--variant=minbase', 'bookworm', root, *_mirror())
        for setting in glob.glob('/etc/apt/apt.conf.d/*proxy*'):
            shutil.copy(setting, os.path.join(root, 'etc/apt/apt.conf.d'))
        with open(done, 'w', encoding='utf-8'):
            pass
    return root


class Image:
    """The image of the example, in a store of its own that goes with this process."""

    def __init__(self, build):
        self._folder = tempfile.mkdtemp(prefix='reeve-image-')
        atexit.register(shutil.rmtree, self._folder, True)
        base = self._buildah('from', 'scratch')
        self._buildah('add', '--quiet', base, _debian(build), '/')
        self._buildah('commit', '--quiet', '--rm', base, BASE)
        context = os.path.join(self._folder, 'context')
        self._buildah('bud', '--isolation', 'chroot', '--pull=never', '--layers=false', '--format',
                      'docker', *self._fill(context, build), '--tag', 'board', '--file',
                      os.path.join(context, 'examples/django/Containerfile'), context)
        shutil.rmtree(context)
        known = json.loads(self._buildah('inspect', '--type', 'image', 'board'))
        self.config = known['Docker']['config']
        self.root = self._buildah('mount', self._buildah('from', '--pull=never', 'board'))

    @staticmethod
    def _fill(context, build):
        """Makes the build context; the arguments that go with it."""
        if os.environ.get('REEVE_IMAGE_COMPILES') == '1':
            os.mkdir(context)
            _do('sh', '-c', 'git ls-files -z | tar -c --null -T - | tar -x -C "$0"', context,
                cwd=SOURCE)
            return []
        for part in ('examples/django', 'clients/python/src'):
            shutil.copytree(os.path.join(SOURCE, part), os.path.join(context, part),
                            ignore=shutil.ignore_patterns('__pycache__'))
        _do('meson', 'install', '-C', build, '--no-rebuild', '--destdir',
            os.path.join(context, 'installed'), '--strip')
        return ['--build-arg', 'INSTALLED=installed']

    def _buildah(self, *words):
        return _do('buildah', '--storage-driver', 'vfs', '--root', self._folder + '/store',
                   '--runroot', self._folder + '/run', *words)


@functools.lru_cache(maxsize=None)
def image(build):
    """The one of this run."""
    return Image(build)


class Container:
    """A running container of the image; `words` in place of the image's own command."""

    def __init__(self, t, words=None, environment=None, run=COMPOSE_RUN):
        self._image = image(t.build)
        config = self._image.config
        self._environment = [*config['Env'],
                             *(f'{name}={value}' for name, value in (environment or {}).items())]
        command = [*config['Entrypoint'], *(config['Cmd'] if words is None else words)]
        with open(t.path('container.log'), 'w', encoding='utf-8') as log:
            self.process = t.start(
                'unshare', '--mount', '--pid', '--ipc', '--uts', '--net', '--fork', '--kill-child',
                'sh', t.file('run.sh', RUN), self._image.root, t.dir, config['User'],
                config['WorkingDir'], run, *self._environment, *command,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.log = t.path('container.log')
        self.first = first_process(t, self.process)

    @property
    def health_check(self):
        return self._image.config['Healthcheck']['Test']

    def said(self):
        with open(self.log, encoding='utf-8') as file:
            return file.read()

    def enter(self, *argv):
        """Words that run a command in the container as its user, as `docker exec` does."""
        user, group = self._image.config['User'].split(':')
        return ['nsenter', '--target', str(self.first.pid), '--mount', '--pid', '--net', '--ipc',
                '--uts', '--root', '--setuid', user, '--setgid', group, 'env', '-i', '-C',
                self._image.config['WorkingDir'], *self._environment, *argv]

    def tell(self, *argv):
        """Runs a command there; (exit code, what it said)."""
        check(self.process.alive(), 'the container has ended:', self.said()[-2000:])
        done = subprocess.run(self.enter(*argv), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    def ask(self, path, port=8000):
        """Words that get a page of the container, from outside its root."""
        return ['nsenter', '--target', str(self.first.pid), '--net', 'curl', '--silent', '--output',
                '/dev/null', '--write-out', '%{http_code}', f'http://127.0.0.1:{port}{path}']

    def status(self, path, port=8000):
        """The HTTP status; 0 where nobody listens."""
        done = subprocess.run(self.ask(path, port), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False)
        return int(done.stdout)
