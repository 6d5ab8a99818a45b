package flow

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"fmt"
)

// fixtures are the flows in a folder of testdata: all that ends in .yml or .tmpl.
func fixtures(tb testing.TB, folder string) []string {
	tb.Helper()
	var names []string
	for _, pattern := range []string{"*.yml", "*.tmpl"} {
		files, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			tb.Fatal(err)
		}
		for _, file := range files {
			names = append(names, filepath.Base(file))
		}
	}
	if len(names) == 0 {
		tb.Fatalf("no fixtures in %s", folder)
	}
	return names
}

// fixtureOptions are what comments at the beginning of lines of a flow say, such as
//
//	# env: NAME=VALUE
//	# context: NAME=VALUE
//	# values: {"a": 1}
//	# hub: URI=IMAGE
//	# hub-template: registry.example/{name}:{tag}
//	# lenient
//	# allow-env
func fixtureOptions(tb testing.TB, src []byte) Options {
	tb.Helper()
	env := map[string]string{}
	opts := Options{
		LookupEnv: func(name string) (string, bool) { value, ok := env[name]; return value, ok },
		Context:   map[string]string{}, Hub: HubMap{Images: map[string]string{}},
	}
	for line := range strings.Lines(string(src)) {
		comment, ok := strings.CutPrefix(line, "# ")
		if !ok {
			continue
		}
		word, rest, _ := strings.Cut(strings.TrimRight(comment, "\r\n"), ": ")
		key, value, _ := strings.Cut(rest, "=")
		switch word {
		case "env":
			env[key] = value
		case "context":
			opts.Context[key] = value
		case "values":
			if err := json.Unmarshal([]byte(rest), &opts.Values); err != nil {
				tb.Fatalf("%s: %v", line, err)
			}
		case "hub":
			opts.Hub.Images[key] = value
		case "hub-template":
			opts.Hub.Template = rest
		case "lenient":
			opts.Lenient = true
		case "allow-env":
			opts.TemplateEnv = true
		}
	}
	return opts
}

// readFixture reads a flow of the working directory.
func readFixture(tb testing.TB, name string) (*Flow, error) {
	tb.Helper()
	src, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return ReadFile(name, fixtureOptions(tb, src))
}

// golden holds got against a file, or writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v (go test ./flow -update writes it)", err)
	}
	if got != string(want) {
		t.Errorf("%s:\n%s\nwant:\n%s", file, got, want)
	}
}

// dump writes a flow down: what the file says, with its places, and of the defaults those that are worked out.
func dump(f *Flow) string {
	var b strings.Builder
	dumpFields(&b, "", reflect.ValueOf(f).Elem())
	for _, w := range f.Warnings {
		fmt.Fprintf(&b, "warning %s\n", w)
	}
	home, _ := filepath.Abs(".")
	return strings.ReplaceAll(b.String(), home, "DIR")
}

func dumpFields(b *strings.Builder, path string, v reflect.Value) {
	t := v.Type()
	for i := range t.NumField() {
		name, field := t.Field(i).Name, v.Field(i)
		here := path + strings.ToLower(name[:1]) + name[1:]
		switch {
		case name == "Warnings" || name == "Pos" || name == "Path":
		case t.Field(i).Type == reflect.TypeFor[Uses]():
			dumpUses(b, here, field.Interface().(Uses))
		case t.Field(i).Type == reflect.TypeFor[*Uses]():
			if !field.IsNil() {
				dumpUses(b, here, *field.Interface().(*Uses))
			}
		case t.Field(i).Anonymous:
			dumpFields(b, path, field)
		case t.Field(i).Type == reflect.TypeFor[[]Executor]():
			for j := range field.Len() {
				fmt.Fprintf(b, "\n")
				dumpFields(b, fmt.Sprintf("executors[%d].", j), field.Index(j))
			}
		case t.Field(i).Type == reflect.TypeFor[map[string]Field[any]]():
			for _, key := range sortedKeys2(field) {
				dumpField(b, here+"."+key, field.MapIndex(reflect.ValueOf(key)), false)
			}
		case t.Field(i).Type == reflect.TypeFor[Own]():
			dumpField(b, here, field.Field(0), false)
		case t.Field(i).Type == reflect.TypeFor[[]string](): // addresses
			if field.Len() > 0 {
				fmt.Fprintf(b, "%s: %s\n", here, asJSON(field.Interface()))
			}
		case t.Field(i).Type.NumField() == 2 && t.Field(i).Type.Field(1).Name == "Pos":
			worked := name == "Needs" || name == "Doors" || name == "Name" && strings.HasPrefix(path, "executors") || name == "Floating" && field.Field(0).Bool()
			dumpField(b, here, field, worked)
		default:
			dumpFields(b, here+".", field)
		}
	}
}

func sortedKeys2(m reflect.Value) []string {
	all := map[string]any{}
	for _, key := range m.MapKeys() {
		all[key.String()] = nil
	}
	return sortedKeys(all)
}

func dumpField(b *strings.Builder, path string, field reflect.Value, always bool) {
	at := field.Field(1).Interface().(Pos)
	switch {
	case at.Line > 0:
		fmt.Fprintf(b, "%s: %s @%d:%d\n", path, asJSON(field.Field(0).Interface()), at.Line, at.Column)
	case always:
		fmt.Fprintf(b, "%s: %s\n", path, asJSON(field.Field(0).Interface()))
	}
}

func dumpUses(b *strings.Builder, path string, u Uses) {
	kind := [...]string{"built-in", "image", "python"}[u.Kind]
	fmt.Fprintf(b, "%s: %s %s", path, kind, u.Name)
	if u.Pos.Line > 0 {
		fmt.Fprintf(b, " @%d:%d", u.Pos.Line, u.Pos.Column)
	}
	fmt.Fprintln(b)
}

func asJSON(v any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}
