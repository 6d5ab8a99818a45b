package flow

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Edit changes the text of a file: what stands from Start up to, but not at, End gives way to Text.
type Edit struct {
	Start, End Pos
	Text       string
}

// maxFixes bounds how often Fix looks again at what it made.
const maxFixes = 10

// Fix mends what can be mended without a thought in src, a flow.yml, and writes out what is understood but abbreviated or deprecated. It gives the
// new text and the number of edits; comments and layout stay. Templates come back as they are.
func Fix(path string, src []byte, opts Options) (fixed []byte, edits int) {
	for range maxFixes { // names mended in one round let needs be mended in the next
		r := newReader(path, opts)
		r.flow(src)
		if r.src == nil {
			break
		}
		all := slices.Clone(r.edits)
		for _, fault := range r.faults {
			if fault.Fix != nil && fault.File == path {
				all = append(all, *fault.Fix)
			}
		}
		next, applied := r.src.apply(all)
		if applied == 0 {
			break
		}
		after := newReader(path, opts)
		if after.flow(next); len(after.faults) > len(r.faults) && !onlyHidden(r.faults) {
			break
		}
		src, edits = next, edits+applied
	}
	return src, edits
}

// onlyHidden reports whether the faults kept the file from being read further, so that more may come to light without them.
func onlyHidden(faults Faults) bool {
	return slices.ContainsFunc(faults, func(f Fault) bool { return f.Fix != nil })
}

// apply makes the edits, each once, but for those that lie over one another. It gives their number.
func (s *source) apply(edits []Edit) ([]byte, int) {
	type span struct {
		start, end int
		text       string
	}
	var spans []span
	for _, e := range edits {
		start, ok := s.offset(e.Start)
		end, alsoOK := s.offset(e.End)
		if ok && alsoOK && start <= end {
			spans = append(spans, span{start, end, e.Text})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return a.start - b.start })
	var out bytes.Buffer
	at, applied := 0, 0
	for i, e := range spans {
		if e.start < at || i > 0 && e == spans[i-1] {
			continue
		}
		out.Write(s.text[at:e.start])
		out.WriteString(e.text)
		at = e.end
		applied++
	}
	out.Write(s.text[at:])
	return out.Bytes(), applied
}

// verbatim is where the text of the scalar n stands in the file, without quotes; ok is false where the file has it otherwise.
func (r *reader) verbatim(n *yaml.Node) (start int, ok bool) {
	if r.src == nil || n.Kind != yaml.ScalarNode || n.Value == "" {
		return 0, false
	}
	begin, ok := r.src.offset(pos(n))
	if !ok {
		return 0, false
	}
	text := n.Value
	if was, changed := r.written[n]; changed {
		text = was.text
	}
	for _, quoted := range []string{text, strconv.Quote(text), "'" + text + "'"} {
		quotes := (len(quoted) - len(text)) / 2
		if bytes.HasPrefix(r.src.text[begin:], []byte(quoted)) {
			return begin + quotes, true
		}
	}
	return 0, false
}

// within is the place of an index in the text of the scalar n, or n's where the file has that text otherwise.
func (r *reader) within(n *yaml.Node, i int) Pos {
	if start, ok := r.verbatim(n); ok {
		return r.src.pos(start + i)
	}
	return pos(n)
}

// replace writes text where the scalar n stands, in n's quotes. It is nil for scalars that do not stand in the file as they read.
func (r *reader) replace(n *yaml.Node, text string) *Edit {
	return r.replacePart(n, 0, len(n.Value), text)
}

// replacePart is replace for what stands between two indices of n's text.
func (r *reader) replacePart(n *yaml.Node, from, to int, text string) *Edit {
	start, ok := r.verbatim(n)
	if _, changed := r.written[n]; !ok || changed {
		return nil
	}
	return &Edit{r.src.pos(start + from), r.src.pos(start + to), text}
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
