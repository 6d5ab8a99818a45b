SHELL := bash
# A fresh machine needs git, Go, make, a C compiler (for the race detector), Python 3 with venv and pip, and the package
# registries. Everything else lands in .tools/, in the versions that ci/tools/ pins, once and when a pin changes.

.PHONY: build demo images test check test-unit test-chart test-interop test-e2e bench dist cluster-up cluster-down cluster-status bin/cluster tools generate clean
.DELETE_ON_ERROR:

# The three programs. No -trimpath: with it nothing that tests, vet and Helm's build compile could be shared.
build:
	go build -o bin/ ./cmd/...

# The story of examples/linkerd-demo as a live picture, with the plugin in a private Helm. One Helm is enough for it. It is built first, as go run
# would not pass a signal on.
demo: build .tools/bin/helm3
	go build -o bin/demo ./ci/demo
	bin/demo

# The images of gateway and executor, without a container engine, in dist/images; PUSH=registry.example/team pushes them, too.
images:
	go build -o bin/images ./ci/images
	bin/images $(if $(PUSH),-push $(PUSH))

# --- Tests: four rings, after a check of the sources. A ring that cannot run fails.

test: check test-unit test-chart test-interop test-e2e

GOTEST := .tools/bin/gotestsum --format pkgname --format-hide-empty-pkg --
# Packages whose tests need Helm (the root's run the README), Python or a Kubernetes; all others are unit tests.
CHART   := . ./charts/... ./internal/chart/... ./plugin/... ./ci/demo/... ./ci/dist/...
INTEROP := ./ci/interop/... ./ci/images/...
E2E     := ./ci/e2e/...

check: .tools/bin/staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "run gofmt -w on: $$unformatted"; exit 1; fi
	go vet ./...
	.tools/bin/staticcheck ./...
	cd ci/cluster && go vet ./... && ../../.tools/bin/staticcheck ./...

test-unit: .tools/bin/gotestsum .tools/uv/pyvenv.cfg
	$(GOTEST) -race $$(go list ./... | grep -vxFf <(go list $(CHART) $(INTEROP) $(E2E)))

# The chart, the plugin's commands and those of the README under both Helms; the demo.
test-chart: build .tools/bin/gotestsum .tools/bin/helm3 .tools/bin/helm4
	$(GOTEST) $(CHART)

# Real Python Jina, both document generations, before, behind and beside our programs.
test-interop: .tools/bin/gotestsum .tools/py-v1/pyvenv.cfg .tools/py-v2/pyvenv.cfg
	$(GOTEST) $(INTEROP)

# A real Kubernetes: that of ci/cluster itself, then the chart's objects, and flows with real pods, on it; as root. The first time builds it.
test-e2e: .tools/bin/gotestsum .tools/bin/helm3 .tools/bin/helm4
	cd ci/cluster && ../../$(GOTEST) -timeout=40m ./...
	$(GOTEST) -p=1 -timeout=40m $(E2E)

# Side by side with Jina's gateway; BENCH=short for fewer repetitions.
bench: build .tools/py-v2/pyvenv.cfg
	go build -o bin/bench ./ci/bench
	bin/bench

# What users install the plugin from, for all platforms, in dist/; see ci/dist. SIGN_KEYRING, SIGN_KEY and SIGN_PASSPHRASE_FILE sign it,
# PUSH=registry.example/team/plugins pushes it.
dist: export SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
dist:
	go run ./ci/dist $(if $(PUSH),-push $(PUSH))

# --- A Kubernetes to try things on, as root: ci/cluster/README.md. The first time builds it.

cluster-up: bin/cluster
	bin/cluster up

cluster-down: bin/cluster
	bin/cluster down

cluster-status: bin/cluster
	bin/cluster status

bin/cluster:
	go build -C ci/cluster -o $(CURDIR)/bin/cluster .

# --- Generated code.

generate: .tools/bin/protoc-gen-go .tools/protoc/pyvenv.cfg
	.tools/protoc/bin/python -m grpc_tools.protoc --plugin=.tools/bin/protoc-gen-go \
		-I internal/wire/jinapb --go_out=internal/wire/jinapb --go_opt=paths=source_relative jina.proto
	go generate ./...

# --- Tools.

GO_TOOLS := helm3 helm4 staticcheck gotestsum protoc-gen-go
PYTHONS  := py-v1 py-v2 protoc

tools: $(GO_TOOLS:%=.tools/bin/%) $(PYTHONS:%=.tools/%/pyvenv.cfg)

.tools/bin/helm3:         PACKAGE = helm.sh/helm/v3/cmd/helm
.tools/bin/helm4:         PACKAGE = helm.sh/helm/v4/cmd/helm
.tools/bin/staticcheck:   PACKAGE = honnef.co/go/tools/cmd/staticcheck
.tools/bin/gotestsum:     PACKAGE = gotest.tools/gotestsum
.tools/bin/protoc-gen-go: PACKAGE = google.golang.org/protobuf/cmd/protoc-gen-go

# As in Helm's own releases; without this Helm 3 takes its Kubernetes to be 1.20.
KUBERNETES_MINOR = $(shell sed -n 's|.*k8s.io/client-go v0\.\([0-9]*\).*|\1|p' ci/tools/go.mod)
.tools/bin/helm3: LDFLAGS = $(foreach p,chartutil lint/rules,-X helm.sh/helm/v3/pkg/$p.k8sVersionMinor=$(KUBERNETES_MINOR))

$(GO_TOOLS:%=.tools/bin/%): ci/tools/go.mod ci/tools/go.sum
	go build -C ci/tools -ldflags '$(LDFLAGS)' -o $(CURDIR)/$@ $(PACKAGE)
	@touch $@

# pip cannot resolve what Jina asks for; uv can.
.tools/uv/pyvenv.cfg: ci/tools/uv.txt
	python3 -m venv --clear .tools/uv
	.tools/uv/bin/python -m pip install --quiet --requirement $<
	@touch $@

UV := .tools/uv/bin/uv --config-file ci/tools/uv.toml

.tools/%/pyvenv.cfg: ci/tools/%.txt ci/tools/uv.toml .tools/uv/pyvenv.cfg
	$(UV) venv --quiet --clear --python $$(command -v python3) .tools/$*
	$(UV) pip install --quiet --python .tools/$* --requirement $<
	@touch $@

clean:
	rm -rf bin dist .tools
