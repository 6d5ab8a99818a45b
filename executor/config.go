package executor

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"sigs.k8s.io/yaml"
)

// Config is the content of executor.yaml, which the flow's chart writes.
type Config struct {
	// Name of the executor in the flow: what routes, results and parameters for one executor go by.
	Name string `json:"name"`
	// Uses names the class of executor, one of those that the program has; not needed where it has one.
	Uses string `json:"uses,omitempty"`
	// UsesWith are the executor's own parameters.
	UsesWith map[string]any `json:"usesWith"`
}

// loadConfig reads and checks a file.
func loadConfig(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("executor configuration: %w", err)
	}
	c := new(Config)
	if err := yaml.UnmarshalStrict(text, c); err != nil {
		return nil, fmt.Errorf("%s: not an executor configuration: %w; expected name, uses and usesWith", path, err)
	}
	if c.Name == "" {
		return nil, fmt.Errorf("%s: name: is missing; expected the executor's name in the flow", path)
	}
	return c, nil
}

// choose finds the class that the configuration names.
func (c *Config) choose(classes []*Executor) (*Executor, error) {
	if c.Uses == "" && len(classes) == 1 {
		return classes[0], nil
	}
	var names []string
	for _, e := range classes {
		if e.class == c.Uses {
			return e, nil
		}
		names = append(names, e.class)
	}
	slices.Sort(names)
	if c.Uses == "" {
		return nil, fmt.Errorf("uses: is missing; expected one of the executors of this program: %s", strings.Join(names, ", "))
	}
	hint := ""
	if near := nearest(c.Uses, names); near != "" {
		hint = fmt.Sprintf(": did you mean %q?", near)
	}
	return nil, fmt.Errorf("uses: unknown executor %q%s (this program has %s)", c.Uses, hint, strings.Join(names, ", "))
}

// configure hands uses_with to the executor.
func (e *Executor) configure(with map[string]any, log *slog.Logger) error {
	known := fieldNames(e.with)
	for _, key := range slices.Sorted(maps.Keys(with)) {
		if slices.Contains(known, key) {
			continue
		}
		// Python's executors swallow what they don't know.
		log.Warn("usesWith has a key that the executor does not know", "executor", e.class, "key", key, "known", known, "nearest", nearest(key, known))
	}
	if e.with == nil {
		return nil
	}
	for key, v := range with {
		// Large whole numbers come out of YAML as floats, which integer fields would refuse.
		if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			with[key] = int64(f)
		}
	}
	text, err := json.Marshal(with)
	if err != nil {
		return fmt.Errorf("usesWith: %w", err)
	}
	if err := json.Unmarshal(text, e.with); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return fmt.Errorf("usesWith.%s: is %s; executor %s expects %s", wrong.Field, wrong.Value, e.class, wrong.Type)
		}
		return fmt.Errorf("usesWith: %w", err)
	}
	if checker, ok := e.with.(interface{ Check() error }); ok {
		if err := checker.Check(); err != nil {
			return fmt.Errorf("usesWith: %w", err)
		}
	}
	return nil
}

// fieldNames are the JSON names of the fields of the struct that v points to.
func fieldNames(v any) []string {
	if v == nil {
		return nil
	}
	var names []string
	for _, f := range reflect.VisibleFields(reflect.TypeOf(v).Elem()) {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" {
			name = f.Name
		}
		names = append(names, name)
	}
	return names
}

// nearest returns the name that fewest changes of a letter lead to, or nothing if that would be another word.
func nearest(word string, names []string) string {
	best, least := "", len(word)/3+1
	for _, name := range names {
		if d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(name)); d <= least {
			best, least = name, d-1
		}
	}
	return best
}
