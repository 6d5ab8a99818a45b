package flow

import "strings"

// Own is what stands under an `x-flow`: values of the chart as the chart names them, for which Jina has no word. Package values checks them.
type Own struct {
	Field[map[string]any]
	// places are those of all keys and items, by their paths.
	places map[string]Pos
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
