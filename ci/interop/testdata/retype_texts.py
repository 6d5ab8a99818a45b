"""Makes texts, and prints each with what Jina makes of it in quotes and without, as JSON."""
import json
import random
import sys

import yaml
from jina.jaml import JAML
from jina.jaml.helper import get_jina_loader_with_runtime

PARTS = (
    '0 1 7 12 . e - + _ : , [ ] \' " true no yes x 0x 0b null ~ 1e3 inf ä { }'.split() + [' ', '\t']
)


def encode(v):
    """What cannot stand in JSON or an int is {"other": …}: there we differ."""
    if isinstance(v, list):
        return [encode(item) for item in v]
    if isinstance(v, float) and (v != v or v in (float('inf'), float('-inf'))):
        return {'other': str(v)}
    if isinstance(v, int) and not isinstance(v, bool) and not -(2**63) <= v < 2**63:
        return {'other': str(v)}
    if v is None or isinstance(v, (bool, int, float, str)):
        return v
    return {'other': repr(v)}


def plain(text):
    try:
        loaded = yaml.load(f'a: {text}\n', Loader=get_jina_loader_with_runtime(None))
        return encode(JAML.expand_dict(loaded)['a'])
    except (yaml.YAMLError, ValueError, TypeError, KeyError, AttributeError):
        return {'other': 'no such value'}


if __name__ == '__main__':
    choice = random.Random(1)
    rows = []
    for _ in range(int(sys.argv[1])):
        text = ''.join(choice.choice(PARTS) for _ in range(choice.randint(0, 7)))
        rows.append([text, encode(JAML.expand_dict({'a': text})['a']), plain(text)])
    json.dump(rows, sys.stdout)
