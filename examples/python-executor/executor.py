from docarray import BaseDoc, DocList
from jina import Executor, requests


class Text(BaseDoc):
    text: str = ''


class Shouter(Executor):
    """Writes texts in capital letters, with a mark at the end."""

    def __init__(self, mark: str = '', **kwargs):
        super().__init__(**kwargs)
        self.mark = mark

    @requests
    def shout(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        for doc in docs:
            doc.text = doc.text.upper() + self.mark
        return docs
