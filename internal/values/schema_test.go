package values

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"slices"
	"testing"

	"github.com/invopop/jsonschema"
	orderedmap "github.com/pb33f/ordered-map/v2"
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
	reflector := jsonschema.Reflector{Anonymous: true, ExpandedStruct: true, CommentMap: map[string]string{}}
	for name, comment := range comments(t) {
		reflector.CommentMap[reflect.TypeFor[Values]().PkgPath()+"."+name] = comment
	}
	s := reflector.Reflect(Values{})
	s.Title = "Values of the chart flow"

	for definition, formats := range map[*jsonschema.Schema]map[string]format{
		s:                                {"fullnameOverride": dnsLabel, "nameOverride": dnsLabel},
		s.Definitions["Image"]:           {"registry": registry, "repository": repository, "tag": tag, "digest": digest},
		s.Definitions["SecretKey"]:       {"name": objectName},
		s.Definitions["Storage"]:         {"size": quantity},
		s.Definitions["Volume"]:          {"mountPath": absolutePath, "name": claimName, "size": quantity},
		s.Definitions["Linkerd"]:         {"version": linkerdVersion, "shutdownGracePeriod": goDuration, "controlPlaneNamespace": objectName},
		s.Definitions["ProxyResources"]:  {"cpuRequest": quantity, "cpuLimit": quantity, "memoryRequest": quantity, "memoryLimit": quantity},
		s.Definitions["LinkerdRetries"]:  {"timeout": linkerdDuration},
		s.Definitions["LinkerdTimeouts"]: {"request": linkerdDuration, "response": linkerdDuration, "idle": linkerdDuration},
		s.Definitions["LinkerdBreaker"]:  {"minPenalty": linkerdDuration, "maxPenalty": linkerdDuration, "successRateWindow": linkerdDuration},
		s.Definitions["Monitoring"]:      {"interval": prometheusDuration},
		s.Definitions["Autoscaling"]:     {"prometheus": webAddress},
	} {
		for name, f := range formats {
			property(t, definition, name).Pattern = f.pattern
		}
	}
	property(t, s.Definitions["External"], "addresses").Items.Pattern = address.pattern
	property(t, s.Definitions["Executor"], "polling").AdditionalProperties.Enum = []any{"any", "all"}
	property(t, s.Definitions["Executor"], "gpus").AdditionalProperties.Minimum = "0"
	unavailable := property(t, s.Definitions["PodDisruptionBudget"], "maxUnavailable")
	unavailable.Extras, unavailable.Minimum, unavailable.Pattern = map[string]any{"type": []string{"integer", "string", "null"}}, "0", percentage.pattern
	// What comes from an umbrella chart may hold more than is ours.
	s.Definitions["Global"].AdditionalProperties = nil
	property(t, s.Definitions["Global"], "imagePullSecrets").Items = &jsonschema.Schema{Extras: map[string]any{"type": []string{"string", "object"}}}
	takeNull(s)
	executors := property(t, s, "executors")
	executors.Extras["type"] = []string{"object", "array", "null"}
	executors.Items = listedExecutor(t, s)
	property(t, s, "extraObjects").Items = &jsonschema.Schema{Extras: map[string]any{"type": []string{"string", "object"}}}
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

// listedExecutor is an executor of the list form: one that says its name.
func listedExecutor(t *testing.T, s *jsonschema.Schema) *jsonschema.Schema {
	t.Helper()
	listed := *s.Definitions["Executor"]
	listed.Extras = map[string]any{"type": "object"}
	listed.Properties = orderedmap.New[string, *jsonschema.Schema]()
	listed.Properties.Set("name", &jsonschema.Schema{Type: "string", Description: "Name of the executor. Default executor<N>, N being the number of executors before it."})
	for pair := s.Definitions["Executor"].Properties.Oldest(); pair != nil; pair = pair.Next() {
		listed.Properties.Set(pair.Key, pair.Value)
	}
	s.Definitions["ListedExecutor"] = &listed
	return &jsonschema.Schema{Ref: "#/$defs/ListedExecutor"}
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
