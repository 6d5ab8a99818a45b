package executor

import (
	_ "embed"
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/types/known/structpb"

	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// schema describes documents to Python gateways from docarray 0.30 on.
type schema struct {
	Name  string          `json:"name"`
	Model json.RawMessage `json:"model"`
}

// The documents of Python executors that declare no class. Python compares it literally, down to the description, with
// that of its own; only if they are equal can it merge such documents.
//
//go:embed legacy_document.json
var legacyDocumentModel []byte

var legacyDocument = schema{Name: "LegacyDocumentJina", Model: legacyDocumentModel}

// endpointSchema has all keys that a Python gateway looks up without asking.
type endpointSchema struct {
	Input          schema         `json:"input"`
	Output         schema         `json:"output"`
	IsGenerator    bool           `json:"is_generator"`
	IsSingletonDoc bool           `json:"is_singleton_doc"`
	Parameters     map[string]any `json:"parameters"`
}

// discovery is the answer to endpoint_discovery.
func (e *Executor) discovery() (*jinapb.EndpointsProto, error) {
	schemas := map[string]endpointSchema{}
	for _, endpoint := range e.endpoints() {
		s := e.schema
		if endpoint == wire.DryRunEndpoint {
			s = legacyDocument
		}
		schemas[endpoint] = endpointSchema{Input: s, Output: s, Parameters: map[string]any{"name": nil, "model": nil}}
	}
	text, err := json.Marshal(schemas)
	if err != nil {
		return nil, fmt.Errorf("executor %s: schema %s: %w", e.class, e.schema.Name, err)
	}
	out := &jinapb.EndpointsProto{Endpoints: e.endpoints(), Schemas: new(structpb.Struct)}
	if err := out.Schemas.UnmarshalJSON(text); err != nil {
		return nil, fmt.Errorf("executor %s: schema %s: %w", e.class, e.schema.Name, err)
	}
	return out, nil
}
