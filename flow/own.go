package flow

import (
	"math"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Own is what stands under an `x-flow`: values of the chart as the chart names them, for which Jina has no word. Package values checks them.
type Own struct {
	Field[map[string]any]
	// places are those of all keys and items, by their paths.
	places map[string]Pos
	// hidden are the texts that came out of variables, as the file has them, by their paths.
	hidden map[string]string
}

// At is the place of what stands at a path, or of the nearest thing above it that the file has. Items of lists are named by their index.
func (o Own) At(path ...string) Pos {
	for ; len(path) > 0; path = path[:len(path)-1] {
		if at, ok := o.places[strings.Join(path, "\x00")]; ok {
			return at
		}
	}
	return o.Pos
}

// Variables is the text at a path as the file has it, if its value came out of variables, and is therefore not to be shown; else it is empty.
func (o Own) Variables(path ...string) string { return o.hidden[strings.Join(path, "\x00")] }

// ownKeys is x-flow. Its values have the types that YAML gives them; Jina does not re-type them, as it does not know them.
type ownKeys struct{ own *Own }

func (t ownKeys) read(r *reader, key, value *yaml.Node) {
	if value.Kind != yaml.MappingNode {
		r.wrong(key, value, "a map", "{}")
		return
	}
	if t.own.Set() {
		r.twice(key, t.own.Pos)
		return
	}
	own := Own{places: map[string]Pos{}, hidden: map[string]string{}}
	v := r.ownTree(&own, value, nil)
	own.Field = Field[map[string]any]{v.(map[string]any), pos(value)}
	*t.own = own
}

func (r *reader) ownTree(own *Own, n *yaml.Node, path []string) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := make(map[string]any, len(n.Content)/2)
		for key, value := range pairs(n) {
			here := append(path[:len(path):len(path)], key.Value)
			own.places[strings.Join(here, "\x00")] = pos(key)
			m[key.Value] = r.ownTree(own, value, here)
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, 0, len(n.Content))
		for i, item := range n.Content {
			here := append(path[:len(path):len(path)], strconv.Itoa(i))
			own.places[strings.Join(here, "\x00")] = pos(item)
			list = append(list, r.ownTree(own, item, here))
		}
		return list
	}
	if was, ok := r.written[n]; ok {
		own.hidden[strings.Join(path, "\x00")] = was.text
		if was.quoted {
			return n.Value
		}
		return plainValue(n.Value)
	}
	return r.ownScalar(n)
}

func (r *reader) ownScalar(n *yaml.Node) any {
	var v any
	if n.Tag == "!!timestamp" || n.Decode(&v) != nil {
		return n.Value
	}
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			r.fault(pos(n), n.Value+" is no number that JSON knows", "a finite number", "change it")
			return nil
		}
	case uint64: // beyond int64
		return float64(v)
	case int64:
		return int(v)
	}
	return v
}
