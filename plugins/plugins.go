// Package plugins embeds what makes a second Helm plugin of the same program: Helm 4 takes the command away from a plugin that downloads.
package plugins

import _ "embed" // for FlowGetter

// FlowGetter is the plugin.yaml of the plugin flow-getter, whose program is helm-flow in its folder.
//
//go:embed flow-getter/plugin.yaml
var FlowGetter []byte
