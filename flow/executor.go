package flow

import "go.yaml.in/yaml/v3"

// entry is an executor while it is read, with what must be understood together.
type entry struct {
	Executor
	uses, usesBefore, usesAfter raw
	needs, host, port, protocol raw
	polling                     raw
	method                      raw
	// shownName is the name for faults, in which it may be a variable.
	shownName string
	tls       Field[bool]
}

var executorTable = newTable("an executor", processFields(func(e *entry) *Process { return &e.Process }), []field[entry]{
	{name: "name", typ: "letters, digits and _, not a digit first", missing: "executor<N>", meaning: "Name of the node.", reads: func(e *entry) target { return executorName{e} }},
	{name: "uses", typ: "docker://IMAGE, URI of Jina's Hub, built-in, Python class, YAML file, or {jtype: CLASS, with: …}", missing: "echo", meaning: "What answers here.",
		reads: func(e *entry) target { return &e.uses }},
	{name: "needs", whole: true, typ: "name or list of names, or gateway", missing: "the executor before it that does not float", meaning: "Nodes whose answers this one takes; their order is the order of merging.",
		reads: func(e *entry) target { return &e.needs }},
	{name: "floating", typ: "true or false", missing: "false", meaning: "No answer to a client waits for this node.", reads: func(e *entry) target { return &e.Floating }},
	{name: "when", typ: "map", meaning: "Condition that documents fulfil which this node gets, such as {tags__price: {$lt: 5}}.", reads: func(e *entry) target { return condition{&e.When} }},
	{name: "no_reduce", aliases: []string{"disable_reduce"}, typ: "true or false", missing: "false", meaning: "Parts of a join, or answers of shards, come unmerged.",
		reads: func(e *entry) target { return &e.NoReduce }},
	{name: "grpc_metadata", typ: "map of texts", meaning: "gRPC metadata sent with every call.",
		reads: func(e *entry) target { return metadata{&e.Metadata} }},
	{name: "shards", typ: "whole number, at least 1", missing: "1", meaning: "Parts that documents are split between, each with its replicas.",
		reads: func(e *entry) target { return atLeast(&e.Shards, 1) }},
	{name: "polling", typ: "any, all, or a map of endpoints to them", missing: "all for /search, else any", meaning: "Whether a request asks one shard or all; * is for the endpoints not named.",
		reads: func(e *entry) target { return &e.polling }},
	{name: "uses_before", typ: "as uses", meaning: "Works on a request before its shards.", reads: func(e *entry) target { return &e.usesBefore }},
	{name: "uses_after", typ: "as uses", meaning: "Works on the answers of all shards.", reads: func(e *entry) target { return &e.usesAfter }},
	{name: "external", typ: "true or false", missing: "false", meaning: "Runs elsewhere: nothing is started, host and port are called.", reads: func(e *entry) target { return &e.External }},
	{name: "host", aliases: []string{"host_in"}, typ: "name, grpc(s)://NAME:PORT, or a list of them", meaning: "Of an external executor. Each host and port is a replica.",
		reads: func(e *entry) target { return &e.host }},
	{name: "port", aliases: []string{"ports"}, typ: "port or list of ports", meaning: "Of an external executor; one for all hosts, or one for each.", reads: func(e *entry) target { return &e.port }},
	{name: "tls", typ: "true or false", missing: "false", meaning: "An external executor is called by TLS.", reads: func(e *entry) target { return &e.tls }},
	{name: "protocol", aliases: []string{"protocols"}, typ: "grpc", missing: "grpc", meaning: "Executors are called by gRPC.", reads: func(e *entry) target { return &e.protocol }},
	{name: "volumes", typ: "CONTAINER or SOURCE:CONTAINER, or a list of them", meaning: "Folders that outlive the process, one claim each for each replica.",
		reads: func(e *entry) target { return volumes{&e.Volumes} }},
	{name: "workspace", typ: "folder", meaning: "Folder that the executor keeps its state in; it outlives the process.", reads: func(e *entry) target { return &e.Workspace }},
	{name: "gpus", typ: "number, all, or a map such as {amd.com/gpu: 1}", missing: "0", meaning: "GPUs of each replica; all makes no claim.", reads: func(e *entry) target { return gpus{&e.GPUs} }},
	argumentField(processOf, "uses_metas", mapArgument, "Over the executor's metas."),
	argumentField(processOf, "uses_requests", mapArgument, "Binds endpoints to other methods: {/endpoint: method}."),
	argumentField(processOf, "uses_dynamic_batching", mapArgument, "Puts requests together: {/endpoint: {preferred_batch_size, timeout}}."),
	argumentField(processOf, "output_array_type", textArgument, "Type that tensors leave as, such as numpy."),
	argumentField(processOf, "exit_on_exceptions", listArgument, "Exceptions that end the process, which is then started anew."),
	argumentField(processOf, "allow_concurrent", flagArgument, "Requests are worked on at the same time."),
	argumentField(processOf, "raft_configuration", mapArgument, "Options of stateful executors."),
	argumentField(processOf, "stateful", flagArgument, "Replicas keep one state. In a cluster they do not find each other."),
	argumentField(processOf, "peer_ports", anyArgument, "Ports of the replicas of a stateful executor."),
	{name: "method", whole: true, typ: "add or needs", missing: "add", meaning: "needs is for joiners: named joiner by default.", reads: func(e *entry) target { return &e.method }},
	{name: "x_flow", whole: true, typ: "map", meaning: "What Jina has no word for; its fields are the chart's values.", reads: func(e *entry) target { return ownKeys{&e.Own} }},
	{name: "native", typ: "true", meaning: "Executors run as if it were true, always.", reads: func(*entry) target { return harmless{} }},
	{name: "prefetch", noEffect: atGateway},
	{name: "title", noEffect: aboutHTTP},
	{name: "description", noEffect: aboutHTTP},
	{name: "cors", noEffect: aboutHTTP},
	{name: "uvicorn_kwargs", noEffect: aboutHTTP},
	{name: "ssl_certfile", noEffect: noServerTLS},
	{name: "ssl_keyfile", noEffect: noServerTLS},
	{name: "disable_auto_volume", noEffect: ofDocker},
	{name: "force_network_mode", noEffect: ofDocker},
	{name: "install_requirements", noEffect: "what an executor requires belongs into its image"},
	{name: "force_update", aliases: []string{"force"}, noEffect: ofTheHub},
	{name: "prefer_platform", noEffect: ofTheHub},
	{name: "connection_list", noEffect: noHead},
	{name: "uses_before_address", noEffect: noHead},
	{name: "uses_after_address", noEffect: noHead},
	{name: "include_gateway", whole: true, noEffect: ofJina},
})

const (
	atGateway   = "it is the gateway's; write it under `with` or `gateway`"
	aboutHTTP   = "clients speak HTTP with the gateway, not with executors; write it under `with` or `gateway`"
	noServerTLS = "a mesh encrypts the calls between gateway and executors"
	noHead      = "there are no heads here: the gateway calls the shards"
)

func processOf(e *entry) *Process { return &e.Process }

type executorName struct{ *entry }

func (t executorName) read(r *reader, key, value *yaml.Node) {
	t.Name.read(r, key, value)
	t.shownName = r.describe(value)
}
