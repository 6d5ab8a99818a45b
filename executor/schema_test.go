package executor

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

func TestDiscovery(t *testing.T) {
	e := New("E").On("/b", upper).On("/a", upper).Schema("Mine", []byte(`{"properties":{"id":{"type":"string"}}}`))
	out := new(jinapb.EndpointsProto)
	if err := start(t, e).Invoke(t.Context(), wire.MethodDiscovery, new(emptypb.Empty), out); err != nil {
		t.Fatal(err)
	}
	if want := []string{"_jina_dry_run_", "/a", "/b"}; !slices.Equal(out.Endpoints, want) {
		t.Errorf("endpoints %q", out.Endpoints)
	}
	mine := map[string]any{"name": "Mine", "model": map[string]any{"properties": map[string]any{"id": map[string]any{"type": "string"}}}}
	want := map[string]any{
		"input": mine, "output": mine, "is_generator": false, "is_singleton_doc": false,
		"parameters": map[string]any{"name": nil, "model": nil},
	}
	schemas := out.Schemas.AsMap()
	if got := schemas["/a"]; !reflect.DeepEqual(got, want) {
		t.Errorf("schema of /a: %v", got)
	}
	dry, _ := schemas["_jina_dry_run_"].(map[string]any)
	if input, _ := dry["input"].(map[string]any); len(schemas) != 3 || input["name"] != "LegacyDocumentJina" {
		t.Errorf("schema of the dry run: %v", dry)
	}
}

func TestABadSchemaIsFoundAtStart(t *testing.T) {
	if _, err := newServer(New("E").On("/a", upper).Schema("Mine", []byte("{")), "exec0", nil); err == nil || !strings.Contains(err.Error(), "executor E: schema Mine") {
		t.Errorf("got %v", err)
	}
}

// Python gateways choose how to call an executor by this list, which reflection shows them.
func TestServices(t *testing.T) {
	s, err := newServer(New("E"), "exec0", nil)
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer()
	s.register(g)
	want := []string{
		"grpc.reflection.v1alpha.ServerReflection",
		"jina.JinaDataRequestRPC", "jina.JinaDiscoverEndpointsRPC", "jina.JinaInfoRPC", "jina.JinaRPC", "jina.JinaSingleDataRequestRPC",
	}
	if got := slices.Sorted(maps.Keys(g.GetServiceInfo())); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
