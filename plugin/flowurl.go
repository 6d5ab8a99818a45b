package plugin

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/helm-flow/helm-flow/internal/values"
)

// sharedMarker is set where Argo CD renders for many users: nothing but the files of the application is theirs to read.
const sharedMarker, sharedPrefix = "ARGOCD_APP_NAME", "ARGOCD_"

// download prints the values of the flow that a URL names.
func download(env *Env, address string) error {
	confined := env.Getenv(sharedMarker) != ""
	if confined {
		env = withVariables(env, sharedPrefix)
	}
	input := flowInput{env: env}
	path, err := input.parseURL(address)
	if err != nil {
		return fmt.Errorf("%s: %w", withoutQuery(address), err)
	}
	if confined {
		if err := input.confine(path); err != nil {
			return fmt.Errorf("%s: %w", withoutQuery(address), err)
		}
	}
	f, err := input.load(path)
	if err != nil {
		return err
	}
	v, err := input.values(f, values.Options{})
	if err != nil {
		return err
	}
	text, err := marshalValues(v, "yaml")
	if err != nil {
		return err
	}
	_, err = env.Stdout.Write(text)
	return err
}

// withVariables is env with no other variables than those that begin with prefix.
func withVariables(env *Env, prefix string) *Env {
	confined := *env
	confined.LookupEnv = func(name string) (string, bool) {
		if !strings.HasPrefix(name, prefix) {
			return "", false
		}
		return env.LookupEnv(name)
	}
	return &confined
}

// parseURL takes the path out of flow:PATH?FLAG=VALUE&…, and sets the flags.
func (in *flowInput) parseURL(address string) (path string, err error) {
	scheme, rest, _ := strings.Cut(address, ":")
	if !strings.EqualFold(scheme, "flow") {
		return "", errors.New("no flow:// URL")
	}
	path, query, _ := strings.Cut(strings.TrimPrefix(rest, "//"), "?")
	if decoded, err := url.PathUnescape(path); err == nil {
		path = decoded
	}
	switch path {
	case "":
		return "", errors.New("names no file, expected flow://PATH")
	case "-": // a file: Helm lets nothing through on standard input
		path = "." + string(filepath.Separator) + path
	}
	parameters, err := url.ParseQuery(query)
	if err != nil {
		return "", fmt.Errorf("parameters: %w", err)
	}
	flags := pflag.NewFlagSet("flow", pflag.ContinueOnError)
	in.addFlags(flags)
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		flag := flags.Lookup(name)
		if flag == nil {
			var known []string
			flags.VisitAll(func(f *pflag.Flag) { known = append(known, f.Name) })
			return "", fmt.Errorf("unknown parameter %q, expected one of %s", name, strings.Join(known, ", "))
		}
		for _, value := range parameters[name] {
			if value == "" && flag.NoOptDefVal != "" {
				value = flag.NoOptDefVal
			}
			if err := flags.Set(name, value); err != nil {
				return "", fmt.Errorf("parameter %s: %w", name, err)
			}
		}
	}
	if in.readsStdin() {
		return "", errors.New("parameter values: Helm lets nothing through on standard input, expected a file")
	}
	return path, nil
}

// withoutQuery is a URL without its parameters, which may be secrets.
func withoutQuery(address string) string {
	before, _, _ := strings.Cut(address, "?")
	return before
}

// confine refuses files outside of the working directory, also by links.
func (in *flowInput) confine(path string) error {
	if in.allowEnv {
		return errors.New("parameter allow-env: not where Argo CD renders")
	}
	root, err := os.OpenRoot(".")
	if err != nil {
		return err
	}
	defer root.Close()
	files := append([]string{path}, in.user.ValueFiles...)
	if in.hubMap != "" {
		files = append(files, in.hubMap)
	} else {
		files = append(files, filepath.Join(filepath.Dir(path), hubMapName))
	}
	for _, pairs := range in.user.FileValues {
		for pair := range strings.SplitSeq(pairs, ",") {
			_, file, _ := strings.Cut(pair, "=")
			files = append(files, file)
		}
	}
	for _, file := range files {
		if strings.Contains(file, "://") {
			return fmt.Errorf("%s: where Argo CD renders, only files in the working directory are read", withoutQuery(file))
		}
		if _, err := root.Stat(filepath.Clean(file)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("%s: where Argo CD renders, only files in the working directory are read: %w", file, err)
		}
	}
	return nil
}
