"""One face for both document generations: which one this Python has is decided by the installed docarray."""

from typing import Optional

import docarray

V2 = not docarray.__version__.startswith('0.2')

if V2:
    from docarray import BaseDoc, DocList
    from docarray.typing import NdArray

    class Doc(BaseDoc):
        text: str = ''
        tags: dict = {}
        embedding: Optional[NdArray] = None

    Docs = DocList[Doc]
else:
    from docarray import Document as Doc
    from docarray import DocumentArray as Docs

# What jina.Client.post needs to read answers; v1 has one document class and takes no such argument.
RETURN = {'return_type': Docs} if V2 else {}


def number(n, start=0):
    """n documents with ids and texts that say which one they are."""
    return Docs([Doc(id=f'd{i}', text=f'text {i}') for i in range(start, start + n)])
