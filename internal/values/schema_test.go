package values

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
)

var update = flag.Bool("update", false, "write the schema and the golden files anew")

// The schema in the chart, and its copy in the root for whoever writes values by hand, are what the types say.
func TestSchema(t *testing.T) {
	want := schema(t)
	for _, file := range []string{"../../charts/flow/values.schema.json", "../../values.schema.json"} {
		if *update {
			if err := os.WriteFile(file, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what the types say; go generate ./internal/values writes it", file)
		}
	}
}

// schema generates values.schema.json.
func schema(t *testing.T) []byte {
	t.Helper()
	reflector := jsonschema.Reflector{
		Anonymous: true, ExpandedStruct: true,
		Mapper: func(of reflect.Type) *jsonschema.Schema {
			if of == reflect.TypeFor[map[string]string]() {
				return &jsonschema.Schema{Type: "object", AdditionalProperties: types("string", "null")}
			}
			return nil
		},
	}
	if err := reflector.AddGoComments(reflect.TypeFor[Values]().PkgPath(), "."); err != nil {
		t.Fatal(err)
	}
	for name, comment := range reflector.CommentMap {
		reflector.CommentMap[name] = strings.ReplaceAll(comment, "\n", " ")
	}
	s := reflector.Reflect(Values{})
	s.Title = "Values of the chart flow"

	// Helm takes a null for "not this one"; what comes from an umbrella chart may hold more than is ours.
	executor, global := s.Definitions["Executor"], s.Definitions["Global"]
	executor.Type = ""
	executor.Extras = map[string]any{"type": []string{"object", "null"}}
	global.AdditionalProperties = nil
	property(t, global, "imagePullSecrets").Items = types("string", "object")
	property(t, s, "fullnameOverride").Pattern = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$"
	property(t, s, "nameOverride").Pattern = "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$"
	property(t, s.Definitions["External"], "addresses").Items.Pattern = "^grpcs?://[^/ ]+:[0-9]+$"

	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

func types(names ...string) *jsonschema.Schema {
	return &jsonschema.Schema{Extras: map[string]any{"type": names}}
}

func property(t *testing.T, s *jsonschema.Schema, name string) *jsonschema.Schema {
	t.Helper()
	p, ok := s.Properties.Get(name)
	if !ok {
		t.Fatalf("no property %s", name)
	}
	return p
}

// A field without a description leaves whoever writes values by hand alone.
func TestEveryFieldIsDescribed(t *testing.T) {
	type section struct {
		Properties map[string]struct{ Description string }
	}
	var root struct {
		section
		Sections map[string]section `json:"$defs"`
	}
	if err := json.Unmarshal(schema(t), &root); err != nil {
		t.Fatal(err)
	}
	root.Sections["Values"] = root.section
	for name, section := range root.Sections {
		if len(section.Properties) == 0 {
			t.Errorf("%s has no fields", name)
		}
		for field, property := range section.Properties {
			if property.Description == "" {
				t.Errorf("%s.%s has no description", name, field)
			}
		}
	}
}
