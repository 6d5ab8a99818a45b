package chart

import (
	"bytes"
	"encoding/json"
	"fmt"

	"helm.sh/helm/v3/pkg/cli"
	"helm.sh/helm/v3/pkg/cli/values"
	"helm.sh/helm/v3/pkg/getter"
)

// flowScheme is the URL scheme under which Merge hands Helm the flow's values.
const flowScheme = "helm-flow-values"

// Merge gives flowValues overlaid by what the user says with -f, --set, --set-string, --set-file, --set-json and
// --set-literal, exactly as if flowValues had been the first -f.
func Merge(flowValues map[string]any, user values.Options) (map[string]any, error) {
	text, err := json.Marshal(flowValues)
	if err != nil {
		return nil, fmt.Errorf("values of the flow: %w", err)
	}
	// Helm merges into files in order, and --set into the result, so the flow's values must come as a file.
	providers := append(getter.All(cli.New()), getter.Provider{
		Schemes: []string{flowScheme},
		New:     func(...getter.Option) (getter.Getter, error) { return inMemory(text), nil },
	})
	user.ValueFiles = append([]string{flowScheme + "://"}, user.ValueFiles...)
	merged, err := user.MergeValues(providers)
	if err != nil {
		return nil, fmt.Errorf("values: %w", err)
	}
	return merged, nil
}

// inMemory is a getter of one text.
type inMemory []byte

func (m inMemory) Get(string, ...getter.Option) (*bytes.Buffer, error) {
	return bytes.NewBuffer(m), nil
}
