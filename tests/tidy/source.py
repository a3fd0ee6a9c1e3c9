"""Reads C and C++ just well enough for the house rules: strips words, finds functions."""
import bisect
import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r'//(?:[^\n\\]|\\.|\\\n)*'
    r'|/\*.*?\*/'
    r'|R"(?P<tag>[^()\s\\]{0,16})\(.*?\)(?P=tag)"'
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|(?<![0-9A-Fa-f])'(?:[^'\\\n]|\\.)+'",
    re.DOTALL)

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)

_NOT_A_FUNCTION = re.compile(
    r'^\s*(?:(?:inline|export|static|typedef|extern)\s+)*'
    r'(?:namespace|class|struct|union|enum|if|for|while|switch|catch|do|else|try|extern\s+"C")\b')

_TEMPLATE = re.compile(r'^\s*(?:template\s*<[^{}]*?>\s*(?:requires\s[^{}]*?\s)?)')


@dataclass
class Function:
    """A function's head and the lines from its head to its closing brace."""
    head: str
    first_line: int
    last_line: int

    @property
    def lines(self):
        return self.last_line - self.first_line + 1


class Lines:
    """Turns offsets into line numbers, from 1."""

    def __init__(self, text):
        self._starts = [0] + [m.end() for m in re.finditer('\n', text)]

    def at(self, offset):
        return bisect.bisect_right(self._starts, offset)


def _blank(match):
    word = match.group(0)
    keep = '"' if word[0] in '"R' else "'" if word[0] == "'" else ''
    inner = re.sub(r'[^\n]', ' ', word)
    if not keep:
        return inner
    return keep + inner[1:-1] + keep


def code_only(text):
    """The text with comments and the insides of literals blanked; offsets stay the same."""
    return _TOKEN.sub(_blank, text)


def comments(text):
    """(offset, text) of each comment."""
    return [(m.start(), m.group(0)) for m in _TOKEN.finditer(text)
            if m.group(0)[:2] in ('//', '/*')]


def includes(text):
    """(line, '<' or '"', name) of each include."""
    lines = Lines(text)
    return [(lines.at(m.start()), m.group(1), m.group(2)) for m in _INCLUDE.finditer(text)]


def _without_directives(code):
    """Preprocessor lines, with their continuations, unbalance braces; they are blanked."""
    return re.sub(r'^[ \t]*#(?:[^\n\\]|\\.|\\\n)*',
                  lambda m: re.sub(r'[^\n]', ' ', m.group(0)), code, flags=re.MULTILINE)


def _is_function_head(head):
    head = _TEMPLATE.sub('', head)
    if '(' not in head or _NOT_A_FUNCTION.match(head):
        return False
    before = head.split('(', 1)[0]
    return not re.search(r'(?<![=!<>+\-*/|&^])=(?!=)', before.replace('operator=', ''))


def functions(code):
    """Every function body at namespace or class level; a lambda belongs to its function."""
    code = _without_directives(code)
    lines = Lines(code)
    found = []
    stack = []
    parens = 0
    head_start = 0
    for match in re.finditer(r'[(){};]', code):
        char, at = match.group(0), match.start()
        inside = any(kind in ('function', 'other') for kind, *_ in stack)
        if char in '()' and not inside:
            parens += 1 if char == '(' else -1
        elif char == ';' and not inside and parens == 0:
            head_start = at + 1
        elif char == '{':
            head = code[head_start:at]
            if inside or parens > 0:
                stack.append(('other', '', 0, 0))
            elif _is_function_head(head) and _ends_a_head(head):
                start = head_start + len(head) - len(head.lstrip())
                stack.append(('function', ' '.join(head.split()), start, at))
            elif _NOT_A_FUNCTION.match(_TEMPLATE.sub('', head)):
                stack.append(('scope', '', 0, 0))
                head_start = at + 1
            else:
                stack.append(('other', '', 0, 0))
        elif char == '}' and stack:
            kind, head, start, _ = stack.pop()
            if kind == 'function':
                found.append(Function(head, lines.at(start), lines.at(at)))
            if kind in ('function', 'scope'):
                head_start = at + 1
    return found


def _ends_a_head(head):
    """A brace that opens a body follows `)`, a qualifier, a return type or an initialiser."""
    tail = head.rstrip()
    if re.search(r'\)\s*(?:noexcept\s*(?:\([^()]*\))?\s*)?:(?!:)', tail):
        # A constructor's initialisers: a brace after `a_` is one of them, after `}` the body.
        return tail.endswith((')', '}'))
    return bool(re.search(
        r'(?:\)|\b(?:const|noexcept|override|final|mutable|try)|&|->[^;{}]*)$', tail))


def enum_switches_with_default(code):
    """Lines of `default:` in switches whose labels are qualified names, that is, enumerators."""
    lines = Lines(code)
    found = []
    for match in re.finditer(r'\bswitch\s*\(', code):
        open_at = code.find('{', _closing(code, match.end() - 1, '(', ')'))
        if open_at < 0:
            continue
        body = code[open_at + 1:_closing(code, open_at, '{', '}')]
        flat = _top_level(body)
        if re.search(r'\bcase\s+[\w:]*::\w+\s*:', flat):
            found += [lines.at(open_at + 1 + m.start())
                      for m in re.finditer(r'\bdefault\s*:', flat)]
    return found


def _closing(code, open_at, opener, closer):
    depth = 0
    for match in re.finditer('[' + re.escape(opener + closer) + ']', code[open_at:]):
        depth += 1 if match.group(0) == opener else -1
        if depth == 0:
            return open_at + match.start()
    return len(code)


def _top_level(body):
    """The text outside inner switches, offsets kept."""
    out = body
    for match in re.finditer(r'\bswitch\s*\(', body):
        open_at = body.find('{', match.end())
        if open_at < 0:
            continue
        end = _closing(body, open_at, '{', '}')
        out = out[:open_at] + re.sub(r'[^\n]', ' ', out[open_at:end]) + out[end:]
    return out
