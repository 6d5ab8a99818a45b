package plugin

import (
	"net/url"
	"path/filepath"
	"strings"

	"github.com/helm-flow/helm-flow/flow"
)

// sarif gives findings in the Static Analysis Results Interchange Format 2.1.0, which code hosts show beside the lines.
func sarif(faults, warnings flow.Faults) map[string]any {
	results := []map[string]any{}
	for _, f := range findings(faults, warnings) {
		location := map[string]any{"artifactLocation": map[string]any{"uri": uriOf(f.File)}}
		if f.Line > 0 {
			location["region"] = region(f.Line, f.Column)
		}
		result := map[string]any{
			"ruleId": f.Severity, "level": f.Severity, "message": map[string]any{"text": f.message()},
			"locations": []any{map[string]any{"physicalLocation": location}},
		}
		if f.Fix != nil {
			deleted := region(f.Fix.StartLine, f.Fix.StartColumn)
			deleted["endLine"], deleted["endColumn"] = f.Fix.EndLine, f.Fix.EndColumn
			result["fixes"] = []any{map[string]any{"artifactChanges": []any{map[string]any{
				"artifactLocation": location["artifactLocation"],
				"replacements":     []any{map[string]any{"deletedRegion": deleted, "insertedContent": map[string]any{"text": f.Fix.Text}}},
			}}}}
		}
		results = append(results, result)
	}
	rule := func(id, what string) map[string]any {
		return map[string]any{"id": id, "shortDescription": map[string]any{"text": what}}
	}
	return map[string]any{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs": []any{map[string]any{
			"tool": map[string]any{"driver": map[string]any{
				"name": "helm flow lint", "version": Version,
				"rules": []any{rule("error", "The flow cannot run"), rule("warning", "The flow says something without effect, or what a cluster cannot run")},
			}},
			"columnKind": "unicodeCodePoints",
			"results":    results,
		}},
	}
}

// message is the fault without its place.
func (f finding) message() string {
	text := f.What
	if f.Expected != "" {
		text += ", expected " + f.Expected
	}
	if f.Cure != "" {
		text += "; " + f.Cure
	}
	return text
}

func region(line, column int) map[string]any {
	r := map[string]any{"startLine": line}
	if column > 0 {
		r["startColumn"] = column
	}
	return r
}

// uriOf is a path as a relative reference or, if it is absolute, a URL.
func uriOf(path string) string {
	slashed := filepath.ToSlash(path)
	if filepath.IsAbs(path) {
		return (&url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(slashed, "/")}).String()
	}
	return (&url.URL{Path: slashed}).String()
}
