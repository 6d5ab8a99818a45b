"""Runs real Flows, as people write them in Python, over our built-in executors, and checks what comes back.

Arguments: the addresses of a HeavyExecutorLinkerdDemo that sleeps, one that sets embeddings of 512 dimensions, and an echo.
"""

import sys

import numpy as np
from jina import Flow

from documents import V2

if V2:
    from docarray import DocList
    from docarray.documents.legacy import LegacyDocument as Document

    Documents = DocList[Document]
    RETURN = {'return_type': Documents}
else:
    from docarray import Document
    from docarray import DocumentArray as Documents

    RETURN = {}


def external(flow, address, **kwargs):
    host, port = address.split(':')
    return flow.add(host=host, port=int(port), external=True, **kwargs)


def check(flow, what):
    docs = Documents([Document(id=f'd{i}', text=f'text {i}', tags={'i': i}) for i in range(250)])
    for doc in docs:
        doc.chunks = Documents([Document(id=doc.id + ' chunk', text='chunk')])
    with flow:
        assert flow.is_flow_ready(), what
        answers = flow.post('/', inputs=docs, request_size=100, **RETURN)
    answers = sorted(answers, key=lambda d: int(d.id[1:]))
    assert [d.id for d in answers] == [d.id for d in docs], what
    for i, d in enumerate(answers):
        assert d.text == f'text {i}' and dict(d.tags) == {'i': i} and d.chunks[0].text == 'chunk', (what, d)
        assert d.embedding.shape == (512,) and d.embedding.dtype == np.float64, (what, d.embedding)
        assert 0 <= d.embedding.min() and d.embedding.max() < 1 and d.embedding.std() > 0.2, (what, d.embedding)
    assert answers[0].embedding.tolist() != answers[1].embedding.tolist(), what


slow, bulky, echo = sys.argv[1:]

flow = Flow()
flow = external(flow, slow, name='slow_executor')
flow = external(flow, bulky, name='bulky_executor')
check(flow, 'chain')

flow = Flow()
flow = external(flow, slow, name='slow_executor')
flow = external(flow, bulky, name='bulky_executor', needs='gateway')
flow = external(flow, echo, name='joiner', needs=['slow_executor', 'bulky_executor'])
check(flow, 'join')
