#!/usr/bin/env python3
"""Writes a C++ file that holds a text as a constant. Usage: embed.py TEXT OUTPUT"""
import sys

TEMPLATE = '''// Written by embed.py.
#include "import/script.hpp"

namespace reeve::imports {{

const std::string_view gunicorn_script = R"embedded({text})embedded";

}}  // namespace reeve::imports
'''


def main(source, target):
    with open(source, encoding='utf-8') as file:
        text = file.read()
    with open(target, 'w', encoding='utf-8') as file:
        file.write(TEMPLATE.format(text=text))


if __name__ == '__main__':
    main(*sys.argv[1:3])
