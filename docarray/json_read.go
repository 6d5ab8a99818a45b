package docarray

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// UnmarshalJSON reads what MarshalJSON writes. Names that are none of Document's own go to Fields, as plain values:
// integers of up to 32 bits are int, other numbers float64.
func (d *Document) UnmarshalJSON(b []byte) error {
	v, err := decodePlain(b)
	if err != nil {
		return err
	}
	if v == nil { // as encoding/json has it
		return nil
	}
	read, err := documentFromPlain(v, 1)
	if err != nil {
		return err
	}
	*d = *read
	return nil
}

// decodePlain reads a JSON value in one pass.
func decodePlain(b []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return plainNumbers(v)
}

func plainNumbers(v any) (_ any, err error) {
	switch v := v.(type) {
	case json.Number:
		if n, err := strconv.ParseInt(v.String(), 10, 32); err == nil {
			return int(n), nil
		}
		return strconv.ParseFloat(v.String(), 64)
	case []any:
		for i := range v {
			if v[i], err = plainNumbers(v[i]); err != nil {
				return nil, err
			}
		}
	case map[string]any:
		for key := range v {
			if v[key], err = plainNumbers(v[key]); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

func documentFromPlain(v any, depth int) (*Document, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	obj, ok := v.(map[string]any)
	if !ok {
		return nil, wrongKind(v, "a document, that is an object")
	}
	d := &Document{}
	targets := d.plainTargets()
	for _, name := range slices.Sorted(maps.Keys(obj)) {
		into, known := targets[name]
		switch v := obj[name]; {
		case !known:
			makeMap(&d.Fields)[name] = v
		case v != nil: // null is as if it were not there
			if err := assignPlain(into, v, depth); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return d, nil
}

// plainTargets are where the fields of documentJSON go.
func (d *Document) plainTargets() map[string]any {
	return map[string]any{
		"id": &d.ID, "parent_id": &d.ParentID, "granularity": &d.Granularity, "adjacency": &d.Adjacency, "text": &d.Text,
		"blob": &d.Blob, "tensor": &d.Tensor, "mime_type": &d.MimeType, "uri": &d.URI, "weight": &d.Weight,
		"tags": &d.Tags, "offset": &d.Offset, "location": &d.Location, "embedding": &d.Embedding,
		"modality": &d.Modality, "evaluations": &d.Evaluations, "scores": &d.Scores, "_metadata": &d.Metadata,
		"chunks": &d.Chunks, "matches": &d.Matches,
	}
}

func assignPlain(into, v any, depth int) (err error) {
	ok := true
	switch into := into.(type) {
	case *string:
		if *into, ok = v.(string); !ok {
			return wrongKind(v, "a string")
		}
	case *uint32:
		n, ok := v.(int)
		if !ok || n < 0 {
			return wrongKind(v, "an integer from 0 on")
		}
		*into = uint32(n)
	case *float32:
		f, ok := number(v)
		if !ok {
			return wrongKind(v, "a number")
		}
		*into = float32(f)
	case *[]byte:
		text, ok := v.(string)
		if !ok {
			return wrongKind(v, "a string in base64")
		}
		*into, err = base64.StdEncoding.DecodeString(text)
	case *map[string]any:
		if *into, ok = v.(map[string]any); !ok {
			return wrongKind(v, "an object")
		}
	case **Tensor:
		*into, err = tensorFromPlain(v)
	default:
		return assignPlainList(into, v, depth)
	}
	return err
}

func assignPlainList(into, v any, depth int) (err error) {
	switch into := into.(type) {
	case *[]float32:
		list, ok := v.([]any)
		if !ok {
			return wrongKind(v, "a list of numbers")
		}
		*into = make([]float32, len(list))
		for i := range list {
			if err := assignPlain(&(*into)[i], list[i], depth); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
	case *List:
		list, ok := v.([]any)
		if !ok {
			return wrongKind(v, "a list of documents")
		}
		*into = make(List, len(list))
		for i := range list {
			if (*into)[i], err = documentFromPlain(list[i], depth+1); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
	case *map[string]Score:
		scores, ok := v.(map[string]any)
		if !ok {
			return wrongKind(v, "an object of scores")
		}
		*into = make(map[string]Score, len(scores))
		for key := range scores {
			if (*into)[key], err = scoreFromPlain(scores[key]); err != nil {
				return fmt.Errorf("%q: %w", key, err)
			}
		}
	}
	return nil
}

func scoreFromPlain(v any) (s Score, err error) {
	obj, ok := v.(map[string]any)
	if !ok {
		return s, wrongKind(v, `an object with "value"`)
	}
	targets := map[string]any{"value": &s.Value, "op_name": &s.OpName, "description": &s.Description, "ref_id": &s.RefID}
	for name, v := range obj {
		into, known := targets[name]
		if !known {
			return s, fmt.Errorf("unknown field %q: expected value, op_name, description or ref_id", name)
		}
		if name == "value" && v == nil {
			s.Value = float32(math.NaN())
		} else if err := assignPlain(into, v, 0); err != nil {
			return s, fmt.Errorf("%s: %w", name, err)
		}
	}
	return s, nil
}

func wrongKind(v any, want string) error {
	text, _ := json.Marshal(v)
	if len(text) > 40 {
		text = append(text[:40], "…"...)
	}
	return fmt.Errorf("%s: expected %s", text, want)
}
