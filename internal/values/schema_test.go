package values

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
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
	reflector := jsonschema.Reflector{Anonymous: true, ExpandedStruct: true}
	if err := reflector.AddGoComments(reflect.TypeFor[Values]().PkgPath(), "."); err != nil {
		t.Fatal(err)
	}
	for name, comment := range reflector.CommentMap {
		reflector.CommentMap[name] = strings.ReplaceAll(comment, "\n", " ")
	}
	s := reflector.Reflect(Values{})
	s.Title = "Values of the chart flow"

	pattern(t, s, "fullnameOverride", "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$")
	pattern(t, s, "nameOverride", "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$")
	pattern(t, s.Definitions["Volume"], "mountPath", "^/.")
	property(t, s.Definitions["External"], "addresses").Items.Pattern = "^grpcs?://[^/ ]+:[0-9]+$"
	property(t, s.Definitions["Executor"], "polling").AdditionalProperties.Enum = []any{"any", "all"}
	property(t, s.Definitions["Executor"], "gpus").AdditionalProperties.Minimum = "0"
	// What comes from an umbrella chart may hold more than is ours.
	s.Definitions["Global"].AdditionalProperties = nil
	property(t, s.Definitions["Global"], "imagePullSecrets").Items = &jsonschema.Schema{Extras: map[string]any{"type": []string{"string", "object"}}}
	takeNull(s)
	for _, here := range []*jsonschema.Schema{s, s.Definitions["Volume"]} { // the one is the whole, the other an item of a list
		here.Type, here.Extras = "object", nil
	}

	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(text, '\n')
}

// takeNull lets every field, and every entry of a map, be null: for Helm it is "not this one". Items of lists must be there.
func takeNull(s *jsonschema.Schema) {
	for pair := s.Properties.Oldest(); pair != nil; pair = pair.Next() {
		if !slices.Contains(s.Required, pair.Key) {
			takeNull(pair.Value)
		}
	}
	for _, definition := range s.Definitions {
		takeNull(definition)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Type != "" {
		takeNull(s.AdditionalProperties)
	}
	if s.Type != "" {
		s.Extras, s.Type = map[string]any{"type": []string{s.Type, "null"}}, ""
	}
	if s.Enum != nil {
		s.Enum = append(s.Enum, nil)
	}
}

func pattern(t *testing.T, s *jsonschema.Schema, name, pattern string) {
	t.Helper()
	property(t, s, name).Pattern = pattern
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
