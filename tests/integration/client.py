"""Runs `reeve COMMAND` as a client of an admin socket."""
import subprocess
from dataclasses import dataclass

from harness import PATIENCE, check


@dataclass
class Told:
    """What a client said and how it ended."""
    code: int
    out: str
    err: str


def ask(t, *words, admin=None, env=None, user=None):
    """Runs `reeve WORDS`, on the daemon behind `admin` where it is given, to its end."""
    argv = [t.built('src/cli/reeve'), *map(str, words)]
    if admin is not None:
        argv += ['--admin', admin]
    done = subprocess.run(argv, env=t.environment(env), cwd=t.dir, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=PATIENCE, check=False, user=user)
    return Told(done.returncode, done.stdout, done.stderr)


def tell(t, *words, code=0, **how):
    """The same, and the exit code must be this one."""
    told = ask(t, *words, **how)
    check(told.code == code, f'reeve {" ".join(map(str, words))}: exit code {told.code}, wanted '
          f'{code}:', told.out, told.err)
    return told
