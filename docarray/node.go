package docarray

import (
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Set is a v2 field of Python's type set.
type Set []any

// Tuple is a v2 field of Python's type tuple.
type Tuple []any

// Typed is a v2 text or blob that Python reads into a class of its own, such as Typed{"image_url", "https://…"} or
// Typed{"audio_bytes", []byte{…}}. Python refuses a document with a Type that it doesn't know.
type Typed struct {
	Type  string
	Value any // string or []byte
}

// Opaque is a v2 value that this package cannot read without loss, as it stands on the wire (a NodeProto).
type Opaque []byte

// Field numbers of NodeProto.
const (
	nodeText     = 1
	nodeInteger  = 2
	nodeFloat    = 3
	nodeBoolean  = 4
	nodeBlob     = 5
	nodeNdArray  = 6
	nodeDoc      = 7
	nodeDocArray = 8
	nodeList     = 9
	nodeSet      = 10
	nodeTuple    = 11
	nodeDict     = 12
	nodeType     = 13
)

var nodeWireTypes = [...]protowire.Type{
	nodeText:     protowire.BytesType,
	nodeInteger:  protowire.VarintType,
	nodeFloat:    protowire.Fixed64Type,
	nodeBoolean:  protowire.VarintType,
	nodeBlob:     protowire.BytesType,
	nodeNdArray:  protowire.BytesType,
	nodeDoc:      protowire.BytesType,
	nodeDocArray: protowire.BytesType,
	nodeList:     protowire.BytesType,
	nodeSet:      protowire.BytesType,
	nodeTuple:    protowire.BytesType,
	nodeDict:     protowire.BytesType,
	nodeType:     protowire.BytesType,
}

// splitNode finds a NodeProto's content and type. A node without content is null. It is not known if it has fields
// that this package doesn't know.
func splitNode(b []byte) (content field, typ string, known bool, err error) {
	known = true
	for f, err := range fields(b) {
		if err != nil {
			return content, typ, known, err
		}
		switch {
		case int(f.num) >= len(nodeWireTypes) || f.typ != nodeWireTypes[f.num]:
			known = false
		case f.num == nodeType:
			if typ, err = f.text(); err != nil {
				return content, typ, known, err
			}
		default:
			content = f
		}
	}
	return content, typ, known, nil
}

func decodeNode(b []byte, depth int) (any, error) {
	content, typ, known, err := splitNode(b)
	if err != nil {
		return nil, err
	}
	if !known {
		return Opaque(b), nil
	}
	v, err := decodeContent(content, depth)
	if err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case lossy:
		return Opaque(b), nil
	case *Tensor:
		v.Type = typ
		return v, nil
	case string, []byte:
		if typ != "" {
			return Typed{typ, v}, nil
		}
	}
	if typ != "" {
		return Opaque(b), nil
	}
	return v, nil
}

// lossy stands for a value with fields inside that this package doesn't know.
type lossy struct{}

func decodeContent(f field, depth int) (any, error) {
	switch f.num {
	case nodeText:
		return f.text()
	case nodeInteger:
		return int(int32(f.uint())), nil
	case nodeFloat:
		return math.Float64frombits(f.uint()), nil
	case nodeBoolean:
		return protowire.DecodeBool(f.uint()), nil
	case nodeBlob:
		return f.val, nil
	case nodeNdArray:
		return decodeTensor(V2, f.val)
	case nodeDoc:
		return decodeDocument(V2, f.val, depth+1)
	case nodeDocArray:
		return decodeNodeList(f.val, depth+1, List{}, func(b []byte) (*Document, error) {
			return decodeDocument(V2, b, depth+1)
		})
	case nodeList, nodeSet, nodeTuple:
		v, err := decodeNodeList(f.val, depth+1, []any{}, func(b []byte) (any, error) { return decodeNode(b, depth+1) })
		list, ok := v.([]any)
		switch {
		case err != nil || !ok:
			return v, err
		case f.num == nodeSet:
			return Set(list), nil
		case f.num == nodeTuple:
			return Tuple(list), nil
		}
		return list, nil
	case nodeDict:
		return decodeDict(f.val, depth+1)
	}
	return nil, nil
}

// decodeNodeList reads a message whose only field is the repeated field 1.
func decodeNodeList[L ~[]E, E any](b []byte, depth int, list L, decode func([]byte) (E, error)) (any, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	for f, err := range fields(b) {
		if err != nil {
			return nil, err
		}
		if !f.is(1, protowire.BytesType) {
			return lossy{}, nil
		}
		v, err := decode(f.val)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", len(list), err)
		}
		list = append(list, v)
	}
	return list, nil
}

