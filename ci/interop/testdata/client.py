"""Posts to a gateway with the real jina.Client and tells what came back.

Each scenario is a function that takes a gateway's address and returns facts: what a client of that gateway can see, without what
differs from run to run (ids of requests, times, ports). Commands are read from standard input, one JSON object a line:
{"scenario": name, "address": host:port}; each gets one line on standard output: {"facts": …} or {"failed": traceback}.
"""

import asyncio
import json
import os
import re
import sys
import traceback

import grpc
import numpy as np
from jina import Client
from jina.excepts import BadServer
from jina.proto import jina_pb2_grpc
from jina.types.request.data import DataRequest

from documents import RETURN, V2, Doc, Docs, number

SCENARIOS = {}


def scenario(function):
    SCENARIOS[function.__name__] = function
    return function


def connect(address, **kwargs):
    return Client(host=f'grpc://{address}', **kwargs)


def post(address, docs, on='/', **kwargs):
    """Facts of all responses, also of those that are errors, ordered by their first document."""
    responses = connect(address).post(
        on, inputs=docs, return_responses=True, continue_on_error=True, **RETURN, **kwargs
    )
    return sorted(map(response_facts, responses), key=json.dumps)


def response_facts(response):
    header = response.header
    return {
        'docs': [document_facts(d) for d in response.docs],
        'endpoint': header.exec_endpoint,
        'id': bool(header.request_id),
        'parameters': dict(response.parameters),
        'routes': [route_facts(r) for r in response.routes],
        'status': status_facts(header.status),
        'target': [header.HasField('target_executor'), header.target_executor],
    }


def document_facts(doc):
    facts = {'id': doc.id, 'text': doc.text, 'tags': json.loads(json.dumps(dict(doc.tags), default=_plain))}
    if doc.embedding is not None:
        facts['embedding'] = np.asarray(doc.embedding).tolist()
    return facts


def _plain(value):
    return list(value) if hasattr(value, '__iter__') else str(value)


def route_facts(route):
    started, ended = route.HasField('start_time'), route.HasField('end_time')
    facts = {'executor': route.executor, 'started': started, 'ended': ended}
    if started and ended:
        facts['in order'] = route.start_time.ToNanoseconds() <= route.end_time.ToNanoseconds()
    if route.HasField('status'):
        facts['status'] = status_facts(route.status)
    return facts


def status_facts(status):
    facts = {'code': status.code, 'description': status.description}
    if status.HasField('exception'):
        e = status.exception
        facts['exception'] = {'name': e.name, 'args': list(e.args), 'stacks': bool(e.stacks), 'executor': e.executor}
    return facts


def raised(call, *args, **kwargs):
    """The exception that call ends with: its class, the classes above it, and what it says."""
    try:
        call(*args, **kwargs)
    except Exception as e:
        facts = {'kinds': [k.__name__ for k in type(e).__mro__ if k not in (object, BaseException)]}
        if isinstance(e, BadServer):
            facts['status'] = status_facts(e.args[0].status)
        elif code := re.search(r'StatusCode\.\w+', str(e)):
            facts['code'] = code[0]
            # What comes first are the words of the gateway's own gRPC library.
            said = re.sub(r'127\.0\.0\.1:\d+', 'ADDRESS', str(e))
            facts['said'] = said[max(said.find('|Gateway'), 0) :].splitlines()[0]
        else:
            facts['said'] = str(e)
        return facts
    return None


# A good flow, any graph.


@scenario
def posts_documents(address):
    return post(address, number(5))


@scenario
def returns_documents(address):
    docs = connect(address).post('/', inputs=number(3), **RETURN)
    return [type(docs).__name__, [d.text for d in docs]]


@scenario
def empty_input(address):
    return post(address, None)


@scenario
def no_documents(address):
    return post(address, Docs([]))


@scenario
def one_document(address):
    return post(address, Doc(id='one', text='one'))


@scenario
def request_sizes(address):
    sizes = {}
    for size in (-1, 1, 2, 100):
        sizes[size] = [len(r['docs']) for r in post(address, number(5), request_size=size)]
    return {k: sorted(v) for k, v in sizes.items()}


@scenario
def unary(address):
    return post(address, number(5), request_size=2, stream=False)


