package flow

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// Bounds of what a file may hold, so that a small file cannot make a large tree.
const (
	maxValues = 250_000
	maxDepth  = 100
	// maxExecutors is far more than a gateway could call.
	maxExecutors = 10_000
	// maxInherited bounds the values that all executors inherit together.
	maxInherited = 1_000_000
)

// parse turns src into a tree free of aliases, merge keys, duplicate keys and foreign tags. It returns nil if there is
// no tree worth reading.
//
// places are where the text comes from if a template made it; nil if it is the file.
func (r *reader) parse(src []byte, places *templatePlaces) *yaml.Node {
	if places == nil {
		r.src = newSource(src)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(src))
	var doc, second yaml.Node
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		r.fault(Pos{}, "the file is empty", "a flow", "begin with `jtype: Flow`")
		return nil
	} else if err != nil {
		r.notYAML(src, err, places)
		return nil
	}
	if places != nil {
		places.move(&doc)
	}
	if err := decoder.Decode(&second); err == nil {
		r.fault(pos(&second), "a second YAML document begins here", "one flow in a file", "move it into a file of its own")
	} else if !errors.Is(err, io.EOF) {
		r.notYAML(src, err, places)
		return nil
	}
	root := doc.Content[0]
	if isNull(root) {
		r.fault(Pos{}, "the file is empty", "a flow", "begin with `jtype: Flow`")
		return nil
	}
	x := expander{r: r, root: root, done: map[*yaml.Node]extent{}}
	size := x.expand(root)
	switch {
	case x.endless != nil:
		r.fault(pos(x.endless), "an alias stands inside of what it stands for", "a finite tree", "remove the alias")
	case size.values > maxValues || x.merged > maxValues:
		r.fault(pos(root), fmt.Sprintf("the file holds more than %d values once its aliases are expanded", maxValues),
			"a flow", "write out what the aliases stand for")
	case size.depth > maxDepth:
		r.fault(pos(root), fmt.Sprintf("values are nested more than %d levels deep", maxDepth), "a flow", "nest them less")
	default:
		return root
	}
	return nil
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

func (r *reader) notYAML(src []byte, err error, places *templatePlaces) {
	at := func(p Pos) Pos {
		if places == nil {
			return p
		}
		return places.of(p)
	}
	for i, line := range bytes.Split(src, []byte("\n")) {
		indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
		if tab := bytes.IndexByte(indent, '\t'); tab >= 0 {
			here := Pos{i + 1, tab + 1}
			fault := r.fault(at(here), "a tab in the indentation", "spaces", "replace each tab by two spaces")
			if places == nil {
				fault.Fix = &Edit{Start: here, End: Pos{here.Line, here.Column + 1}, Text: "  "}
			}
			return
		}
	}
	var line Pos
	what := err.Error()
	if m := yamlError.FindStringSubmatch(what); m != nil {
		what = m[2]
		line.Line, _ = strconv.Atoi(m[1]) // 0 where the parser names no line
	}
	r.fault(at(line), "not YAML: "+clip(what), "a flow in YAML", "mend this line or the one before it")
}

// extent is the size of a subtree whose aliases are expanded.
type extent struct{ values, depth int }

// expander replaces aliases by what they stand for. It visits each node once, and knows the size of the whole before
// anything walks it.
type expander struct {
	r    *reader
	root *yaml.Node
	// done has a zero extent for nodes that are being visited.
	done map[*yaml.Node]extent
	// endless is a node that contains itself.
	endless *yaml.Node
	// merged counts the fields that came in by merge keys.
	merged int
}

func (x *expander) expand(n *yaml.Node) extent {
	if n.Kind == yaml.ScalarNode && len(n.Value) < 64 { // which to look at again costs less than to remember
		x.checkTag(n)
		x.checkText(n)
		return extent{values: 1, depth: 1}
	}
	if size, ok := x.done[n]; ok {
		if size == (extent{}) {
			x.endless = n
		}
		return size
	}
	x.done[n] = extent{}
	x.checkTag(n)
	x.checkText(n)
	size := extent{values: 1, depth: 1}
	for i, child := range n.Content {
		if child.Kind == yaml.AliasNode {
			child = child.Alias
			n.Content[i] = child
		}
		sub := x.expand(child)
		size.values = min(size.values+sub.values, maxValues+1)
		size.depth = max(size.depth, sub.depth+1)
	}
	if n.Kind == yaml.MappingNode && x.endless == nil {
		x.checkKeys(n)
	}
	x.done[n] = size
	return size
}

