package flow

import (
	"fmt"
	"strings"
)

// Fault is one thing that is wrong with a flow.yml.
type Fault struct {
	File string
	// Line and Column start at 1; 0 is unknown.
	Line, Column int
	// What is wrong; Expected is what was expected instead; Cure is what to do. The last two may be empty.
	What, Expected, Cure string
	// Fix is an edit that mends it; nil where that takes thought.
	Fix *Edit
}

// String is `file:line:column: what, expected …; cure`, without the parts that are unknown or empty.
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	if f.Column > 0 {
		fmt.Fprintf(&b, ":%d", f.Column)
	}
	b.WriteString(": " + f.What)
	if f.Expected != "" {
		b.WriteString(", expected " + f.Expected)
	}
	if f.Cure != "" {
		b.WriteString("; " + f.Cure)
	}
	return b.String()
}

// Faults are all that is wrong with a flow.yml, in the order of its lines. As an error, errors.As finds it.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}
