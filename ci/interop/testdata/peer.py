"""An executor that writes into documents what it saw, so that a client can tell where they have been."""

import os
import time

from jina import Executor, requests

from documents import Docs


class Peer(Executor):
    """Marks each document's text with the executor's name; other endpoints each show one thing."""

    def __init__(self, mark: str = '', **kwargs):
        super().__init__(**kwargs)
        self.mark = mark

    @requests
    def stamp(self, docs: Docs, **kwargs) -> Docs:
        for doc in docs:
            doc.text += self.mark
        return docs

    @requests(on='/parameters')
    def show_parameters(self, docs: Docs, parameters: dict, **kwargs) -> Docs:
        """Writes the parameters that it got into the tags, under its own mark."""
        for doc in docs:
            doc.tags = {**dict(doc.tags), self.mark: _plain(parameters)}
        return docs

    @requests(on='/results')
    def results(self, docs: Docs, **kwargs):
        """A dict is not documents but a result, collected in parameters.__results__."""
        return {'documents': len(docs), 'by': self.mark}

    @requests(on='/parts')
    def parts(self, docs: Docs, docs_map=None, docs_matrix=None, **kwargs) -> Docs:
        """Shows how the parts of an unreduced join arrive."""
        seen = {
            'map': {k: [d.text for d in v] for k, v in sorted((docs_map or {}).items())},
            'matrix': sorted([d.text for d in part] for part in docs_matrix or []),
        }
        for doc in docs:
            doc.text += self.mark
            doc.tags = {**dict(doc.tags), self.mark: seen}
        return docs

    @requests(on='/fail')
    def fail(self, docs: Docs, parameters: dict, **kwargs) -> Docs:
        """Fails in the executor that the parameters name, and stamps in all others."""
        if parameters.get('who', self.mark) == self.mark:
            raise ValueError(f'{self.mark} does not like this', 42)
        return self.stamp(docs)

    @requests(on='/slow')
    def slow(self, docs: Docs, parameters: dict, **kwargs) -> Docs:
        """Takes the seconds that the document's tags say, so that answers can overtake each other."""
        time.sleep(max(dict(doc.tags).get('seconds', 0.0) for doc in docs))
        return self.stamp(docs)

    @requests(on='/die')
    def die(self, docs: Docs, **kwargs) -> Docs:
        """Ends the process in the middle of a request, as a crash of native code would."""
        if any('die' in doc.text for doc in docs):
            os._exit(9)
        return self.stamp(docs)


def _plain(value):
    """Maps and lists of any kind as Python's own, without what Jina adds."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items() if k != '__results__'}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return value