func (x *expander) checkTag(n *yaml.Node) {
	switch n.Tag {
	case "!!map", "!!seq", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!merge":
		return
	}
	if n != x.root {
		x.r.fault(pos(n), fmt.Sprintf("the tag %q", clip(n.Tag)), "a value without a tag",
			"remove the tag; name a class in `uses` and its arguments in `uses_with`")
	}
}

// checkText refuses characters that neither a process's environment nor every YAML reader takes.
func (x *expander) checkText(n *yaml.Node) {
	if c, found := controlCharacter(n.Value); found {
		x.r.fault(pos(n), fmt.Sprintf("a text holds the control character %U", c), "text", "remove it")
	}
}

func controlCharacter(text string) (rune, bool) {
	for _, c := range text {
		if unicode.IsControl(c) && !strings.ContainsRune("\t\n\r", c) || strings.ContainsRune("\u2028\u2029\uFFFE\uFFFF", c) {
			return c, true
		}
	}
	return 0, false
}

// checkKeys faults keys that are no names or stand twice, and puts the fields of merge keys in their place.
func (x *expander) checkKeys(n *yaml.Node) {
	lines := make(map[string]int, len(n.Content)/2)
	var own, merged []*yaml.Node
	for key, value := range pairs(n) {
		switch first, twice := lines[key.Value]; {
		case key.Kind != yaml.ScalarNode:
			x.r.fault(pos(key), "a key is "+x.r.describe(key), "a name", "write a word before the colon")
		case key.Tag == "!!merge":
			merged = append(merged, value)
		case twice:
			x.r.fault(pos(key), fmt.Sprintf("%q stands twice in one map, first on line %d", clip(key.Value), first),
				"each key once", "remove one of them")
		default:
			lines[key.Value] = key.Line
			own = append(own, key, value)
		}
	}
	n.Content = own
	for _, value := range merged {
		sources := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			sources = value.Content
		}
		for _, source := range sources {
			if source.Kind != yaml.MappingNode {
				x.r.fault(pos(source), "a merge key takes "+x.r.describe(source), "a map", "write `<<: *anchor` of a map")
				continue
			}
			if x.merged += len(source.Content); x.merged > maxValues {
				return
			}
			for key, value := range pairs(source) {
				if _, has := lines[key.Value]; !has {
					lines[key.Value] = key.Line
					n.Content = append(n.Content, key, ofItsOwn(value))
				}
			}
		}
	}
}

// ofItsOwn is a scalar that a merge key brought along, for its new map: ${{this.x}} means something else in each.
func ofItsOwn(n *yaml.Node) *yaml.Node {
	if n.Kind != yaml.ScalarNode {
		return n
	}
	copied := *n
	return &copied
}

// countValues is the number of values in a tree, to its bound.
func countValues(n *yaml.Node) int {
	if n == nil {
		return 0
	}
	total := 1
	for _, child := range n.Content {
		if total += countValues(child); total > maxValues {
			break
		}
	}
	return total
}

// pairs are the keys and values of a map.
func pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(k, v *yaml.Node) bool) {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

func pos(n *yaml.Node) Pos { return Pos{n.Line, n.Column} }

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// isEmpty reports whether a value says nothing: Jina makes null of an empty text.
func isEmpty(n *yaml.Node) bool { return isNull(n) || n.Kind == yaml.ScalarNode && n.Value == "" }

// isPlain reports whether a scalar stands in the file without quotes, and as it reads.
func (r *reader) isPlain(n *yaml.Node) bool {
	const quotes = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	_, substituted := r.written[n]
	return n.Style&quotes == 0 && !substituted && !(n.Tag == "!!str" && n.Style&yaml.TaggedStyle != 0)
}

// describe says what a node is, for faults; of scalars it shows the text as the file has it.
func (r *reader) describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a map"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(n):
		return "empty"
	}
	return r.show(n, n.Value)
}

// show is a text that was made of the scalar n, in quotes. What came out of variables is a secret: their names are shown instead.
func (r *reader) show(n *yaml.Node, text string) string {
	if was, ok := r.written[n]; ok {
		return clip(was.text)
	}
	if action, ok := r.rendered[n]; ok {
		return clip(action)
	}
	return strconv.Quote(clip(text))
}

// clip keeps faults readable whatever the file holds.
func clip(s string) string {
	const most = 60
	if r := []rune(strings.ToValidUTF8(s, "?")); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
