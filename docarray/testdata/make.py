"""Writes v1.json and v2.json: documents as the real docarray writes them, and its own answers to merging them.

    python-with-docarray-0.21 make.py v1.json
    python-with-docarray-0.41 make.py v2.json

Each document list is kept as the bytes of Jina's DataContentProto (base64) beside what Python says is in it. Set
PYTHONHASHSEED=0 for the same bytes every time.
"""

import base64
import json
import random
import sys
from typing import Any, Dict, List, Optional, Set, Tuple

import docarray
import numpy as np

V2 = not docarray.__version__.startswith('0.2')

if V2:
    from docarray import BaseDoc, DocList
    from docarray.documents.legacy import LegacyDocument
    from docarray.typing import ImageUrl, NdArray, AudioBytes
    from docarray.utils.reduce import reduce_all
else:
    from docarray import Document, DocumentArray
    from docarray.score import NamedScore


def content(docs):
    """DataContentProto: the list is its field 1."""
    body = docs.to_protobuf().SerializeToString(deterministic=True)
    size, prefix = len(body), b'\x0a'
    while True:
        more = size >> 7
        prefix += bytes([size & 0x7F | (0x80 if more else 0)])
        if not more:
            return prefix + body
        size = more


def b64(b):
    return base64.b64encode(b).decode()


def plain(v):
    if isinstance(v, np.ndarray):
        return v.tolist()
    if isinstance(v, bytes):
        return b64(v)
    if V2 and isinstance(v, BaseDoc):
        return {k: plain(x) for k, x in v.__dict__.items() if x is not None}
    if not V2 and isinstance(v, Document):
        return {k: plain(getattr(v, k)) for k in v.non_empty_fields if k != 'content'}
    if not V2 and isinstance(v, NamedScore):
        return {k: plain(getattr(v, k)) for k in v.non_empty_fields}
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, str):
        return str(v)
    if hasattr(v, '__iter__'):
        return [plain(x) for x in v]
    return v


def documents_v1():
    yield 'empty list', []
    yield 'text', [Document(id='1', text='hello'), Document(id='2', text='grüße 🌍')]
    yield 'no id on the wire but one of its own', [Document(id='ff' * 16)]
    yield 'blob', [Document(id='1', blob=bytes(range(256)))]
    for dtype in ['<f2', '<f4', '<f8', '>f4', '|i1', '<i2', '<i4', '<i8', '|u1', '<u2', '<u4', '<u8', '|b1']:
        yield f'tensor {dtype}', [Document(id='1', tensor=np.arange(6).reshape(2, 3).astype(dtype))]
    yield 'tensor of no dimension', [Document(id='1', tensor=np.array(2.5))]
    yield 'empty tensor', [Document(id='1', tensor=np.zeros((0, 3)))]
    yield 'tensor as list', [Document(id='1', tensor=[[1, 2], [3, 4]])]
    yield 'embedding', [Document(id='1', text='x', embedding=np.linspace(0, 1, 5))]
    yield 'tags', [
        Document(id='1', tags={'s': 'x', 'n': 1.5, 'i': 7, 'b': True, 'none': None, 'l': [1, 'a', [None]], 'm': {'k': {}}})
    ]
    yield 'all plain fields', [
        Document(
            id='1',
            parent_id='p',
            granularity=3,
            adjacency=2,
            weight=0.5,
            uri='a/b',
            modality='image',
            mime_type='text/plain',
            offset=1.25,
            location=[1.0, 2.0, 0.0],
        )
    ]
    yield 'scores', [
        Document(
            id='1',
            scores={'cosine': NamedScore(value=0.25, op_name='o', description='d', ref_id='r'), 'z': NamedScore(value=0)},
            evaluations={'recall': NamedScore(value=1.0)},
        )
    ]
    yield 'chunks and matches', [
        Document(
            id='1',
            chunks=[Document(id='c1', text='a', chunks=[Document(id='cc')]), Document(id='c2', embedding=np.ones(2))],
            matches=[Document(id='m1', scores={'d': NamedScore(value=2.0)}, matches=[Document(id='mm')])],
        )
    ]
    metadata = Document(id='1')
    metadata._metadata = {'multi_modal_schema': {'x': {'position': 0.0}}}
    yield 'metadata', [metadata]
    deep = Document(id='0')
    for i in range(1, 40):
        deep = Document(id=str(i), chunks=[deep])
    yield 'forty levels of chunks', [deep]
    yield 'three hundred documents', [Document(id=str(i), text=f'text {i}') for i in range(300)]


