package plugin

import (
	"path/filepath"

	"github.com/helm-flow/helm-flow/flow"
)

// The parts of SARIF 2.1.0 that a flow's faults need.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string    `json:"id"`
		ShortDescription sarifText `json:"shortDescription"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID    string          `json:"ruleId"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations"`
		Fixes     []sarifFix      `json:"fixes,omitempty"`
	}
	sarifLocation struct {
		PhysicalLocation sarifPlace `json:"physicalLocation"`
	}
	sarifPlace struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn,omitzero"`
		EndLine     int `json:"endLine,omitzero"`
		EndColumn   int `json:"endColumn,omitzero"`
	}
	sarifFix struct {
		Description     sarifText     `json:"description"`
		ArtifactChanges []sarifChange `json:"artifactChanges"`
	}
	sarifChange struct {
		ArtifactLocation sarifArtifact      `json:"artifactLocation"`
		Replacements     []sarifReplacement `json:"replacements"`
	}
	sarifReplacement struct {
		DeletedRegion   sarifRegion `json:"deletedRegion"`
		InsertedContent sarifText   `json:"insertedContent"`
	}
)

// The two rules: SARIF wants one of each result.
var sarifRules = []sarifRule{
	{"flow/invalid", sarifText{"The flow cannot run as it is written."}},
	{"flow/no-effect", sarifText{"The flow says what has no effect, or what keeps it from a cluster."}},
}

// sarif writes faults and warnings for code scanners.
func sarif(faults, warnings flow.Faults) sarifLog {
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{"helm-flow", Version, sarifRules}},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
	}
	for _, f := range faults {
		run.Results = append(run.Results, sarifOf(f, sarifRules[0].ID, "error"))
	}
	for _, f := range warnings {
		run.Results = append(run.Results, sarifOf(f, sarifRules[1].ID, "warning"))
	}
	return sarifLog{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []sarifRun{run}}
}

func sarifOf(f flow.Fault, rule, level string) sarifResult {
	artifact := sarifArtifact{filepath.ToSlash(f.File)}
	result := sarifResult{RuleID: rule, Level: level, Locations: []sarifLocation{{sarifPlace{ArtifactLocation: artifact}}}}
	place := f
	place.File, place.Line, place.Column = "", 0, 0
	result.Message.Text = place.String()[len(": "):]
	if f.Line > 0 {
		result.Locations[0].PhysicalLocation.Region = &sarifRegion{StartLine: f.Line, StartColumn: f.Column}
	}
	if f.Fix != nil {
		region := sarifRegion{f.Fix.Start.Line, f.Fix.Start.Column, f.Fix.End.Line, f.Fix.End.Column}
		result.Fixes = []sarifFix{{sarifText{f.Cure}, []sarifChange{{artifact, []sarifReplacement{{region, sarifText{f.Fix.Text}}}}}}}
	}
	return result
}
