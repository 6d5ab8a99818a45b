package plugin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	helmplugin "helm.sh/helm/v3/pkg/plugin"
	"sigs.k8s.io/yaml"
)

// installed is a plugin in one of Helm's folders for plugins.
type installed struct {
	dir           string
	name, version string
	// onlyHelm4 is why Helm 3 cannot read it; empty if it can.
	onlyHelm4 string
}

// installedPlugins reads the plugins of all folders as far as they can be read.
func (e *Env) installedPlugins() (all []installed, faults []diagnosis) {
	for _, folder := range filepath.SplitList(e.helm.PluginsDirectory) {
		// A folder that is not there has no plugins.
		files, _ := filepath.Glob(filepath.Join(folder, "*", helmplugin.PluginFileName))
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				faults = append(faults, diagnosis{Status: broken, What: err.Error(), Cure: "let it be read, or remove its folder"})
				continue
			}
			p := installed{dir: filepath.Dir(file)}
			var strict helmplugin.Metadata
			if err := yaml.UnmarshalStrict(text, &strict); err != nil {
				p.onlyHelm4 = strings.TrimPrefix(err.Error(), "error unmarshaling JSON: while decoding JSON: json: ")
			}
			var lenient struct{ Name, Version string }
			if err := yaml.Unmarshal(text, &lenient); err != nil {
				faults = append(faults, diagnosis{Status: broken, What: file + " is no YAML, so Helm 3 loads no plugin at all", Cure: "remove " + p.dir})
				continue
			}
			p.name, p.version = lenient.Name, lenient.Version
			all = append(all, p)
		}
	}
	return all, faults
}

// checkPlugins looks for what keeps Helm from loading plugins: ours, or all of them.
func checkPlugins(_ context.Context, c *doctorCommand) []diagnosis {
	all, found := c.env.installedPlugins()
	byName := make(map[string][]installed)
	for _, p := range all {
		byName[p.name] = append(byName[p.name], p)
		if p.onlyHelm4 != "" {
			found = append(found, diagnosis{Status: doubtful, What: fmt.Sprintf("%s cannot be read by Helm 3, which then loads no plugin at all: %s", p.dir, p.onlyHelm4),
				Cure: fmt.Sprintf("with Helm 3, keep %s in a folder of its own and name it in HELM_PLUGINS for Helm 4 alone", p.name)})
		}
	}
	for _, p := range all {
		if same := byName[p.name]; len(same) > 1 && same[0].dir == p.dir {
			var dirs []string
			for _, other := range same {
				dirs = append(dirs, other.dir)
			}
			found = append(found, diagnosis{Status: broken, What: fmt.Sprintf("%d plugins are called %s, so Helm loads none at all: %s", len(same), p.name,
				strings.Join(dirs, ", ")), Cure: "remove all of these folders but one"})
		}
	}
	found = append(found, c.env.checkOurs(byName["flow"], "helm plugin install, as docs/plugin.md says")...)
	if getter := byName[getterName]; len(getter) > 0 {
		found = append(found, c.env.checkOurs(getter, "helm flow getter install")...)
		if _, err := os.Stat(filepath.Join(getter[0].dir, getterProgram)); err != nil {
			found = append(found, diagnosis{Status: broken, What: getterName + " has lost its program: " + err.Error(), Cure: "helm flow getter install"})
		}
	}
	if !slices.ContainsFunc(found, func(d diagnosis) bool { return d.Status != unchecked }) {
		found = append(found, diagnosis{Status: healthy, What: plural(len(all), "plugin") + " in " + c.env.helm.PluginsDirectory})
	}
	return found
}

// checkOurs compares an installed plugin of ours with this program.
func (e *Env) checkOurs(plugins []installed, install string) []diagnosis {
	switch {
	case len(plugins) == 0:
		return one(unchecked, "Helm does not have this plugin; this program works alone", "")
	case plugins[0].version != Version:
		return one(doubtful, fmt.Sprintf("%s is version %s, and this program %s", plugins[0].dir, plugins[0].version, Version), install)
	}
	return nil
}