def random_v1(r, ids, depth=0):
    kind = r.choice(['text', 'text', 'blob', 'tensor', ''])
    fields = {'id': r.choice(ids)}
    if kind == 'text':
        fields['text'] = r.choice('abc')
    elif kind == 'blob':
        fields['blob'] = r.choice([b'a', b'b'])
    elif kind == 'tensor':
        fields['tensor'] = np.full(r.randrange(1, 3), r.randrange(3))
    for name, values in dict(
        weight=[0.5, 2.0],
        uri=['u/1', 'u/2'],
        modality=['m', 'n'],
        offset=[1.0, 0.0],
        location=[[1.0], [2.0, 3.0]],
        embedding=[np.zeros(2), np.ones(3)],
        tags=[{'a': 1.0}, {'b': 'x', 'c': [1.0]}, {}],
        scores=[{'s': NamedScore(value=1.0)}, {'t': NamedScore(value=2.0)}],
    ).items():
        if r.random() < 0.4:
            fields[name] = r.choice(values)
    d = Document(**fields)
    if depth < 3:
        for name in ['chunks', 'matches']:
            if r.random() < 0.4:
                setattr(d, name, [random_v1(r, 'ABC', depth + 1) for _ in range(r.randrange(3))])
    return d


if V2:

    class Inner(BaseDoc):
        title: Optional[str] = None
        words: List[str] = []

    class Mine(BaseDoc):
        title: str = ''
        price: float = 0.0
        count: Optional[int] = None
        flag: Optional[bool] = None
        raw: Optional[bytes] = None
        page: Optional[ImageUrl] = None
        sound: Optional[AudioBytes] = None
        vector: Optional[NdArray] = None
        words: List[str] = []
        numbers: Set[int] = set()
        pair: Tuple[int, str] = (0, '')
        extra: Dict[str, Any] = {}
        inner: Optional[Inner] = None
        inners: DocList[Inner] = DocList[Inner]()


def documents_v2():
    yield 'empty list', DocList[LegacyDocument]()
    yield 'text', DocList[LegacyDocument]([LegacyDocument(id='1', text='hello'), LegacyDocument(id='2', text='grüße 🌍')])
    yield 'empty text', DocList[LegacyDocument]([LegacyDocument(id='1', text='')])
    yield 'blob', DocList[LegacyDocument]([LegacyDocument(id='1', blob=bytes(range(256)))])
    for dtype in ['<f2', '<f4', '<f8', '>f4', '|i1', '<i2', '<i4', '<i8', '|u1', '<u2', '<u4', '<u8', '|b1']:
        tensor = np.arange(6).reshape(2, 3).astype(dtype)
        yield f'tensor {dtype}', DocList[LegacyDocument]([LegacyDocument(id='1', tensor=tensor)])
    yield 'tensor of no dimension', DocList[LegacyDocument]([LegacyDocument(id='1', tensor=np.array(2.5))])
    yield 'embedding', DocList[LegacyDocument]([LegacyDocument(id='1', embedding=np.linspace(0, 1, 5))])
    yield 'tags', DocList[LegacyDocument](
        [LegacyDocument(id='1', tags={'s': 'x', 'n': 1.5, 'i': -7, 'b': True, 'none': None, 'l': [1, 'a', [None]], 'm': {'k': {}}})]
    )
    yield 'scores and url', DocList[LegacyDocument]([LegacyDocument(id='1', scores={'cosine': 0.25}, url='http://x/y')])
    yield 'chunks and matches', DocList[LegacyDocument](
        [
            LegacyDocument(
                id='1',
                chunks=DocList[LegacyDocument](
                    [LegacyDocument(id='c1', chunks=DocList[LegacyDocument]([LegacyDocument(id='cc')]))]
                ),
                matches=DocList[LegacyDocument]([LegacyDocument(id='m1', text='m')]),
            )
        ]
    )
    yield 'own class, defaults', DocList[Mine]([Mine(id='1')])
    yield 'own class', DocList[Mine](
        [
            Mine(
                id='1',
                title='t',
                price=2.5,
                count=-(2**31),
                flag=False,
                raw=b'\x00\x01',
                page='https://example.com/a.png',
                sound=b'riff',
                vector=np.ones((2, 2), dtype='<f4'),
                words=['a', 'b'],
                numbers={1, 2, 3},
                pair=(7, 'x'),
                extra={'k': [1, 2.5, {'deep': None}]},
                inner=Inner(id='i', title='in', words=['w']),
                inners=DocList[Inner]([Inner(id='j'), Inner(id='k', title='z')]),
            )
        ]
    )
    yield 'three hundred documents', DocList[LegacyDocument](
        LegacyDocument(id=str(i), text=f'text {i}') for i in range(300)
    )


