package plugin

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	helmvalues "helm.sh/helm/v3/pkg/cli/values"
	"sigs.k8s.io/yaml"

	"github.com/helm-flow/helm-flow/flow"
)

const (
	// maxStdin is more than flow.Read takes, in bytes, so that it is flow.Read which says what is too much.
	maxStdin = 2 << 20
	// stdinName is what faults begin with; the folder of it, for relative paths in the flow, is the working directory.
	stdinName = "<stdin>"
	// hubMapName is the file beside a flow that says which images URIs of Jina's Hub are.
	hubMapName = "flow.hub.yaml"
)

// flowInput are the flags of a command that reads flows, and what they say.
type flowInput struct {
	env         *Env
	hubMap      string
	hubTemplate string
	lenient     bool
	allowEnv    bool
	context     map[string]string
	// user are Helm's flags for values.
	user helmvalues.Options
	// userValues are what user says, once a template has asked for it: standard input can be read only once.
	userValues map[string]any
}

// valueFlags are the names of Helm's flags for values.
var valueFlags = []string{"values", "set", "set-string", "set-file", "set-json", "set-literal"}

// addFlags adds the flags to a command's.
func (in *flowInput) addFlags(flags *pflag.FlagSet) {
	flags.StringVar(&in.hubMap, "hub-map", "", "file with the images of executors of Jina's Hub (default "+hubMapName+" beside the flow)")
	flags.StringVar(&in.hubTemplate, "hub-template", "", "image of every other executor of the Hub, such as registry.example/{user}/{name}:{tag}")
	flags.BoolVar(&in.lenient, "lenient", false, "unknown fields are warnings")
	flags.BoolVar(&in.allowEnv, "allow-env", false, "templates may call env and expandenv")
	flags.StringToStringVar(&in.context, "context", nil, "values of ${{ CONTEXT.x }}: x=value")

	// Those of valueFlags.
	flags.StringSliceVarP(&in.user.ValueFiles, "values", "f", nil, "values in a YAML file or a URL (can specify multiple)")
	flags.StringArrayVar(&in.user.Values, "set", nil, "set values on the command line (can specify multiple or separate values with commas: key1=val1,key2=val2)")
	flags.StringArrayVar(&in.user.StringValues, "set-string", nil, "set STRING values on the command line")
	flags.StringArrayVar(&in.user.FileValues, "set-file", nil, "set values from files: key1=path1,key2=path2")
	flags.StringArrayVar(&in.user.JSONValues, "set-json", nil, "set JSON values on the command line")
	flags.StringArrayVar(&in.user.LiteralValues, "set-literal", nil, "set a literal STRING value on the command line")
}

// flowArg is the check of a command's arguments, when they are one flow.
func flowArg(cmd *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
		return fmt.Errorf("%s needs a flow: the path of a flow.yml, or - for standard input", cmd.CommandPath())
	case 1:
		return nil
	}
	return fmt.Errorf("%s takes one flow, got %d arguments", cmd.CommandPath(), len(args))
}

// read reads the flow at path, - being standard input. What is wrong with the flow, or with what it refers to, is a flow.Faults.
func (in *flowInput) read(path string) (*flow.Flow, error) {
	opts, err := in.options(path)
	if err != nil {
		return nil, err
	}
	if path != "-" {
		return flow.ReadFile(path, opts)
	}
	src, err := io.ReadAll(io.LimitReader(in.env.Stdin, maxStdin))
	if err != nil {
		return nil, flow.Faults{{File: stdinName, What: fmt.Sprintf("cannot be read: %v", err)}}
	}
	return flow.Read(stdinName, src, opts)
}

// load is read for commands whose result is not what is wrong with the flow: warnings go to stderr.
func (in *flowInput) load(path string) (*flow.Flow, error) {
	f, err := in.read(path)
	if err != nil {
		return nil, err
	}
	printFaults(in.env.Stderr, asWarnings(f.Warnings))
	return f, nil
}

func (in *flowInput) options(path string) (flow.Options, error) {
	opts := flow.Options{LookupEnv: in.env.LookupEnv, Context: in.context, TemplateEnv: in.allowEnv, Lenient: in.lenient}
	var err error
	if opts.Hub, err = in.hub(path); err != nil {
		return opts, err
	}
	if isTemplate(path) {
		opts.Values, err = in.templateValues()
	}
	return opts, err
}

// hub reads the hub map that the user names, or the one beside the flow, if there is one.
func (in *flowInput) hub(path string) (flow.HubMap, error) {
	file := in.hubMap
	if file == "" {
		file = filepath.Join(filepath.Dir(path), hubMapName)
	}
	var hub flow.HubMap
	text, err := os.ReadFile(file)
	switch {
	case err == nil:
		if err := yaml.UnmarshalStrict(text, &hub); err != nil {
			return hub, flow.Faults{{File: file, What: "no hub map: " + strings.TrimPrefix(err.Error(), "error unmarshaling JSON: "),
				Expected: "images, a map from URIs to images, and template"}}
		}
	case in.hubMap != "" || !errors.Is(err, fs.ErrNotExist):
		return hub, fmt.Errorf("hub map: %w", err)
	}
	if in.hubTemplate != "" {
		hub.Template = in.hubTemplate
	}
	return hub, nil
}

// isTemplate reports whether package flow takes the file for a Go template.
func isTemplate(path string) bool {
	return strings.HasSuffix(path, ".tmpl") || strings.HasSuffix(path, ".gotmpl")
}

// readsStdin reports whether a -f names standard input.
func (in *flowInput) readsStdin() bool {
	return slices.ContainsFunc(in.user.ValueFiles, func(file string) bool { return strings.TrimSpace(file) == "-" })
}
