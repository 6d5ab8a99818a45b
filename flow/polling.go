package flow

import (
	"strings"

	"go.yaml.in/yaml/v3"
)

// pollings are Jina's words, and the numbers that it has for them.
var pollings = map[string]string{"any": "any", "all": "all", "1": "any", "2": "all"}

// polling reads one word for all endpoints, or a map from endpoints to words.
func (r *reader) polling(e *entry) {
	const expected = "any, all, or a map of endpoints to them"
	key, node := e.polling.key, e.polling.node
	if node.Kind == yaml.ScalarNode && !strings.HasPrefix(strings.TrimSpace(node.Value), "{") {
		if word, ok := r.word(key, node, pollings, expected, "all"); ok {
			e.Polling = Field[map[string]string]{map[string]string{"*": word}, pos(node)}
		}
		return
	}
	m, ok := r.mapOf(key, node)
	if !ok {
		return
	}
	words := map[string]string{}
	for endpoint, value := range pairs(m) {
		word, good := r.word(endpoint, value, pollings, "any or all", "all")
		if !good {
			continue
		}
		words[endpoint.Value] = word
		if endpoint.Value != "*" && !strings.HasPrefix(endpoint.Value, "/") {
			r.warn(pos(endpoint), "polling of "+clip(endpoint.Value)+" is for no endpoint: they begin with /", "")
		}
	}
	e.Polling = Field[map[string]string]{words, pos(node)}
}
