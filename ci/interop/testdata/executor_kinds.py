"""Asks a Go executor for documents with something in every field, and checks that Python reads just that."""

import sys
from typing import Any, Dict, List, Optional, Set, Tuple

import numpy as np
from jina import Client

from documents import V2


def v1(client):
    from docarray import Document, DocumentArray

    (d,) = client.post('/v1', inputs=DocumentArray([Document(id='x')]))
    assert (d.id, d.text, d.uri, d.mime_type, d.weight, d.modality) == ('1', 'grüße', 'u', 'text/plain', 0.5, 'm'), d
    assert (d.offset, d.location) == (1.5, [0, 2]), d
    assert d.tags == {'a': [None, True, 1.5, 'x', {'k': {}}]}, d.tags
    s = d.scores['s']
    assert (s.value, s.op_name, s.description, s.ref_id) == (0.25, 'op', 'd', 'r'), s
    assert d.embedding.dtype == np.float32 and d.embedding.tolist() == [[1, 2, 3], [4, 5, 6]], d.embedding
    (c,) = d.chunks
    (cc,) = c.chunks
    (m,) = d.matches
    assert (c.id, c.blob, m.id, m.text) == ('c', b'\x00\xff', 'm', 'match'), (c, m)
    assert cc.tensor.dtype == np.uint8 and cc.tensor.tolist() == [1, 2], cc.tensor


def v2(client):
    from docarray import BaseDoc, DocList
    from docarray.documents.legacy import LegacyDocument
    from docarray.typing import AudioBytes, ImageUrl, NdArray

    class Inner(BaseDoc):
        title: str
        words: List[str]

    class Kinds(BaseDoc):
        title: str
        price: float
        count: int
        flag: bool
        raw: bytes
        none: Optional[str]
        page: ImageUrl
        sound: AudioBytes
        vector: NdArray
        words: List[str]
        numbers: Set[int]
        pair: Tuple[int, str]
        extra: Dict[str, Any]
        inner: Inner
        inners: DocList[Inner]

    docs = client.post('/v2', inputs=DocList[LegacyDocument]([LegacyDocument(id='x')]), return_type=DocList[Kinds])
    (d,) = docs
    assert (d.id, d.title, d.price, d.count, d.flag, d.raw) == ('1', 'grüße', 2.5, -(2**31), False, b'\x00\xff'), d
    assert d.none is None and type(d.page) is ImageUrl and str(d.page) == 'https://example.com/a.png', d
    assert isinstance(d.sound, AudioBytes) and bytes(d.sound) == b'riff', d.sound
    assert d.vector.dtype == np.float32 and d.vector.tolist() == [[1, 2, 3], [4, 5, 6]], d.vector
    assert (d.words, d.numbers, d.pair, d.extra) == (['a', 'b'], {1, 2}, (7, 'x'), {'k': [1, 2.5, None]}), d
    assert (d.inner.id, d.inner.title, d.inner.words) == ('i', 'in i', ['w']), d.inner
    assert [(i.id, i.title) for i in d.inners] == [('j', 'in j'), ('k', 'in k')], d.inners


(v2 if V2 else v1)(Client(host=f'grpc://{sys.argv[1]}'))
