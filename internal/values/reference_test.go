package values

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"
)

// What the chart tells of its values is what the types say: VALUES.md, the table in README.md, and values.yaml, which says everything and sets nothing.
func TestReference(t *testing.T) {
	r := &reference{comments: comments(t)}
	readme, err := os.ReadFile("../../charts/flow/README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(readme), tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatalf("README.md has no lines %q and %q", tableBegins, tableEnds)
	}
	for file, want := range map[string]string{
		"VALUES.md":   r.markdown(),
		"README.md":   before + tableBegins + "\n\n" + r.table(reflect.TypeFor[Values](), "") + "\n" + tableEnds + after,
		"values.yaml": r.yaml(),
	} {
		path := "../../charts/flow/" + file
		if *update {
			if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, []byte(want)) {
			t.Errorf("%s is not what the types say; go generate ./internal/values writes it", file)
		}
	}
}

const (
	tableBegins = "<!-- values: written by go generate ./internal/values -->"
	tableEnds   = "<!-- end of values -->"
)

// comments are the doc comments of types and fields, by Type or Type.Field. What a comment calls by its Go name has its name in YAML.
func comments(t *testing.T) map[string]string {
	t.Helper()
	var reflector jsonschema.Reflector
	path := reflect.TypeFor[Values]().PkgPath()
	if err := reflector.AddGoComments(path, "."); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for key, comment := range reflector.CommentMap {
		all[strings.TrimPrefix(key, path+".")] = strings.ReplaceAll(strings.TrimSpace(comment), "\n", " ")
	}
	for _, s := range sections {
		for i := range s.of.NumField() {
			f := s.of.Field(i)
			if rest, named := strings.CutPrefix(all[s.of.Name()+"."+f.Name], f.Name); named {
				all[s.of.Name()+"."+f.Name] = name(f) + rest
			}
		}
	}
	return all
}

type reference struct{ comments map[string]string }

// sections are the types that VALUES.md has a table of, in order, with the path of a value of that type.
var sections = []struct {
	of   reflect.Type
	path string
}{
	{reflect.TypeFor[Values](), ""},
	{reflect.TypeFor[Global](), "global"},
	{reflect.TypeFor[Gateway](), "gateway"},
	{reflect.TypeFor[Ports](), "gateway.ports"},
	{reflect.TypeFor[HTTP](), "gateway.http"},
	{reflect.TypeFor[TLS](), "gateway.tls"},
	{reflect.TypeFor[Service](), "gateway.service"},
	{reflect.TypeFor[Ingress](), "gateway.ingress"},
	{reflect.TypeFor[Route](), "gateway.route"},
	{reflect.TypeFor[Executor](), "executors.NAME"},
	{reflect.TypeFor[External](), "executors.NAME.external"},
	{reflect.TypeFor[Volume](), "executors.NAME.volumes[]"},
	{reflect.TypeFor[Canary](), "executors.NAME.canary"},
	{reflect.TypeFor[Stage](), "executors.NAME.usesBefore"},
	{reflect.TypeFor[ExecutorDefaults](), "executorDefaults"},
	{reflect.TypeFor[Storage](), "executorDefaults.storage"},
	{reflect.TypeFor[Workload](), "gateway, executors.NAME"},
	{reflect.TypeFor[WorkloadExtras](), "gateway, executors.NAME, executorDefaults"},
	{reflect.TypeFor[Image](), "image"},
	{reflect.TypeFor[Exporter](), "traces, metrics"},
	{reflect.TypeFor[SecretKey](), "envFromSecret.VARIABLE"},
	{reflect.TypeFor[ServiceAccount](), "serviceAccount"},
	{reflect.TypeFor[Autoscaling](), "autoscaling"},
	{reflect.TypeFor[PodDisruptionBudget](), "podDisruptionBudget"},
	{reflect.TypeFor[Mesh](), "mesh"},
	{reflect.TypeFor[Linkerd](), "mesh.linkerd"},
	{reflect.TypeFor[ProxyResources](), "mesh.linkerd.proxyResources"},
	{reflect.TypeFor[LinkerdRetries](), "mesh.linkerd.retries"},
	{reflect.TypeFor[LinkerdTimeouts](), "mesh.linkerd.timeouts"},
	{reflect.TypeFor[LinkerdBreaker](), "mesh.linkerd.breaker"},
	{reflect.TypeFor[Monitoring](), "monitoring"},
	{reflect.TypeFor[Rules](), "monitoring.rules"},
	{reflect.TypeFor[NetworkPolicy](), "networkPolicy"},
}

// Every type that holds values has its table.
func TestEveryTypeIsInTheReference(t *testing.T) {
	var walk func(of reflect.Type)
	seen := map[reflect.Type]bool{}
	walk = func(of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(of.Elem())
		case reflect.Struct:
			if seen[of] {
				return
			}
			seen[of] = true
			if sectionOf(of) == "" && of != reflect.TypeFor[Values]() {
				t.Errorf("%s has no section", of.Name())
			}
			for i := range of.NumField() {
				walk(of.Field(i).Type)
			}
		}
	}
	walk(reflect.TypeFor[Values]())
}

func sectionOf(of reflect.Type) string {
	for _, s := range sections {
		if s.of == of {
			return s.path
		}
	}
	return ""
}

