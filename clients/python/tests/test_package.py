"""What the package promises about itself."""
import os
import re
import subprocess
import sys
import unittest
from pathlib import Path

from support import SOURCES

import reeve

ROOT = Path(__file__).resolve().parents[3]


def _version_in(path, pattern):
    return re.search(pattern, path.read_text(encoding='utf-8'), re.MULTILINE).group(1)


class Package(unittest.TestCase):
    """Its version, and what it needs."""

    def test_version(self):
        """A wheel would be called by the version of another reeve."""
        wanted = _version_in(ROOT / 'meson.build', r"^  version: '(.*)',$")
        self.assertEqual(reeve.__version__, wanted)
        self.assertEqual(_version_in(ROOT / 'clients/python/pyproject.toml',
                                     r'^version = "(.*)"$'), wanted)

    def test_needs_nothing_else(self):
        """The middleware would not run where only Python's own modules are."""
        words = 'import reeve.asgi, reeve.wsgi, reeve.gunicorn, reeve.access_log'
        done = subprocess.run([sys.executable, '-I', '-S', '-B', '-c',
                               f'import sys; sys.path.insert(0, {str(SOURCES)!r}); {words}'],
                              check=False, timeout=60, env=dict(os.environ))
        self.assertEqual(done.returncode, 0)


if __name__ == '__main__':
    unittest.main()
