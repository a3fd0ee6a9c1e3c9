#!/usr/bin/env python3
"""Makes the shell completions from what `reeve --help` says, so that none can be forgotten.

Usage: generate.py REEVE           writes reeve.bash, _reeve and reeve.fish beside this file
       generate.py --check REEVE   fails when they are not what it would write, or do not parse
"""
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent

OPTION = re.compile(r'^ {2,6}(?:(-\w),)?(--[\w-]+)(?: (\S+))?(?:\s{2,}(.*)|)$')
SUBCOMMAND = re.compile(r'^  ([a-z][\w-]*)\s{2,}(.*)$')
LEVELS = ['trace', 'debug', 'info', 'warning', 'error', 'critical']
SIGNALS = ['HUP', 'INT', 'QUIT', 'ABRT', 'USR1', 'USR2', 'TERM', 'CONT', 'STOP', 'WINCH', 'KILL']
# What stands behind the subcommand: "pools", "scale", "files" or a list of words.
PLACES = {
    'health': ['pools'], 'reload': ['pools'], 'scale': ['scale'], 'start': ['pools'],
    'stop': ['pools'], 'restart': ['pools'], 'signal': ['pools', SIGNALS], 'log-level': [LEVELS],
    'import': [['gunicorn', 'supervisord', 'procfile']],
}


@dataclass
class Flag:
    """One flag, as the help shows it."""
    short: str
    long: str
    value: str      # '' where it takes none
    help: str

    @property
    def choices(self):
        if self.long == '--log-level':
            return LEVELS
        if re.fullmatch(r'[a-z-]+(\|[a-z-]+)+', self.value):
            return self.value.split('|')
        return []

    @property
    def is_path(self):
        return 'PATH' in self.value or self.value == 'FILE'


@dataclass
class Command:
    """A subcommand with its flags."""
    name: str
    help: str
    flags: list = field(default_factory=list)


def ask(reeve, *words):
    return subprocess.run([reeve, *words, '--help'], stdout=subprocess.PIPE, text=True,
                          check=True).stdout


def flags_of(text):
    found = []
    lines = text.split('\n')
    for line, after in zip(lines, lines[1:] + ['']):
        match = OPTION.match(line)
        if match:
            short, long, value, said = match.groups()
            said = said or after.strip()
            found.append(Flag(short or '', long, value or '', said.split(';')[0].strip()))
    return found


def commands_of(reeve):
    text = ask(reeve).split('Subcommands:')[1]
    found = [Command(*match.groups()) for match in map(SUBCOMMAND.match, text.split('\n')) if match]
    for command in found:
        command.flags = flags_of(ask(reeve, command.name))
    return found


def wrapped(words, indent):
    """Words in lines, with a backslash before each line break inside."""
    room = 98 - len(indent)
    lines = textwrap.wrap(' '.join(words), room, break_long_words=False, break_on_hyphens=False)
    return (' \\\n' + indent).join(lines)


# The names of the pools in the status: the keys one level below "pools".
POOLS_AWK = r'''
{ text = text $0 }
END {
    for (i = 1; i <= length(text); i++) {
        c = substr(text, i, 1)
        if (quoted) {
            if (c == "\\") i++
            else if (c == "\"") quoted = 0
            else word = word c
        } else if (c == "\"") { quoted = 1; word = "" }
        else if (c == ":") {
            if (depth == 1) top = word
            if (depth == 2 && top == "pools") print word
        }
        else if (c == "{" || c == "[") depth++
        else if (c == "}" || c == "]") depth--
    }
}
'''.strip()


