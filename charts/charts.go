// Package charts carries the chart inside of the program.
package charts

import "embed"

// Flow holds the chart in its folder flow.
//
//go:embed all:flow
var Flow embed.FS
