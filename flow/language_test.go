package flow_test

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/helm-flow/helm-flow/flow"
	"github.com/helm-flow/helm-flow/internal/values"
)

const languageFile = "../docs/flow-language.md"

// becomes are the values that fields turn into whose types have no word of flow.yml for them.
var becomes = map[string]string{
	"executor.name": "executors.NAME", "executor.uses": "image, or uses of a built-in", "executor.uses_before": "usesBefore", "executor.uses_after": "usesAfter",
	"executor.host": "external.addresses", "executor.port": "external.addresses", "executor.tls": "external.addresses", "executor.external": "external.addresses",
	"executor.protocol": "", "executor.native": "", "executor.method": "", "executor.x_flow": "values by their names",
	"gateway.uses": "image", "gateway.protocol": "ports", "gateway.name": "",
	"traces_exporter_host": "traces.host", "traces_exporter_port": "traces.port", "metrics_exporter_host": "metrics.host", "metrics_exporter_port": "metrics.port",
	"tracing": "traces.enabled", "metrics": "metrics.enabled", "port_monitoring": "", "provider": "",
}

// The tables of docs/flow-language.md are what the reader knows; the text around them is written by hand.
func TestLanguageReference(t *testing.T) {
	text, err := os.ReadFile(languageFile)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	for section, fields := range flow.Reference() {
		begin, end := "<!-- fields of "+section+" -->\n", "<!-- end of "+section+" -->"
		before, rest, ok := strings.Cut(got, begin)
		_, after, also := strings.Cut(rest, end)
		if !ok || !also {
			t.Fatalf("%s has no place for the fields of %s", languageFile, section)
		}
		got = before + begin + table(t, section, fields) + end + after
	}
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(languageFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != string(text) {
		t.Errorf("%s is not what the reader knows; go test ./flow -update writes it", languageFile)
	}
}

func table(t *testing.T, section string, fields []flow.FieldReference) string {
	t.Helper()
	withValues := section == "gateway" || section == "executor"
	var b strings.Builder
	b.WriteString("| field | value | default | meaning |" + column(withValues, " becomes |") + "\n|---|---|---|---|" + column(withValues, "---|") + "\n")
	noEffect := map[string][]string{}
	var reasons []string
	for _, f := range fields {
		if f.NoEffect != "" {
			if noEffect[f.NoEffect] == nil {
				reasons = append(reasons, f.NoEffect)
			}
			noEffect[f.NoEffect] = append(noEffect[f.NoEffect], names(f))
			continue
		}
		if f.Meaning == "" || f.Type == "" {
			t.Errorf("%s.%s is not described", section, f.Name)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |", names(f), cell(f.Type), cell(f.Default), cell(f.Meaning))
		if withValues {
			fmt.Fprintf(&b, " %s |", becomesOf(t, section, f))
		}
		b.WriteString("\n")
	}
	if len(reasons) > 0 {
		b.WriteString("\nWithout effect, each with one warning:\n\n")
	}
	for _, why := range reasons {
		fmt.Fprintf(&b, "- %s: %s.\n", strings.Join(noEffect[why], ", "), why)
	}
	return b.String()
}

func column(there bool, text string) string {
	if there {
		return text
	}
	return ""
}

func names(f flow.FieldReference) string {
	name := strings.ReplaceAll(f.Name, "x_flow", "x-flow")
	for _, alias := range f.Aliases {
		name += "`, `" + alias
	}
	return "`" + name + "`"
}

func cell(text string) string {
	if text == "" {
		return ""
	}
	return strings.NewReplacer("|", `\|`, "<", `\<`).Replace(text)
}

// becomesOf is the path in the chart's values, from the gateway's or the executor's on.
func becomesOf(t *testing.T, section string, f flow.FieldReference) string {
	t.Helper()
	for _, key := range []string{section + "." + f.Name, f.Name} {
		if path, ok := becomes[key]; ok {
			if path == "" || strings.Contains(path, " ") {
				return path
			}
			return "`" + path + "`"
		}
	}
	if f.Argument {
		return "`args." + f.Name + "`"
	}
	types := map[string]reflect.Type{"gateway": reflect.TypeFor[values.Gateway](), "executor": reflect.TypeFor[values.Executor]()}
	if path := valuePath(types[section], f.Name); path != "" {
		return "`" + path + "`"
	}
	t.Errorf("no value of the chart has the word %s of a flow's %s", f.Name, section)
	return ""
}

// valuePath finds the field whose tag has the word.
func valuePath(t reflect.Type, word string) string {
	if t.Kind() != reflect.Struct {
		return ""
	}
	for _, field := range reflect.VisibleFields(t) {
		if field.Anonymous {
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if field.Tag.Get("flow") == word {
			return name
		}
		if inner := valuePath(field.Type, word); inner != "" && field.Tag.Get("flow") == "" {
			return name + "." + inner
		}
	}
	return ""
}
