package docarray

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers of google.protobuf.Value.
const (
	valueNull   = 1
	valueNumber = 2
	valueString = 3
	valueBool   = 4
	valueStruct = 5
	valueList   = 6
)

// decodeStruct reads a google.protobuf.Struct. Of a repeated key the last value counts.
func decodeStruct(b []byte, into map[string]any, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	for f, err := range fields(b) {
		if err != nil {
			return err
		}
		if !f.is(1, protowire.BytesType) {
			continue
		}
		key, value, err := mapEntry(f.val)
		if err != nil {
			return err
		}
		if into[key], err = decodeValue(value, depth); err != nil {
			return fmt.Errorf("%q: %w", key, err)
		}
	}
	return nil
}

func decodeValue(b []byte, depth int) (v any, err error) {
	for f, err := range fields(b) {
		if err != nil {
			return nil, err
		}
		switch {
		case f.is(valueNull, protowire.VarintType):
			v = nil
		case f.is(valueNumber, protowire.Fixed64Type):
			v = math.Float64frombits(f.uint())
		case f.is(valueString, protowire.BytesType):
			v, err = f.text()
		case f.is(valueBool, protowire.VarintType):
			v = protowire.DecodeBool(f.uint())
		case f.is(valueStruct, protowire.BytesType):
			m := map[string]any{}
			v, err = m, decodeStruct(f.val, m, depth+1)
		case f.is(valueList, protowire.BytesType):
			v, err = decodeValues(f.val, depth+1)
		}
		if err != nil {
			return nil, err
		}
	}
	return v, nil
}

func decodeValues(b []byte, depth int) ([]any, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	list := []any{}
	for f, err := range fields(b) {
		if err != nil {
			return nil, err
		}
		if !f.is(1, protowire.BytesType) {
			continue
		}
		v, err := decodeValue(f.val, depth)
		if err != nil {
			return nil, fmt.Errorf("[%d]: %w", len(list), err)
		}
		list = append(list, v)
	}
	return list, nil
}

// appendStruct appends the entries of a google.protobuf.Struct, sorted by key.
func appendStruct(b []byte, m map[string]any, depth int) ([]byte, error) {
	if depth > maxDepth {
		return b, errDepth
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		entry, err := appendStructEntry(b, key, m[key], depth)
		if err != nil {
			return b, fmt.Errorf("%q: %w", key, err)
		}
		b = entry
	}
	return b, nil
}

func appendStructEntry(b []byte, key string, v any, depth int) ([]byte, error) {
	b, pos := beginMessage(b, 1)
	b, err := appendText(b, 1, key)
	if err != nil {
		return b, err
	}
	b, value := beginMessage(b, 2)
	if b, err = appendValue(b, v, depth); err != nil {
		return b, err
	}
	return endMessage(endMessage(b, value), pos), nil
}

func appendValue(b []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(protowire.AppendTag(b, valueNull, protowire.VarintType), 0), nil
	case bool:
		return protowire.AppendVarint(protowire.AppendTag(b, valueBool, protowire.VarintType), protowire.EncodeBool(v)), nil
	case string:
		return appendText(b, valueString, v)
	case map[string]any:
		b, pos := beginMessage(b, valueStruct)
		b, err := appendStruct(b, v, depth+1)
		if err != nil {
			return b, err
		}
		return endMessage(b, pos), nil
	case []any:
		return appendValues(b, v, depth+1)
	}
	n, ok := number(v)
	if !ok {
		return b, fmt.Errorf("a %T cannot stand in tags: expected nil, bool, number, string, []any or map[string]any", v)
	}
	return protowire.AppendFixed64(protowire.AppendTag(b, valueNumber, protowire.Fixed64Type), math.Float64bits(n)), nil
}

func appendValues(b []byte, list []any, depth int) ([]byte, error) {
	if depth > maxDepth {
		return b, errDepth
	}
	b, pos := beginMessage(b, valueList)
	for i, v := range list {
		item, at := beginMessage(b, 1)
		item, err := appendValue(item, v, depth)
		if err != nil {
			return b, fmt.Errorf("[%d]: %w", i, err)
		}
		b = endMessage(item, at)
	}
	return endMessage(b, pos), nil
}

// number converts the kinds of number that Go programs and JSON decoders hold.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case int:
		return float64(v), true
	case int32:
		return float64(v), true
	case int64:
		return float64(v), true
	case json.Number:
		f, err := strconv.ParseFloat(v.String(), 64)
		return f, err == nil
	}
	return 0, false
}