@scenario
def generator_as_input(address):
    return post(address, (d for d in number(5)), request_size=2)


@scenario
def streams_answers_while_it_sends(address):
    """The answer to the first request arrives before the client has sent the second."""

    async def run():
        answered = asyncio.Event()
        texts = []

        async def inputs():
            yield Doc(id='first', text='first')
            await asyncio.wait_for(answered.wait(), 20)
            yield Doc(id='second', text='second')

        client = connect(address, asyncio=True)
        async for docs in client.post('/', inputs=inputs, request_size=1, **RETURN):
            texts += [d.text for d in docs]
            answered.set()
        return texts

    return asyncio.run(run())


@scenario
def async_client(address):
    async def run():
        client = connect(address, asyncio=True)
        return sorted([d.text async for docs in client.post('/', inputs=number(20), request_size=3, **RETURN) for d in docs])

    return asyncio.run(run())


@scenario
def ten_thousand_documents(address):
    """Every document comes back once."""
    seen = {}
    requests = 0

    def on_done(response):
        nonlocal requests
        requests += 1
        if V2:
            response.document_array_cls = Docs
        for doc in response.docs:
            seen.setdefault(doc.id, []).append(doc.text)

    connect(address).post('/', inputs=number(10_000), on_done=on_done, request_size=50)
    return {
        'requests': requests,
        'documents': len(seen),
        'repeated': [k for k, v in seen.items() if len(v) > 1],
        'marks': sorted({text.lstrip('text 0123456789') for texts in seen.values() for text in texts}),
    }


@scenario
def many_clients(address):
    """Streams side by side get their own documents, each once."""

    async def one(k):
        client = connect(address, asyncio=True)
        return [d.id async for docs in client.post('/', inputs=number(100, 100 * k), request_size=10, **RETURN) for d in docs]

    async def run():
        return await asyncio.gather(*(one(k) for k in range(5)))

    return [sorted(ids) == sorted(f'd{i}' for i in range(100 * k, 100 * k + 100)) for k, ids in enumerate(asyncio.run(run()))]


@scenario
def compressed(address):
    return {c: post(address, number(2), compression=c) for c in ('Gzip', 'Deflate')}


@scenario
def large_document(address):
    text = 'x' * (8 << 20)
    (response,) = connect(address).post('/', inputs=Doc(id='large', text=text), return_responses=True, **RETURN)
    (doc,) = response.docs
    return [doc.text.startswith(text), doc.text[len(text) :]]


@scenario
def embeddings(address):
    docs = number(2)
    for i, doc in enumerate(docs):
        doc.embedding = np.arange(4, dtype=np.float32) + i
        doc.tags = {'n': 1.5, 'list': ['a', 'b'], 'map': {'k': 'v'}, 'none': None, 'yes': True}
    return post(address, docs)


@scenario
def is_flow_ready(address):
    return connect(address).is_flow_ready()


@scenario
def profiling(address):
    """The client's own time table of a request. It needs documents of the first generation."""
    report = {}
    problem = raised(lambda: report.update(connect(address).profiling(show_table=False)))
    return {'times': sorted(report), 'raised': problem}


# Parameters, endpoints, targets.


@scenario
def parameters(address):
    p = {
        'number': 1,
        'text': 't',
        'list': [1, 2.5, 'x', None],
        'nested': {'deep': {'er': True}},
        'a__only': 'for a',
        'c': {'own': 'for c', 'number': 3},
        '__results__': {},
    }
    return post(address, number(1), on='/parameters', parameters=p)


@scenario
def results(address):
    return post(address, number(2), on='/results')


@scenario
def unknown_endpoint(address):
    return post(address, number(2), on='/nobody/knows')


@scenario
def known_endpoint(address):
    return post(address, number(2), on='/known')


@scenario
def target_executor(address):
    facts = {}
    for target in ('a', 'b|c', 'nobody', '.*', ''):
        facts[target] = raised(lambda: facts.update({target: post(address, number(1), target_executor=target)})) or facts[target]
    return facts


# Errors of executors.


@scenario
def executor_error(address):
    """By default the client raises at the first error."""
    return {
        'raised': raised(connect(address).post, '/fail', inputs=number(1), parameters={'who': 'b'}, **RETURN),
        'response': post(address, number(1), on='/fail', parameters={'who': 'b'}),
        'unary': post(address, number(1), on='/fail', parameters={'who': 'b'}, stream=False),
    }


