"""Executors that write into documents what they saw, so that a client can tell where they have been."""

import asyncio
import os
import time

import numpy as np
from jina import Executor, requests

from documents import Doc, Docs


class Peer(Executor):
    """Stamps documents with its mark; some endpoints each show one thing more."""

    def __init__(self, mark: str = '', delay: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.mark = mark
        self.delay = delay

    @requests
    def stamp(self, docs: Docs, **kwargs) -> Docs:
        time.sleep(self.delay)
        for doc in docs:
            doc.text += self.mark
        return docs

    @requests(on='/parameters')
    def show_parameters(self, docs: Docs, parameters: dict, **kwargs) -> Docs:
        """Writes the parameters that it got into the tags, under its own mark."""
        time.sleep(self.delay)
        for doc in docs:
            doc.tags = {**dict(doc.tags), self.mark: _plain(parameters)}
        return docs

    @requests(on='/results')
    def results(self, docs: Docs, **kwargs) -> Docs:
        """A dict is not documents, whatever the annotation says, but a result, collected in parameters.__results__."""
        return {'documents': len(docs), 'by': self.mark}

    @requests(on='/fail')
    def fail(self, docs: Docs, parameters: dict, **kwargs) -> Docs:
        """Fails in the executor that the parameters name, and stamps in all others."""
        if parameters.get('who', self.mark) == self.mark:
            raise ValueError(f'{self.mark} does not like this', 42)
        return self.stamp(docs)

    @requests(on='/fail-tagged')
    def fail_tagged(self, docs: Docs, **kwargs) -> Docs:
        """Fails for documents that say so."""
        if any('fail' in dict(doc.tags) for doc in docs):
            raise KeyError('fail')
        return self.stamp(docs)

    @requests(on='/slow')
    async def slow(self, docs: Docs, **kwargs) -> Docs:
        """Takes the seconds that the documents' tags say; requests do not wait for each other."""
        await asyncio.sleep(max(dict(doc.tags).get('seconds', 0.0) for doc in docs))
        return self.stamp(docs)

    @requests(on='/branch')
    def branch(self, docs: Docs, **kwargs) -> Docs:
        """a sets the tags, late the embedding; each adds a document; c stamps what it got."""
        if self.mark == 'c':
            return self.stamp(docs)
        time.sleep(self.delay)
        for doc in docs:
            if self.mark == 'a':
                doc.tags = {'by': 'a'}
            else:
                doc.embedding = np.arange(3.0)
        docs.append(Doc(id=f'added by {self.mark}', text='new '))
        return docs

    @requests(on='/conflict')
    def conflict(self, docs: Docs, **kwargs) -> Docs:
        """Each branch sets the same fields."""
        if self.mark != 'c':
            for doc in docs:
                doc.tags = {'both': self.mark, self.mark: True}
        return self.stamp(docs)

    @requests(on='/parts')
    def parts(self, docs: Docs, docs_map=None, docs_matrix=None, **kwargs) -> Docs:
        """Shows how the parts of an unreduced join arrive: as one list, as a list of lists, and by the executor's name."""
        time.sleep(self.delay)
        seen = {
            'docs': sorted(doc.text for doc in docs),
            'map': {k: [doc.text for doc in v] for k, v in sorted((docs_map or {}).items())},
            'matrix': sorted([doc.text for doc in part] for part in docs_matrix or []),
        }
        for doc in docs:
            doc.text += self.mark
            doc.tags = {self.mark: seen}
        return docs

    @requests(on='/die')
    async def die(self, docs: Docs, parameters: dict, **kwargs) -> Docs:
        """Ends the process in the middle of its requests, as a crash of native code would, if a document says so."""
        await self.slow(docs)
        if any('die' in dict(doc.tags) for doc in docs) and parameters.get('who', self.mark) == self.mark:
            os._exit(9)
        return docs


class Picky(Executor):
    """Has one endpoint and no catch-all."""

    @requests(on='/known')
    def known(self, docs: Docs, **kwargs) -> Docs:
        for doc in docs:
            doc.text += ' known'
        return docs


def _plain(value):
    """Maps and lists of any kind as Python's own, without what Jina adds."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if k != '__results__'}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value
