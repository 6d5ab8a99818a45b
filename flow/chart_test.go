package flow_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/helm-flow/helm-flow/flow"
)

const chartLanguageFile = "../charts/flow/files/language.yaml"

// chartField is what the chart's own reader of flows knows of a field, for --set-file flow=flow.yml.
type chartField struct {
	// Kind of the value: number, flag, text, texts, map, list, secrets, argument; own for those that have lines of their own in _flow.tpl; nothing for those
	// without effect.
	Kind string `json:"kind"`
	// Path of the value that it becomes.
	Path string `json:"path,omitempty"`
}

type chartSection struct {
	// Fields by name.
	Fields map[string]chartField `json:"fields"`
	// Names are further names of fields.
	Names map[string]string `json:"names,omitempty"`
}

// kinds are those of the types that fields have in the reference.
var kinds = map[string]string{
	"true or false": "flag", "text": "text", "file": "text", "map": "map", "map of texts": "texts", "map of {name, key}": "secrets",
	"list of names": "list", "file or list of files": "list", "milliseconds": "milliseconds", "port": "number",
}

// The chart reads flows by the tables of this package.
func TestChartLanguage(t *testing.T) {
	sections := map[string]chartSection{}
	for name, fields := range flow.Reference() {
		if name == "flow" {
			continue
		}
		s := chartSection{Fields: map[string]chartField{}, Names: map[string]string{}}
		for _, f := range fields {
			for _, alias := range f.Aliases {
				s.Names[alias] = f.Name
			}
			s.Fields[f.Name] = chartFieldOf(t, name, f)
		}
		sections[name] = s
	}
	text, err := yaml.Marshal(sections)
	if err != nil {
		t.Fatal(err)
	}
	want := append([]byte("# What the chart knows of the flow language; go test ./flow -update writes it.\n"), text...)
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(chartLanguageFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(chartLanguageFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the reader knows; go test ./flow -update writes it", chartLanguageFile)
	}
}

func chartFieldOf(t *testing.T, section string, f flow.FieldReference) chartField {
	t.Helper()
	path := ""
	if section != "with" && f.NoEffect == "" {
		path = strings.Trim(becomesOf(t, section, f), "`")
	}
	kind := kinds[f.Type]
	if strings.HasPrefix(f.Type, "whole number") {
		kind = "number"
	}
	switch {
	case f.NoEffect != "":
		return chartField{Kind: "nothing"}
	case f.Argument:
		return chartField{Kind: "argument", Path: path}
	case kind == "" || path == "" || path == "external.addresses" || strings.ContainsAny(path, " ,"):
		return chartField{Kind: "own"}
	}
	return chartField{Kind: kind, Path: path}
}
