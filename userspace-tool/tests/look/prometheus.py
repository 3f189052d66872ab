# SPDX-License-Identifier: GPL-2.0
"""A strict parser of Prometheus' text format, version 0.0.4; it takes nothing that is not in it."""
import re

NAME = re.compile(r'[a-zA-Z_:][a-zA-Z0-9_:]*')
LABEL = re.compile(r'[a-zA-Z_][a-zA-Z0-9_]*')
VALUE = re.compile(r'[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?|Inf|NaN)$')


class Wrong(Exception):
    """Not the format."""


def labels_of(text, at):
    """Labels from a brace on: a dictionary, and where they end."""
    labels = {}
    at += 1
    while text[at:at + 1] != '}':
        name = LABEL.match(text, at)
        if not name or text[name.end():name.end() + 2] != '="':
            raise Wrong('a label: ' + text)
        at = name.end() + 2
        value = ''
        while text[at:at + 1] != '"':
            if at >= len(text):
                raise Wrong('the end of a label: ' + text)
            if text[at] == '\\':
                if text[at + 1:at + 2] not in ('\\', '"', 'n'):
                    raise Wrong('an escape: ' + text)
                value += {'n': '\n'}.get(text[at + 1], text[at + 1])
                at += 2
            else:
                value += text[at]
                at += 1
        if name.group() in labels or name.group().startswith('__'):
            raise Wrong('a label twice, or a reserved one: ' + text)
        labels[name.group()] = value
        at += 1
        if text[at:at + 1] == ',':
            at += 1
        elif text[at:at + 1] != '}':
            raise Wrong('what follows a label: ' + text)
    return labels, at + 1


def parse(text):
    """{name: (type, help, {labels as a tuple of pairs: value})}, or raises Wrong."""
    metrics = {}
    current = None
    if not text.endswith('\n'):
        raise Wrong('the last line does not end')
    for line in text[:-1].split('\n'):
        words = line.split(' ', 3)
        if words[0] == '#':
            if len(words) != 4 or words[1] not in ('HELP', 'TYPE') or \
                    not NAME.fullmatch(words[2]):
                raise Wrong('a comment: ' + line)
            if words[1] == 'HELP':
                if words[2] in metrics or '\\' in words[3]:
                    raise Wrong('HELP twice: ' + line)
                current = words[2]
                metrics[current] = [None, words[3], {}]
            elif words[2] != current or metrics[current][0] or metrics[current][2]:
                raise Wrong('TYPE is not between HELP and samples: ' + line)
            elif words[3] not in ('counter', 'gauge'):
                raise Wrong('a type: ' + line)
            else:
                metrics[current][0] = words[3]
            continue
        name = NAME.match(line)
        if not name or name.group() != current or not metrics[current][0]:
            raise Wrong('a sample that is not below its TYPE: ' + line)
        at, labels = name.end(), {}
        if line[at:at + 1] == '{':
            labels, at = labels_of(line, at)
        if line[at:at + 1] != ' ' or not VALUE.match(line[at + 1:]):
            raise Wrong('a value: ' + line)
        key = tuple(sorted(labels.items()))
        if key in metrics[current][2]:
            raise Wrong('a sample twice: ' + line)
        metrics[current][2][key] = float(line[at + 1:])
        if (metrics[current][0] == 'counter') != current.endswith('_total'):
            raise Wrong('counters, and only they, end in _total: ' + line)
    return {name: tuple(m) for name, m in metrics.items()}