def bash(commands):
    out = ['# bash completion of reeve; written by completions/generate.py', '']
    out += ['_reeve_pools()', '{', '    local i', '    local -a whom=()',
            '    for ((i = 2; i + 1 < COMP_CWORD; i++)); do',
            '        case ${COMP_WORDS[i]} in',
            '            --admin | --name) whom+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;',
            '        esac', '    done',
            '    timeout 2 "${COMP_WORDS[0]}" status --json "${whom[@]}" 2>/dev/null | awk \'']
    out += [*POOLS_AWK.split('\n'), "'", '}', '']
    out += ['_reeve_flags()', '{', '    case $1 in']
    for command in commands:
        names = [name for flag in command.flags for name in (flag.short, flag.long) if name]
        indent = '            '
        out += [f'        {command.name}) echo \\', f'{indent}{wrapped(names, indent)} ;;']
    out += ['    esac', '}', '']
    out += ['_reeve_values()', '{', '    case $1 in']
    seen = {}
    for flag in (flag for command in commands for flag in command.flags if flag.value):
        seen.setdefault(flag.long, flag)
    for flag in seen.values():
        name = f'{flag.short} | {flag.long}' if flag.short else flag.long
        if flag.choices:
            out.append(f'        {name}) echo "{" ".join(flag.choices)}" ;;')
        elif flag.is_path:
            out.append(f'        {name}) return 1 ;;')
        else:
            out.append(f'        {name}) ;;')
    out += ['        *) return 2 ;;', '    esac', '}', '']
    out += ['_reeve()', '{',
            '    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}',
            '    local command=${COMP_WORDS[1]} words i place=0',
            '    COMPREPLY=()',
            '    if ((COMP_CWORD == 1)); then',
            '        words="' + wrapped([c.name for c in commands] + ['--help', '--version'],
                                       '            ') + '"',
            '        COMPREPLY=($(compgen -W "$words" -- "$current"))', '        return', '    fi',
            '    for ((i = 2; i < COMP_CWORD; i++)); do',
            '        [[ ${COMP_WORDS[i]} == -- ]] && return',
            '        _reeve_values "${COMP_WORDS[i]}" >/dev/null',
            '        (($? < 2)) && ((++i)) && continue',
            '        [[ ${COMP_WORDS[i]} == -* ]] || ((place++))',
            '    done',
            '    words=$(_reeve_values "$before")',
            '    case $? in',
            '        0) COMPREPLY=($(compgen -W "$words" -- "$current")); return ;;',
            '        1) COMPREPLY=($(compgen -f -- "$current")); return ;;', '    esac',
            '    if [[ $current == -* ]]; then',
            '        COMPREPLY=($(compgen -W "$(_reeve_flags "$command")" -- "$current"))',
            '        return', '    fi', '    words=', '    case $command:$place in']
    for name, places in PLACES.items():
        for number, place in enumerate(places):
            if place == 'pools':
                out.append(f'        {name}:{number}) words=$(_reeve_pools) ;;')
            elif place == 'scale':
                out += [f'        {name}:{number})', '            words=$(_reeve_pools)',
                        '            words=${words//$\'\\n\'/= }${words:+=}',
                        '            compopt -o nospace 2>/dev/null', '            ;;']
            else:
                out.append(f'        {name}:{number}) words="{" ".join(place)}" ;;')
    out += ['    esac', '    COMPREPLY=($(compgen -W "$words" -- "$current"))', '}', '',
            'complete -F _reeve -o bashdefault -o default reeve', '']
    return '\n'.join(out)


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def zsh_spec(flag):
    said = re.sub(r'([\[\]\\])', r'\\\1', flag.help)
    tail = ''
    if flag.value:
        other = '_files' if flag.is_path else ' '
        action = f'({" ".join(flag.choices)})' if flag.choices else other
        tail = f':{re.sub(r"[^A-Za-z]+", " ", flag.value).strip() or "value"}:{action}'
    many = '*' if flag.value.startswith('[NAME=]') or flag.value.startswith('NAME=') else ''
    spec = quoted(f'{many}{flag.long}[{said}]{tail}')
    if not flag.short:
        return [spec]
    return [quoted(f'{flag.short}[{said}]{tail}'), spec]


def zsh(commands):
    out = ['#compdef reeve', '# zsh completion of reeve; written by completions/generate.py', '',
           '_reeve_pools() {', '    local i', '    local -a whom pools',
           '    for ((i = 2; i < CURRENT - 1; i++)); do',
           '        case $words[i] in',
           '            --admin | --name) whom+=("$words[i]" "$words[i+1]") ;;',
           '        esac', '    done',
           '    pools=(${(f)"$(timeout 2 reeve status --json $whom 2>/dev/null | awk \'']
    out += [*POOLS_AWK.split('\n'), '\')"})', '    compadd "$@" -- $pools', '}', '',
            '_reeve_scale() {', "    _reeve_pools -S '='", '}', '',
            '_reeve_commands() {', '    local -a commands=(']
    out += [f'        {quoted(command.name + ":" + command.help.replace(":", ","))}'
            for command in commands]
    out += ['    )', '    _describe command commands', '}', '',
            '_reeve() {', '    local curcontext=$curcontext state line',
            "    _arguments -C '(- *)'{-h,--help}'[Show the help]' "
            "'(- *)--version[Show the version]' \\",
            "        '1:command:_reeve_commands' '*::argument:->argument'",
            '    [[ $state == argument ]] || return', '    case $words[1] in']
    for command in commands:
        specs = [spec for flag in command.flags for spec in zsh_spec(flag)]
        for number, place in enumerate(PLACES.get(command.name, []), 1):
            action = {'pools': '_reeve_pools', 'scale': '_reeve_scale'}.get(
                place if isinstance(place, str) else '', '')
            specs.append(quoted(f'{number}:word:{action}') if action else
                         quoted(f'{number}:word:({" ".join(place)})'))
        out.append(f'        {command.name})')
        out.append('            _arguments \\\n                ' +
                   ' \\\n                '.join(specs))
        out.append('            ;;')
    out += ['    esac', '}', '', '_reeve "$@"', '']
    return '\n'.join(out)


