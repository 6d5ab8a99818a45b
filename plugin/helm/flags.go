package helm

import (
	"slices"
	"strings"
)

// Flag is a flag of a command line as it was written.
type Flag struct {
	// Name without dashes; of a short flag one letter.
	Name string
	// Words are the one or two arguments that it consists of.
	Words []string
	// Value, if HasValue.
	Value    string
	HasValue bool
}

// booleans are the flags of Helm's install, upgrade and template that take no value, or take one only after an equals sign, in both majors.
// A flag that is not among them takes the next word.
var booleans = []string{
	"atomic", "cleanup-on-fail", "create-namespace", "debug", "dependency-update", "devel", "disable-openapi-validation", "dry-run", "enable-dns",
	"force", "force-conflicts", "force-replace", "g", "generate-name", "h", "help", "hide-notes", "hide-secret", "i", "include-crds",
	"insecure-skip-tls-verify", "install", "is-upgrade", "kube-insecure-skip-tls-verify", "no-hooks", "pass-credentials", "plain-http",
	"release-name", "render-subchart-notes", "replace", "reset-then-reuse-values", "reset-values", "reuse-values", "rollback-on-failure",
	"skip-crds", "skip-schema-validation", "skip-tests", "take-ownership", "validate", "verify", "wait", "wait-for-jobs",
}

// serverSide is boolean for install, and takes a value for upgrade.
const serverSide = "server-side"

// IsBoolean reports whether the flag of Helm's verb takes no value, or takes one only after an equals sign.
func IsBoolean(verb, name string) bool {
	return slices.Contains(booleans, name) || name == serverSide && verb != "upgrade"
}

// Split takes a command line of verb apart into words and flags. isBoolean tells of flags that Helm does not know whether they take no value;
// known is false for flags it does not know either. What stands after -- is Helm's: rest.
func Split(verb string, args []string, isBoolean func(name string) (boolean, known bool)) (words []string, flags []Flag, rest []string) {
	takesValue := func(name string) bool {
		if boolean, known := isBoolean(name); known {
			return !boolean
		}
		return !IsBoolean(verb, name)
	}
	for len(args) > 0 {
		arg := args[0]
		switch {
		case arg == "--":
			return words, flags, args[1:]
		case len(arg) < 2 || arg[0] != '-':
			words = append(words, arg)
			args = args[1:]
			continue
		}
		var f Flag
		if name, isLong := strings.CutPrefix(arg, "--"); isLong {
			f.Name, f.Value, f.HasValue = strings.Cut(name, "=")
		} else {
			f = short(arg[1:], takesValue)
		}
		f.Words = args[:1]
		if !f.HasValue && takesValue(f.Name) && len(args) > 1 {
			f.Words, f.Value, f.HasValue = args[:2], args[1], true
		}
		flags = append(flags, f)
		args = args[len(f.Words):]
	}
	return words, flags, nil
}

// short takes letters apart: flags without value, and at the end one with its value, if that is glued on.
func short(letters string, takesValue func(string) bool) Flag {
	for i := range len(letters) { // bytes, as in pflag
		if name := letters[i : i+1]; takesValue(name) {
			value, hasEquals := strings.CutPrefix(letters[i+1:], "=")
			return Flag{Name: name, Value: value, HasValue: hasEquals || value != ""}
		}
	}
	return Flag{Name: letters[len(letters)-1:]}
}

// renamed are flags that Helm 4 calls otherwise.
var renamed = map[string]string{"atomic": "rollback-on-failure", "force": "force-replace"}

// Translate writes a flag of verb as this Helm wants it, whichever major it was written for.
func (h *Helm) Translate(verb string, f Flag) []string {
	is4 := h.Version.Major >= 4
	for old, now := range renamed {
		switch {
		case f.Name == old && is4:
			return f.as(now)
		case f.Name == now && !is4:
			return f.as(old)
		}
	}
	switch {
	case f.Name == "dry-run" && (!f.HasValue || f.Value == "true"):
		return []string{"--dry-run=client"}
	case f.Name == "dry-run" && f.Value == "false":
		return nil
	case f.Name == "wait" && f.HasValue:
		return h.wait(f)
	case f.Name == "validate" && verb == "template" && is4:
		if f.HasValue && f.Value == "false" {
			return nil
		}
		return []string{"--dry-run=server"}
	}
	return f.Words
}

// wait knows both the booleans of Helm 3 and the strategies of Helm 4.
func (h *Helm) wait(f Flag) []string {
	switch f.Value {
	case "true":
		return []string{"--wait"}
	case "false":
		return nil
	}
	if h.Version.Major >= 4 {
		return f.Words
	}
	switch f.Value {
	case "watcher", "legacy":
		return []string{"--wait"}
	case "hookOnly": // what Helm 3 does without the flag
		return nil
	}
	return f.Words
}

func (f Flag) as(name string) []string {
	if f.HasValue {
		return []string{"--" + name + "=" + f.Value}
	}
	return []string{"--" + name}
}
