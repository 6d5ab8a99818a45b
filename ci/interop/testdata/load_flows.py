"""Loads flow files with Jina and prints what it made of each, as JSON: {file: facts, or {"error": …}}."""
import json
import os
import sys
import warnings

warnings.simplefilter('ignore')

from jina import Deployment, Flow  # noqa: E402
from jina.orchestrate.pods.factory import PodFactory  # noqa: E402,F401


def variables(path):
    """The environment that comments of a file say."""
    with open(path, encoding='utf-8') as f:
        for line in f:
            if line.startswith('# env: '):
                name, _, value = line[len('# env: '):].rstrip('\r\n').partition('=')
                yield name, value


def context(path):
    with open(path, encoding='utf-8') as f:
        return dict(
            line[len('# context: '):].rstrip('\r\n').split('=', 1) for line in f if line.startswith('# context: ')
        )


def texts(m):
    return {k: str(v) for k, v in m.items()} if m else {}


def polling(value):
    """Rules by endpoint, without the ones that every head begins with."""
    try:
        rules = json.loads(value)
    except (TypeError, ValueError):
        return {'*': value.lower()} if isinstance(value, str) else {}
    return {k: {1: 'any', 2: 'all'}.get(v, str(v).lower()) for k, v in rules.items()}


def count(gpus):
    try:
        return json.loads(gpus)
    except (TypeError, ValueError):
        return gpus


def common(a):
    return {
        'replicas': a.replicas,
        'timeout_ready': a.timeout_ready if a.timeout_ready > 0 else 600000,  # which Jina makes of it for Kubernetes
        'timeout_send': a.timeout_send,
        'retries': a.retries,
        'compression': a.compression,
        'monitoring': a.monitoring,
        'tracing': [a.tracing, a.traces_exporter_host, a.traces_exporter_port],
        'metrics': [a.metrics, a.metrics_exporter_host, a.metrics_exporter_port],
        'env': texts(a.env),
        'env_from_secret': a.env_from_secret,
        'image_pull_secrets': a.image_pull_secrets,
        'uses_with': a.uses_with,
        'py_modules': a.py_modules,
        'grpc_server_options': a.grpc_server_options,
        'grpc_channel_options': a.grpc_channel_options,
        'uses': None if a.uses in OWN_GATEWAYS or getattr(a, 'external', False) else a.uses,
    }


OWN_GATEWAYS = ('GRPCGateway', 'HTTPGateway', 'WebSocketGateway', 'CompositeGateway')


def floats(graph):
    """Nodes that the answer does not wait for."""
    waited, more = set(), ['end-gateway']
    while more:
        target = more.pop()
        for node, following in graph.items():
            if target in following and node not in waited:
                waited.add(node)
                more.append(node)
    return lambda node: node not in waited


def executor(name, deployment, floating, needs):
    a = deployment.args
    facts = common(a)
    facts.update(
        name=name,
        needs=sorted(needs),
        floating=floating(name),
        when=a.when or None,
        no_reduce=a.no_reduce,
        grpc_metadata=texts(a.grpc_metadata),
        shards=a.shards,
        polling=polling(a.polling) if a.shards > 1 else {},
        uses_before=a.uses_before,
        uses_after=a.uses_after,
        external=a.external,
        volumes=a.volumes,
        gpus=count(a.gpus),
        uses_metas=a.uses_metas,
        uses_requests=a.uses_requests,
        uses_dynamic_batching=a.uses_dynamic_batching,
        output_array_type=a.output_array_type,
        exit_on_exceptions=a.exit_on_exceptions or None,
        allow_concurrent=a.allow_concurrent,
        stateful=a.stateful,
        raft_configuration=a.raft_configuration,
    )
    if a.external:
        facts['replicas'] = None  # they are the addresses
        facts['addresses'] = [
            f'grpc{"s" if tls else ""}://{host}:{port}'
            for host, port, tls in zip(deployment.ext_repl_hosts, deployment.ext_repl_ports, deployment.ext_repl_tls)
        ]
    return facts


def gateway(a, port_is_said):
    facts = common(a)
    facts.update(
        protocols=[str(p).lower() for p in a.protocol],
        ports=list(a.port) if port_is_said else None,
        prefetch=a.prefetch,
        title=a.title,
        description=a.description,
        cors=a.cors,
        no_debug_endpoints=a.no_debug_endpoints,
        no_crud_endpoints=a.no_crud_endpoints,
        ssl_certfile=a.ssl_certfile,
        ssl_keyfile=a.ssl_keyfile,
        uvicorn_kwargs=a.uvicorn_kwargs,
    )
    return facts


def flow_facts(path):
    flow = Flow.load_config(path, context=context(path) or None)
    exposed = flow._gateway_kwargs.get('expose_endpoints')
    said = any(k.replace('-', '_').startswith('port') and not k.startswith('port_m') for k in flow._gateway_kwargs)
    if not flow._deployment_nodes:
        g = gateway(flow.gateway_args, said)
        return {'name': flow.args.name, 'executors': [], 'gateway': g, 'expose_endpoints': exposed}
    flow.build()
    door = flow['gateway'].args
    graph = json.loads(door.graph_description)
    floating = floats(graph)
    executors = [
        executor(name, d, floating, d.needs) for name, d in flow._deployment_nodes.items() if name != 'gateway'
    ]
    door_facts = gateway(door, said)
    for one in executors:
        # The gateway makes the calls.
        for call, default in ('timeout_send', None), ('retries', -1), ('compression', None):
            if one[call] == default:
                one[call] = door_facts[call]
    for one in [*executors, door_facts]:
        # A flow that starts sets its variables in the environment of all its processes.
        one['env'] = {**texts(flow.args.env), **one['env']}
    return {'name': flow.args.name, 'executors': executors, 'gateway': door_facts, 'expose_endpoints': exposed}


def deployment_facts(path):
    deployment = Deployment.load_config(path)
    name = deployment.args.name
    return {
        'name': None,
        'executors': [executor(name, deployment, lambda _: False, ['gateway'])],
        'deployment_ports': list(deployment.pod_args['gateway'].port),
        'deployment_protocols': [str(p).lower() for p in deployment.args.protocol],
    }


def json_safe(v):
    """The same without the numbers that JSON does not have."""
    if isinstance(v, dict):
        return {k: json_safe(item) for k, item in v.items()}
    if isinstance(v, (list, tuple)):
        return [json_safe(item) for item in v]
    return str(v) if isinstance(v, float) and v != v else v


def is_deployment(path):
    with open(path, encoding='utf-8') as f:
        return any(line.startswith(('jtype: Deployment', '!Deployment')) for line in f)


def facts(path):
    env = dict(variables(path))
    before = dict(os.environ)
    os.environ.update(env)
    try:
        return (deployment_facts if is_deployment(path) else flow_facts)(path)
    except (Exception, SystemExit) as error:
        return {'error': f'{type(error).__name__}: {error}'[:300]}
    finally:
        os.environ.clear()
        os.environ.update(before)


if __name__ == '__main__':
    # What Jina prints goes elsewhere than the result.
    out, sys.stdout = sys.stdout, sys.stderr
    json.dump({path: json_safe(facts(path)) for path in sys.argv[1:]}, out, default=str)
