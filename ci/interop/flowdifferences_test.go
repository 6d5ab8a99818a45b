package interop

// flowDifferences are the places where package flow means to make something else of a flow.yml than Jina.
var flowDifferences = []deliberate{
	{flow: "seed.yml", path: ".executors[0].uses", ours: `"HeavyExecutorLinkerdDemo"`, why: "the Hub is gone; the demo's executor is built in"},
	{flow: "seed.yml", path: ".executors[1].uses", ours: `"HeavyExecutorLinkerdDemo"`, why: "as above"},
	{flow: "hub.yml", path: ".executors[0].uses", ours: `"HeavyExecutorLinkerdDemo"`, why: "as above"},
	{flow: "hub.yml", path: ".executors[1].uses", ours: `"docker://registry.example/clip:exact"`, why: "URIs of the Hub become the images that its map names"},
	{flow: "hub.yml", path: ".executors[2].uses", ours: `"docker://registry.example/clip:v2"`, why: "as above"},
	{flow: "hub.yml", path: ".executors[3].uses", ours: `"docker://registry.example/indexer:3"`, why: "as above"},
	{flow: "hub.yml", path: ".executors[4].uses", ours: `"docker://registry.example/by-name:4"`, why: "as above"},
	{flow: "hub.yml", path: ".executors[5].uses", ours: `"docker://registry.example/some-one/textencoder:0.3-gpu"`, why: "as above"},
	{flow: "hub.yml", path: ".executors[6].uses", ours: `"docker://registry.example/ranker:latest"`, why: "as above"},
	{flow: "names.yml", path: ".executors[3].uses", ours: `"BaseExecutor"`, why: "echo is our name for what BaseExecutor does; Jina would look for a class of that name"},

	{flow: "deployment-in-file.yml", path: ".executors[0].name", ours: `"encoder"`, why: "a Deployment's name is its node's: Jina calls the node executor<N>, and what Kubernetes sees by the name"},
	{flow: "deployment-in-file.yml", path: ".executors[1].needs[0]", ours: `"encoder"`, why: "as above"},
	{flow: "deployment-inline.yml", path: ".executors[1].name", ours: `"second"`, why: "as above"},
	{flow: "deployment-inline.yml", path: ".executors[2].needs[0]", ours: `"first"`, why: "needs beside a Deployment is what the user means; Jina passes over it"},
	{flow: "deployment-inline.yml", path: ".executors[1].floating", ours: `true`, why: "follows from the needs"},
	{flow: "deployment.yml", path: ".executors[0].name", ours: `"my_encoder"`, why: "names of nodes are identifiers; the objects are called my-encoder all the same"},

	{flow: "inheritance.yml", path: ".executors[0].timeout_send", ours: `100`, why: "timeout-send and timeout_send are one field: what an executor says itself wins in either spelling"},
	{flow: "inheritance.yml", path: ".gateway.grpc_server_options", ours: `null`, why: "our gateway is not Python"},
	{flow: "external.yml", path: ".executors[4].addresses[1]", ours: `"grpc://b.example:80"`, why: "no host begins with a blank"},
	{flow: "gateway-class.yml", path: ".gateway.protocols[0]", ours: `"http"`, why: "HTTPGateway serves HTTP, whatever protocol says"},
	{flow: "gateway.yml", path: ".gateway.title", ours: `"007"`, why: "what is a text by its field stays as it is written"},

	{flow: "retyping.yml", path: ".executors[0].env.ZEROS", ours: `"007"`, why: "texts in the environment stay as they are written: numbers do not lose zeros"},
	{flow: "retyping.yml", path: ".executors[0].env.LIST", ours: `"[\"a\", \"b\"]"`, why: "as above: JSON stays JSON"},
	{flow: "retyping.yml", path: ".executors[0].env.EMPTY", ours: `""`, why: "as above: an empty text is not None"},
	{flow: "retyping.yml", path: ".executors[0].uses_with.large", ours: `"12345678901234567890"`, why: "a number that an int does not hold would lose digits on its way through Helm"},
	{flow: "variables.yml", path: ".executors[0].uses_with.not_again", ours: `"a$TAG"`, why: "what comes out of a variable is not looked at for further ones: it may be a password"},

	{flow: "gpus.yml", path: ".executors[3].gpus", ours: `2`, why: "a cluster chooses devices; so many are asked for"},
	{flow: "volume-forms.yml", path: ".executors[0].volumes[3]", ours: `"/var/lib/index:/index"`, why: "a mode changes nothing for a claim of the executor's own"},
	{flow: "volume-forms.yml", path: ".executors[0].volumes[5]", ours: `"D:/data:/drive"`, why: "as above; Jina takes the drive for a folder"},
	{flow: "volume-forms.yml", path: ".executors[0].volumes[6]", ours: `"./folder:/folder"`, why: "where Jina's Docker would mount it is said"},
	{flow: "volume-forms.yml", path: ".executors[0].volumes[7]", ours: `"/own"`, why: "a mode changes nothing for a claim of the executor's own"},
	{flow: "volume-forms.yml", path: ".executors[1].volumes[0]", ours: `"/data/index"`, why: "paths are written one way"},

	{flow: "nested-uses.yml", path: ".executors[0].uses", ours: `"Encoder"`, why: "the parts of a nested uses are taken apart; Jina hands the whole on"},
	{flow: "nested-uses.yml", path: ".executors[0].uses_with.more", ours: `2`, why: "as above"},
	{flow: "nested-uses.yml", path: ".executors[0].uses_metas.workspace", ours: `"/state"`, why: "as above"},
	{flow: "nested-uses.yml", path: ".executors[0].uses_requests", ours: `{"/a":"a"}`, why: "as above"},
	{flow: "nested-uses.yml", path: ".executors[0].py_modules", ours: `["parts/encoder.py"]`, why: "as above"},
	{flow: "nested-uses.yml", path: ".executors[1].uses", ours: `"Encoder"`, why: "as above"},
	{flow: "nested-uses.yml", path: ".executors[1].uses_with", ours: `{"number":"5"}`, why: "as above"},
}
