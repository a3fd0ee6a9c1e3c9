"""The house rules for one file each: text in, complaints out."""
import ast
import re
from dataclasses import dataclass

import layers
import source

COLUMNS = 100
COLUMNS_OF_PROSE = 120
FUNCTION_LINES = 70
FILE_LINES = 400
FILE_LINES_OF_TOOLS = 800
ADR_LINES = 60
ADR_HEADINGS = ('Context', 'Decision', 'Consequences', 'Rejected')

CPP = ('.hpp', '.cpp')
C = ('.h', '.c')
SCRIPTS = ('scripts/', '.ci/')


@dataclass(frozen=True)
class Complaint:
    """One broken rule at one place."""
    path: str
    line: int
    rule: str
    message: str

    def __str__(self):
        return f'{self.path}:{self.line}: {self.message} [{self.rule}]'


@dataclass(frozen=True)
class Ban:
    """A word that must not appear in the files that `where` selects."""
    rule: str
    word: re.Pattern
    message: str
    where: callable
    in_code: bool = True    # False: comments and strings count too


def is_code(path):
    return path.endswith(CPP + C)


def _is_our_process(path):
    """Code that runs in reeve itself; workers, examples and load generators are others."""
    return is_code(path) and re.match(
        r'src/(core|config|os|daemon|import|cli)/|'
        r'tests/(sim|unit/(core|config|daemon|import|cli))/', path)


def _may_make_processes(path):
    return path.startswith(('src/os/', 'src/preload/', 'tests/unit/os/', 'tests/unit/worker/')) or (
        path.endswith('.c') and path.startswith(('examples/', 'tests/', 'bench/')))


def _is_test(path):
    """Tests, but not the programs that tests supervise: those misbehave on purpose."""
    return (path.startswith('tests/') and not path.startswith('tests/tidy/')
            and '/workers/' not in path)


_CALL = r'(?<![\w.>"])(?<!\w::)'

BANS = (
    Ban('clock', re.compile(r'_clock::now\s*\(|\b(?:clock_gettime|gettimeofday|ftime)\s*\('
                            rf'|{_CALL}time\s*\(\s*(?:NULL|nullptr|0|&)'),
        'only src/os/clock reads a clock: time is a parameter',
        lambda path: _is_our_process(path) and not path.startswith('src/os/clock.')),
    Ban('process', re.compile(rf'\bwaitpid\b|{_CALL}(?:v?fork|kill|wait[34]|waitid|clone3?)\s*\('),
        'only src/os and what lives in a worker make, end and reap processes',
        lambda path: is_code(path) and not _may_make_processes(path)),
    Ban('sleep', re.compile(r'\b(?:u|nano|time\.)?sleep(?:_for|_until)?\s*\('),
        'tests wait for facts, not for time',
        lambda path: _is_test(path) and path.endswith(CPP + C + ('.py',))),
    Ban('detached', re.compile(r'\bdetached\b'),
        'a detached coroutine swallows its exceptions', is_code),
    Ban('using-namespace', re.compile(r'\busing\s+namespace\b'),
        'name what you use', is_code),
    Ban('todo', re.compile(r'\b(?:TODO|FIXME|XXX)\b(?!\s*\(?#\d+)'),
        'an open end needs the number of its issue: TODO(#12)',
        lambda path: not path.startswith('tests/tidy/'), in_code=False),
    Ban('machine', re.compile(r'(?<![\w.])/(?:work|root)/|/home/(?!\$|\{)\w|/tmp/b-'
                              r'|\b(?:deb|security|snapshot|ftp)\.debian\.org'
                              r'|\bpypi\.org|pythonhosted|registry\.npmjs|\bcrates\.io'
                              r'|proxy\.golang|nodesource|packages\.cloud'),
        'a path or a package source of one machine',
        lambda path: not path.startswith('tests/tidy/'), in_code=False),
)


def check(path, text, beside=()):
    """All complaints about one file. `beside`: names of the files in its folder."""
    found = _shape(path, text)
    if is_code(path):
        code = source.code_only(text)
        found += _includes(path, text, beside) + _functions(path, code) + _commented_out(path, text)
        listed = 'a switch over an enum lists every enumerator'
        found += [Complaint(path, line, 'switch-default', listed)
                  for line in source.enum_switches_with_default(code)]
        if path.endswith('.hpp') and '#pragma once' not in text:
            found.append(Complaint(path, 1, 'pragma-once', 'no #pragma once'))
    else:
        code = text
    found += _bans(path, text, code)
    if path.endswith('.py'):
        found += _python_functions(path, text)
    if path.startswith('docs/adr/'):
        found += _adr(path, text)
    return found


def _bans(path, text, code):
    found = []
    for ban in BANS:
        if not ban.where(path):
            continue
        lines = source.Lines(text)
        for match in ban.word.finditer(code if ban.in_code else text):
            found.append(Complaint(path, lines.at(match.start()), ban.rule,
                                   f'`{match.group(0).strip()}`: {ban.message}'))
    return found