@scenario
def callbacks(address):
    """Which callbacks see which of three requests, the second of which fails."""
    calls = []

    def note(kind):
        return lambda r: calls.append([kind, r.header.status.code])

    docs = number(3)
    docs[1].tags = {'fail': True}
    connect(address).post(
        '/fail-tagged', inputs=docs, request_size=1,
        on_done=note('done'), on_error=note('error'), on_always=note('always'),
    )  # fmt: skip
    return sorted(calls)


@scenario
def continue_on_error(address):
    docs = number(3)
    docs[1].tags = {'fail': True}
    return post(address, docs, on='/fail-tagged', request_size=1)


# Order and prefetch. The tags say how many seconds a request takes; nothing else decides the order of the answers.


def _order(address, **kwargs):
    docs = number(3)
    for doc, seconds in zip(docs, (1.0, 0.5, 0.0)):
        doc.tags = {'seconds': seconds}
    responses = connect(address).post('/slow', inputs=docs, request_size=1, return_responses=True, **RETURN, **kwargs)
    return [d.id for r in responses for d in r.docs]


@scenario
def completion_order(address):
    return _order(address)


@scenario
def results_in_order(address):
    return _order(address, results_in_order=True)


@scenario
def prefetch_1(address):
    return _order(address, prefetch=1)


@scenario
def prefetch_2(address):
    return _order(address, prefetch=2)


# Joins.


@scenario
def join_fills(address):
    """Branches that set different fields, and add documents: everything comes together."""
    (response,) = post(address, number(2), on='/branch')
    response['docs'].sort(key=lambda d: d['id'])
    return response


@scenario
def join_conflicts(address):
    """Branches that set the same fields; the second branch answers last."""
    return post(address, number(2), on='/conflict')


@scenario
def join_parts(address):
    return post(address, number(2), on='/parts')


@scenario
def join_error(address):
    """One branch fails, the other does not."""
    return {who: post(address, number(1), on='/fail', parameters={'who': who}) for who in ('a', 'late', 'c')}


# Executors that cannot be reached, or die.


@scenario
def network_error(address):
    return {
        'stream': raised(connect(address).post, '/', inputs=number(1), **RETURN),
        'unary': raised(connect(address).post, '/', inputs=number(1), stream=False, **RETURN),
        'ready': connect(address).is_flow_ready(),
    }


def _answers(address, documents, on, parameters):
    """How many documents each request's answers hold, by its number, and how the stream ended. Each document is one request."""

    def request(i, doc):
        request = DataRequest()
        request.header.request_id = str(i)
        request.header.exec_endpoint = on
        request.parameters = parameters
        if V2:
            request.document_array_cls = Docs
        request.data.docs = Docs([doc])
        return request

    answers = {str(i): [] for i in range(len(documents))}
    ended, said = 'OK', ''
    with grpc.insecure_channel(address) as channel:
        try:
            for answer in jina_pb2_grpc.JinaRPCStub(channel).Call(iter([request(i, d) for i, d in enumerate(documents)])):
                answers[answer.header.request_id].append(len(answer.docs))
        except grpc.RpcError as e:
            ended = e.code().name
            said = re.sub(r'127\.0\.0\.1:\d+', 'ADDRESS', e.details())
    return {'answers': answers, 'ended': ended, 'said': said}


def _deadly():
    """Six documents, each of which kills an executor that does not expect it, while the others are still with it."""
    docs = number(6)
    for doc in docs:
        doc.tags = {'seconds': 0.5, 'die': True}
    return docs


@scenario
def killed_replica(address):
    return _answers(address, _deadly(), '/die', {'who': 'mortal'})


@scenario
def killed_executor(address):
    return _answers(address, _deadly(), '/die', {})


def main():
    out = os.fdopen(os.dup(1), 'w')
    os.dup2(2, 1)  # Jina prints tables and warnings; the answers have standard output for themselves.
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = {'facts': SCENARIOS[command['scenario']](command['address'])}
        except (Exception, SystemExit):  # Jina's client exits when it does not like its input.
            answer = {'failed': traceback.format_exc()}
        print(json.dumps(answer), file=out, flush=True)


if __name__ == '__main__':
    main()
