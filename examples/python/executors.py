"""Executors for both generations of docarray: they touch nothing but texts and tags."""

from jina import Executor, requests


class Shouter(Executor):
    """Writes texts in capital letters, with a mark at the end."""

    def __init__(self, mark: str = '', **kwargs):
        super().__init__(**kwargs)
        self.mark = mark

    @requests
    def shout(self, docs, **kwargs):
        for doc in docs:
            doc.text = doc.text.upper() + self.mark


class Counter(Executor):
    """Counts letters or words of a text into a tag."""

    def __init__(self, unit: str = 'words', **kwargs):
        super().__init__(**kwargs)
        self.unit = unit

    @requests
    def count(self, docs, **kwargs):
        for doc in docs:
            doc.tags[self.unit] = len(doc.text if self.unit == 'letters' else doc.text.split())
