from jina import Executor, requests


class Greeter(Executor):
    def __init__(self, greet='hello', **kwargs):
        super().__init__(**kwargs)
        self.greet = greet

    @requests
    def greeting(self, docs, **kwargs):
        for doc in docs:
            doc.text = self.greet