func decodeDict(b []byte, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	dict := map[string]any{}
	for f, err := range fields(b) {
		if err != nil {
			return nil, err
		}
		if !f.is(1, protowire.BytesType) {
			return lossy{}, nil
		}
		key, node, err := mapEntry(f.val)
		if err != nil {
			return nil, err
		}
		if dict[key], err = decodeNode(node, depth); err != nil {
			return nil, fmt.Errorf("%q: %w", key, err)
		}
	}
	return dict, nil
}

// appendNode appends v as the NodeProto field num.
func appendNode(b []byte, num protowire.Number, v any, depth int) ([]byte, error) {
	b, pos := beginMessage(b, num)
	b, err := appendContent(b, v, depth)
	if err != nil {
		return b, err
	}
	return endMessage(b, pos), nil
}

func appendContent(b []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return b, nil
	case Opaque:
		return append(b, v...), nil
	case string:
		return appendText(b, nodeText, v)
	case bool:
		return protowire.AppendVarint(protowire.AppendTag(b, nodeBoolean, protowire.VarintType), protowire.EncodeBool(v)), nil
	case int:
		return appendInteger(b, int64(v))
	case int32:
		return appendInteger(b, int64(v))
	case int64:
		return appendInteger(b, v)
	case float32:
		return appendDouble(b, float64(v)), nil
	case float64:
		return appendDouble(b, v), nil
	case []byte:
		return appendBytes(b, nodeBlob, v), nil
	case Typed:
		return appendTyped(b, v)
	case *Tensor:
		return appendNodeTensor(b, v)
	case *Document:
		return appendDocument(b, nodeDoc, V2, v, depth+1)
	}
	return appendContainer(b, v, depth+1)
}

func appendContainer(b []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case []any:
		return appendNodeList(b, nodeList, v, depth)
	case []string:
		return appendNodeList(b, nodeList, v, depth)
	case Set:
		return appendNodeList(b, nodeSet, v, depth)
	case Tuple:
		return appendNodeList(b, nodeTuple, v, depth)
	case List:
		b, pos := beginMessage(b, nodeDocArray)
		b, err := appendList(b, 1, V2, v, depth)
		if err != nil {
			return b, err
		}
		return endMessage(b, pos), nil
	case map[string]any:
		b, pos := beginMessage(b, nodeDict)
		b, err := appendDict(b, v, depth)
		if err != nil {
			return b, err
		}
		return endMessage(b, pos), nil
	}
	return b, fmt.Errorf("a %T cannot stand in a document of generation v2", v)
}

func appendInteger(b []byte, v int64) ([]byte, error) {
	if v != int64(int32(v)) {
		return b, fmt.Errorf("%d does not fit the 32 bits of an integer in generation v2: make it a float64 or a string", v)
	}
	return protowire.AppendVarint(protowire.AppendTag(b, nodeInteger, protowire.VarintType), uint64(v)), nil
}

func appendDouble(b []byte, v float64) []byte {
	return protowire.AppendFixed64(protowire.AppendTag(b, nodeFloat, protowire.Fixed64Type), math.Float64bits(v))
}

func appendTyped(b []byte, v Typed) ([]byte, error) {
	switch value := v.Value.(type) {
	case string:
		var err error
		if b, err = appendText(b, nodeText, value); err != nil {
			return b, err
		}
	case []byte:
		b = appendBytes(b, nodeBlob, value)
	default:
		return b, fmt.Errorf("a Typed value of type %T: expected string or []byte", v.Value)
	}
	return appendPlainText(b, nodeType, v.Type)
}

func appendNodeTensor(b []byte, t *Tensor) ([]byte, error) {
	if t == nil {
		return b, nil
	}
	b, err := appendTensor(b, nodeNdArray, V2, t)
	if err != nil {
		return b, err
	}
	class := t.Type
	if class == "" {
		class = "ndarray"
	}
	return appendText(b, nodeType, class)
}

func appendNodeList[L ~[]E, E any](b []byte, num protowire.Number, list L, depth int) ([]byte, error) {
	if depth > maxDepth {
		return b, errDepth
	}
	b, pos := beginMessage(b, num)
	for i, v := range list {
		var err error
		if b, err = appendNode(b, 1, v, depth); err != nil {
			return b, fmt.Errorf("[%d]: %w", i, err)
		}
	}
	return endMessage(b, pos), nil
}
