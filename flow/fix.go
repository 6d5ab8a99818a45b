package flow

import (
	"bytes"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Edit changes the text of a file: what stands from Start up to, but not at, End gives way to Text.
type Edit struct {
	Start, End Pos
	Text       string
}

// replace writes text where the scalar n stands, in n's quotes. It is nil for scalars that do not stand in the file as they read.
func (r *reader) replace(n *yaml.Node, text string) *Edit {
	start, ok := r.src.offset(pos(n))
	if !ok || n.Kind != yaml.ScalarNode {
		return nil
	}
	for _, written := range []string{n.Value, strconv.Quote(n.Value), "'" + n.Value + "'"} {
		quotes := (len(written) - len(n.Value)) / 2
		if written != "" && bytes.HasPrefix(r.src.text[start:], []byte(written)) {
			return &Edit{r.src.pos(start + quotes), r.src.pos(start + len(written) - quotes), text}
		}
	}
	return nil
}

// rename writes another name for a key of the map in. It is nil if in has a key of that name.
func (r *reader) rename(in, key *yaml.Node, name string) *Edit {
	for other := range pairs(in) {
		if other != key && strings.ReplaceAll(other.Value, "-", "_") == name {
			return nil
		}
	}
	return r.replace(key, name)
}

// suggest notes an edit of what is understood as it stands.
func (r *reader) suggest(edit *Edit) {
	if edit != nil {
		r.edits = append(r.edits, *edit)
	}
}
