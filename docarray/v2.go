package docarray

import (
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
)

// fitsV2 refuses fields that v2's documents don't have: a v2 class of the user may give the same name another type.
func (d *Document) fitsV2() error {
	for _, f := range []struct {
		name string
		set  bool
	}{
		{"URI", d.URI != ""},
		{"MimeType", d.MimeType != ""},
		{"Weight", d.Weight != 0},
		{"Scores", len(d.Scores) > 0},
		{"Evaluations", len(d.Evaluations) > 0},
		{"ParentID", d.ParentID != ""},
		{"Granularity", d.Granularity != 0},
		{"Adjacency", d.Adjacency != 0},
		{"Modality", d.Modality != ""},
		{"Offset", d.Offset != 0},
		{"Location", len(d.Location) > 0},
		{"Metadata", len(d.Metadata) > 0},
	} {
		if f.set {
			return fmt.Errorf("%s exists in generation v1 only: put it into Fields under the name that the class has for it", f.name)
		}
	}
	return nil
}

func decodeV2(b []byte, depth int) (*Document, error) {
	d := &Document{Fields: map[string]any{}}
	for f, err := range fields(b) {
		if err != nil {
			return nil, err
		}
		if !f.is(1, protowire.BytesType) {
			d.unknown.keep(V2, f)
			continue
		}
		name, node, err := mapEntry(f.val)
		if err != nil {
			return nil, err
		}
		if d.Fields[name], err = decodeNode(node, depth); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	d.promote()
	return d, nil
}

// promote moves what has a typed field of its own out of Fields. What stays there under such a name is null, empty, or
// of another type, and is written back as it is.
func (d *Document) promote() {
	if id, ok := d.Fields["id"].(Typed); ok && id.Type == "id" {
		d.Fields["id"] = id.Value
	}
	promoteText(d, "id", &d.ID)
	promoteText(d, "text", &d.Text)
	promoteTo(d, "blob", &d.Blob)
	promoteTo(d, "tensor", &d.Tensor)
	promoteTo(d, "embedding", &d.Embedding)
	promoteTo(d, "tags", &d.Tags)
	promoteTo(d, "chunks", &d.Chunks)
	promoteTo(d, "matches", &d.Matches)
	if len(d.Fields) == 0 {
		d.Fields = nil
	}
}

func promoteText(d *Document, name string, to *string) {
	if s, ok := d.Fields[name].(string); ok && s != "" {
		*to = s
		delete(d.Fields, name)
	}
}

func promoteTo[T any](d *Document, name string, to *T) {
	if v, ok := d.Fields[name].(T); ok {
		*to = v
		delete(d.Fields, name)
	}
}

func appendV2(b []byte, d *Document, depth int) ([]byte, error) {
	if err := d.fitsV2(); err != nil {
		return b, err
	}
	fields := maps.Clone(d.Fields)
	if fields == nil {
		fields = map[string]any{}
	}
	set := func(name string, v any, isSet bool) {
		if isSet {
			fields[name] = v
		}
	}
	set("id", Typed{"id", d.ID}, d.ID != "")
	set("text", d.Text, d.Text != "")
	set("blob", d.Blob, d.Blob != nil)
	set("tensor", d.Tensor, d.Tensor != nil)
	set("embedding", d.Embedding, d.Embedding != nil)
	set("tags", d.Tags, d.Tags != nil)
	set("chunks", d.Chunks, d.Chunks != nil)
	set("matches", d.Matches, d.Matches != nil)
	b, err := appendDict(b, fields, depth)
	if err != nil {
		return b, err
	}
	return d.unknown.appendTo(b, V2)
}

// appendDict appends the entries of a DocProto or DictOfAnyProto, sorted by key.
func appendDict(b []byte, m map[string]any, depth int) ([]byte, error) {
	if depth > maxDepth {
		return b, errDepth
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		entry, pos := beginMessage(b, 1)
		entry, err := appendText(entry, 1, key)
		if err == nil {
			entry, err = appendNode(entry, 2, m[key], depth)
		}
		if err != nil {
			return b, fmt.Errorf("%s: %w", key, err)
		}
		b = endMessage(entry, pos)
	}
	return b, nil
}