def random_inner(r):
    return Inner(id=r.choice('XYZ'), title=r.choice([None, 'a', 'b']), words=r.choice([[], ['p'], ['q', 'r']]))


def random_v2(r, ids):
    fields = {'id': r.choice(ids)}
    for name, values in dict(
        title=['a', 'b', ''],
        price=[0.0, 1.5],
        count=[None, 0, 4],
        flag=[None, True, False],
        raw=[None, b'x'],
        page=[None, 'http://a/b.png'],
        vector=[None, np.zeros(2), np.ones(3)],
        words=[[], ['a'], ['a', 'b']],
        numbers=[set(), {1}, {2}],
        pair=[(1, 'x'), (2, 'y')],
        extra=[{}, {'a': 1}, {'a': None, 'b': [1]}],
    ).items():
        if r.random() < 0.6:
            fields[name] = r.choice(values)
    # Python fails where only one side has the nested document.
    fields['inner'] = random_inner(r)
    fields['inners'] = DocList[Inner]([random_inner(r) for _ in range(r.randrange(4))])
    return Mine(**fields)


def settled(docs):
    """The list as it is after a few hops: reading sets the chunks' and matches' levels one deeper each time."""
    for _ in range(4):
        docs = DocumentArray.from_protobuf(docs.to_protobuf())
    return docs


def reductions():
    r = random.Random(1)
    for i in range(60):
        ids = [f'{n:x}' for n in range(r.choice([2, 4, 8]))]
        parts = []
        for _ in range(r.randrange(2, 5)):
            n = r.randrange(5)
            if V2:
                parts.append(DocList[Mine]([random_v2(r, ids) for _ in range(n)]))
            else:
                parts.append(settled(DocumentArray([random_v1(r, ids) for _ in range(n)])))
        sent = [b64(content(p)) for p in parts]
        if V2:
            # The gateway merges what it reads from the wire.
            parts = [DocList[Mine].from_protobuf(p.to_protobuf()) for p in parts]
            merged = reduce_all(parts)
        else:
            parts = [DocumentArray.from_protobuf(p.to_protobuf()) for p in parts]
            merged = parts[0].reduce_all(parts[1:])
        yield {'name': f'random {i}', 'parts': sent, 'want': b64(content(merged))}


def main():
    lists = []
    for name, docs in documents_v2() if V2 else documents_v1():
        docs = docs if V2 else DocumentArray(docs)
        lists.append({'name': name, 'data': b64(content(docs)), 'documents': [plain(d) for d in docs]})
    with open(sys.argv[1], 'w') as f:
        json.dump({'lists': lists, 'reductions': list(reductions())}, f, indent=1, ensure_ascii=False)
        f.write('\n')


main()
