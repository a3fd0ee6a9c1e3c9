"""What every benchmark does before and after it measures: builds, finds programs, writes pages."""
import os
import shutil
import subprocess
from pathlib import Path

from .processes import Failed

SOURCE = Path(__file__).resolve().parents[2]


def build(folder, targets):
    """Builds what is measured, optimised and with its assertions, as it is shipped."""
    if not (folder / 'build.ninja').exists():
        subprocess.run(['meson', 'setup', folder, SOURCE, '--buildtype=release',
                        '-Db_ndebug=false'], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(['ninja', '-C', folder, *targets], check=True, stdout=subprocess.DEVNULL)


def find_program(name):
    """Path of a server that scripts/setup installs."""
    path = shutil.which(name, path=os.environ['PATH'] + ':/usr/sbin:/sbin')
    if path is None:
        raise Failed(f'{name} is missing: scripts/setup installs it')
    return path


def write_page(path, text, command):
    """Puts a table between the marks of a page, which name the command that writes it."""
    begin, end = f'<!-- table: written by {command} -->', '<!-- end of the table -->'
    before, rest = path.read_text(encoding='utf-8').split(begin)
    after = rest.split(end)[1]
    path.write_text(f'{before}{begin}\n{text}\n{end}{after}', encoding='utf-8')