def fish(commands):
    out = ['# fish completion of reeve; written by completions/generate.py', '',
           'function __reeve_pools', '    set -l whom', '    set -l words (commandline -opc)',
           '    for i in (seq (math (count $words) - 1))',
           '        switch $words[$i]', '            case --admin --name',
           '                set -a whom $words[$i] $words[(math $i + 1)]', '        end',
           '    end',
           "    timeout 2 reeve status --json $whom 2>/dev/null | awk '"]
    out += [*[line.replace('\\\\', '\\\\\\\\') for line in POOLS_AWK.split('\n')], "'", 'end', '',
            'complete -c reeve -f',
            "complete -c reeve -n __fish_use_subcommand -s h -l help -d 'Show the help'",
            "complete -c reeve -n __fish_use_subcommand -l version -d 'Show the version'"]
    for command in commands:
        out.append(f'complete -c reeve -n __fish_use_subcommand -a {command.name} '
                   f'-d {fish_quoted(command.help)}')
    users = {}
    for command in commands:
        for flag in command.flags:
            users.setdefault((flag.short, flag.long, flag.value, flag.help), (flag, []))
            users[(flag.short, flag.long, flag.value, flag.help)][1].append(command.name)
    for flag, names in users.values():
        line = f'complete -c reeve -n "__fish_seen_subcommand_from {" ".join(names)}"'
        line += f' -s {flag.short[1:]}' if flag.short else ''
        line += f' -l {flag.long[2:]}'
        if flag.choices:
            line += f' -x -a {fish_quoted(" ".join(flag.choices))}'
        elif flag.value:
            line += ' -r -F' if flag.is_path else ' -x'
        out.append(f'{line} -d {fish_quoted(flag.help)}')
    for name, places in PLACES.items():
        for place in places:
            words = {'pools': '(__reeve_pools)', 'scale': '(__reeve_pools)='}.get(
                place if isinstance(place, str) else '') or ' '.join(place)
            out.append(f'complete -c reeve -n "__fish_seen_subcommand_from {name}" -a '
                       f'{fish_quoted(words)}')
    return '\n'.join(out) + '\n'


def fish_quoted(text):
    return "'" + text.replace('\\', '\\\\').replace("'", "\\'") + "'"


def check(files, commands):
    """Every complaint: old files, a subcommand or flag that is missing, what a shell refuses."""
    wrong = []
    for name, text in files.items():
        path = HERE / name
        found = path.read_text(encoding='utf-8') if path.exists() else ''
        if found != text:
            wrong.append(f'{name} is not what --help says: run completions/generate.py REEVE')
        for command in commands:
            for word in [command.name] + [flag.long for flag in command.flags]:
                shown = f'-l {word[2:]}' if name.endswith('.fish') and word[0] == '-' else word
                if not re.search(re.escape(shown) + r'(?![\w-])', found):
                    wrong.append(f'{name}: {command.name}: {word} is missing')
    for shell, name in (('bash', 'reeve.bash'), ('zsh', '_reeve'), ('fish', 'reeve.fish')):
        if not shutil.which(shell):
            print(f'no {shell} here: {name} is not parsed')
        elif subprocess.run([shell, '-n', HERE / name], check=False).returncode != 0:
            wrong.append(f'{name}: {shell} cannot parse it')
    return wrong


def main():
    checks = sys.argv[1:2] == ['--check']
    reeve = sys.argv[-1]
    commands = commands_of(reeve)
    files = {'reeve.bash': bash(commands), '_reeve': zsh(commands), 'reeve.fish': fish(commands)}
    if checks:
        wrong = check(files, commands)
        print('\n'.join(wrong) or f'{len(commands)} subcommands complete in {len(files)} shells')
        return 1 if wrong else 0
    for name, text in files.items():
        (HERE / name).write_text(text, encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