def _shape(path, text):
    found = []
    lines = text.split('\n')
    if path == 'LICENSE' or not text:
        return found
    if not text.endswith('\n') or text.endswith('\n\n'):
        found.append(Complaint(path, len(lines), 'last-line', 'ends with exactly one newline'))
    prose = path.endswith('.md')
    columns = COLUMNS_OF_PROSE if prose else COLUMNS
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            found.append(Complaint(path, number, 'trailing-space', 'space at the end of the line'))
        if '\t' in line:
            found.append(Complaint(path, number, 'tab', 'a tab'))
        unbreakable = 'http' in line or (prose and line.startswith('|'))
        if len(line) > columns and not unbreakable:
            found.append(Complaint(path, number, 'columns',
                                   f'{len(line)} columns, at most {columns}'))
    limit = FILE_LINES_OF_TOOLS if path.startswith(('tests/', 'bench/') + SCRIPTS) else FILE_LINES
    if len(lines) - 1 > limit and not prose and not path.startswith('tests/golden/'):
        found.append(Complaint(path, limit, 'file-lines',
                               f'{len(lines) - 1} lines, at most {limit}'))
    if not _has_purpose(path, lines):
        found.append(Complaint(path, 1, 'purpose', 'opens with a comment: what is it for?'))
    return found


def _has_purpose(path, lines):
    if path.endswith(CPP):
        return re.match(r'// \S+ \S+ \S+', lines[0])
    if path.endswith(C):
        return re.match(r'/\*\*? \S+ \S+ \S+', lines[0])
    if path.endswith('.py') or path.startswith(SCRIPTS):
        first = lines[1] if lines[0].startswith('#!') and len(lines) > 1 else lines[0]
        return re.match(r'(?:# |""")\S+ \S+ \S+', first)
    return True


def _includes(path, text, beside):
    found = []
    for line, bracket, name in source.includes(text):
        why = layers.complaint(path, bracket, name, name in beside)
        if why:
            found.append(Complaint(path, line, 'include', f'includes {name}: {why}'))
    return found


def _functions(path, code):
    return [Complaint(path, f.first_line, 'function-lines',
                      f'{f.lines} lines, at most {FUNCTION_LINES}: {f.head[:60]}')
            for f in source.functions(code) if f.lines > FUNCTION_LINES]


def _python_functions(path, text):
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = node.end_lineno - node.lineno + 1
            if length > FUNCTION_LINES:
                found.append(Complaint(path, node.lineno, 'function-lines',
                                       f'{length} lines, at most {FUNCTION_LINES}: {node.name}'))
    return found


_CODE_LINE = re.compile(
    r'^\s*(?://|\*)?\s*(?:'
    r'(?:return|if|for|while|auto|const|int|void|bool|char|std::)\b[^.]*[;{]'
    r'|[\w:.\->\[\]]+\s*\([^()]*\)\s*;'
    r'|[\w.\->\[\]]+\s*[-+|&]?=\s*[^=].*;'
    r'|#\s*include\b.*'
    r')\s*$')


def _commented_out(path, text):
    """A heuristic: a whole comment line that ends as a statement does and has no word of prose."""
    found = []
    lines = source.Lines(text)
    for offset, comment in source.comments(text):
        if not comment.startswith('//') or comment.startswith('///'):
            continue
        body = comment[2:]
        if _CODE_LINE.match(body) and not re.search(r'\b(?:the|is|an|of|that|which|its?)\b', body):
            found.append(Complaint(path, lines.at(offset), 'commented-out',
                                   'code in a comment: delete it'))
    return found


def _adr(path, text):
    found = []
    if not re.fullmatch(r'docs/adr/\d{4}-[a-z0-9-]+\.md', path):
        found.append(Complaint(path, 1, 'adr', 'the name is NNNN-title.md'))
    length = text.count('\n')
    if length > ADR_LINES:
        found.append(Complaint(path, ADR_LINES, 'adr', f'{length} lines, at most {ADR_LINES}'))
    headings = re.findall(r'^##\s+(.*?)\s*$', text, re.MULTILINE)
    if headings != list(ADR_HEADINGS):
        found.append(Complaint(path, 1, 'adr',
                               f'headings are {", ".join(ADR_HEADINGS)}; found {headings}'))
    return found


def links(path, text, exists):
    """Relative links of a markdown file that lead nowhere. `exists(path)` answers for the tree."""
    found = []
    blanked = re.sub(r'^```.*?^```', lambda m: re.sub(r'[^\n]', ' ', m.group(0)), text,
                     flags=re.MULTILINE | re.DOTALL)
    blanked = re.sub(r'`[^`\n]*`', lambda m: ' ' * len(m.group(0)), blanked)
    lines = source.Lines(text)
    folder = path.rsplit('/', 1)[0] + '/' if '/' in path else ''
    for match in re.finditer(r'\]\(([^)\s]+)\)', blanked):
        target = match.group(1).split('#')[0]
        if not target or re.match(r'[a-z]+:', target):
            continue
        if not exists(folder + target):
            found.append(Complaint(path, lines.at(match.start()), 'link',
                                   f'{target} does not exist'))
    return found