func (r *reference) markdown() string {
	var b strings.Builder
	b.WriteString("# Values of the chart flow\n\n" +
		"Written by `go generate ./internal/values`. The word of flow.yml is what a flow says instead; what has none stands under `x-flow` there, by the name it has here.\n" +
		"Null takes away what another values file said. `values.schema.json` refuses what is not listed here.\n")
	for _, s := range sections {
		title := s.path
		if title == "" {
			title = "top level"
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n\n%s", title, r.comments[s.of.Name()], r.table(s.of, s.path))
	}
	return b.String()
}

// table lists the fields of a type.
func (r *reference) table(of reflect.Type, path string) string {
	var b strings.Builder
	b.WriteString("| value | type | flow.yml | meaning |\n|---|---|---|---|\n")
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Anonymous {
			fmt.Fprintf(&b, "| … | | | and what stands under [%s](%s#%s) |\n", sectionOf(f.Type), page(path), anchor(sectionOf(f.Type)))
			continue
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name(f), r.typeOf(f, path), word(f), strings.ReplaceAll(r.comments[of.Name()+"."+f.Name], "|", "\\|"))
	}
	return b.String()
}

// page is where sections are: VALUES.md itself, or from README.md, which has the top level alone.
func page(path string) string {
	if path == "" {
		return "VALUES.md"
	}
	return ""
}

func name(f reflect.StructField) string {
	n, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return n
}

func word(f reflect.StructField) string {
	switch w := f.Tag.Get("flow"); w {
	case "", "-":
		return ""
	default:
		return "`" + w + "`"
	}
}

// typeOf names the type of a field: what may stand there, and the section that says more.
func (r *reference) typeOf(f reflect.StructField, path string) string {
	if allowed := enum(f.Tag.Get("jsonschema")); len(allowed) > 0 {
		text := "`" + strings.Join(allowed, "`, `") + "`"
		if f.Type.Kind() == reflect.Slice {
			return "list of " + text
		}
		return text
	}
	return r.kind(f.Type, path)
}

func (r *reference) kind(of reflect.Type, path string) string {
	switch of.Kind() {
	case reflect.Pointer:
		return r.kind(of.Elem(), path)
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true, false"
	case reflect.Int:
		return "whole number"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list of " + plural(r.kind(of.Elem(), path))
	case reflect.Map:
		if of.Elem().Kind() == reflect.Interface {
			return "map"
		}
		return "map of " + plural(r.kind(of.Elem(), path))
	case reflect.Struct:
		return fmt.Sprintf("[map](%s#%s)", page(path), anchor(sectionOf(of)))
	}
	return "any"
}

func plural(kind string) string {
	switch kind {
	case "text", "map", "whole number", "number":
		return kind + "s"
	}
	return kind
}

// anchor is how Markdown names a heading in links.
func anchor(title string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(title) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-':
			b.WriteRune(c)
		case c == ' ':
			b.WriteByte('-')
		}
	}
	return b.String()
}

// yaml is everything that can be said, as a comment.
func (r *reference) yaml() string {
	var b strings.Builder
	b.WriteString("# Nothing has to be said, and nothing is said here: the chart's defaults stand in its templates, so that a release that was upgraded with --reuse-values\n" +
		"# has them too. These are all the values there are; VALUES.md has the same as tables. `helm flow values flow.yml` writes those of a flow.\n#\n")
	r.section(&b, reflect.TypeFor[Values](), "", nil)
	b.WriteString("{}\n")
	return b.String()
}

func (r *reference) section(b *strings.Builder, of reflect.Type, indent string, above []reflect.Type) {
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Anonymous {
			r.section(b, f.Type, indent, append(above, of))
			continue
		}
		for _, line := range wrap(r.comments[of.Name()+"."+f.Name], 110-len(indent)) {
			fmt.Fprintf(b, "# %s# %s\n", indent, line)
		}
		if allowed := enum(f.Tag.Get("jsonschema")); len(allowed) > 0 {
			fmt.Fprintf(b, "# %s# One of %s.\n", indent, strings.Join(allowed, ", "))
		}
		inner, key := f.Type, name(f)
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Map {
			if inner.Kind() == reflect.Map && inner.Elem().Kind() == reflect.Pointer {
				fmt.Fprintf(b, "# %s%s:\n", indent, key)
				indent, key = indent+"  ", "NAME"
			} else if inner.Kind() == reflect.Map {
				break
			}
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && !slices.Contains(above, inner) {
			fmt.Fprintf(b, "# %s%s:\n", indent, key)
			r.section(b, inner, indent+"  ", append(above, of))
		} else {
			fmt.Fprintf(b, "# %s%s: %s\n", indent, key, usual(f, inner))
		}
		if key == "NAME" {
			indent = strings.TrimSuffix(indent, "  ")
		}
	}
}

// usual is how YAML writes the default of a field.
func usual(f reflect.StructField, of reflect.Type) string {
	for part := range strings.SplitSeq(f.Tag.Get("jsonschema"), ",") {
		if value, ok := strings.CutPrefix(part, "default="); ok {
			if of.Kind() == reflect.String {
				return strconv.Quote(value)
			}
			return value
		}
	}
	switch of.Kind() {
	case reflect.String:
		return `""`
	case reflect.Bool:
		return "false"
	case reflect.Int, reflect.Float64:
		return "0"
	case reflect.Slice:
		return "[]"
	case reflect.Map, reflect.Struct:
		return "{}"
	}
	return "null"
}

// wrap breaks a text into lines of at most width characters.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimPrefix(line+" "+word, " ")
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
