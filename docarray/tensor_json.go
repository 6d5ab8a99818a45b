package docarray

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// MarshalJSON writes the elements as nested lists; NaN and infinities are null.
func (t *Tensor) MarshalJSON() ([]byte, error) {
	e, n, err := t.elements()
	if err != nil {
		return nil, err
	}
	if n == 0 {
		// Nested empty lists could be many more than the bytes that describe them.
		return []byte("[]"), nil
	}
	w := tensorWriter{element: e, rest: t.Buffer}
	w.write(t.Shape)
	return w.out, nil
}

type tensorWriter struct {
	element
	rest, out []byte
}

func (w *tensorWriter) write(shape []int) {
	if len(shape) == 0 {
		w.writeElement()
		return
	}
	w.out = append(w.out, '[')
	for i := range shape[0] {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.write(shape[1:])
	}
	w.out = append(w.out, ']')
}

func (w *tensorWriter) writeElement() {
	b := w.rest[:w.size]
	w.rest = w.rest[w.size:]
	switch w.kind {
	case 'f':
		bits := 64
		if w.size < 8 {
			bits = 32
		}
		w.out = appendJSONFloat(w.out, w.float(b), bits)
	case 'i':
		w.out = strconv.AppendInt(w.out, w.int(b), 10)
	case 'b':
		w.out = strconv.AppendBool(w.out, w.bits(b) != 0)
	default:
		w.out = strconv.AppendUint(w.out, w.bits(b), 10)
	}
}

// UnmarshalJSON reads nested lists of numbers as numpy does: 64-bit integers if all are integers, else float64. Null
// is NaN.
func (t *Tensor) UnmarshalJSON(b []byte) error {
	v, err := decodePlain(b)
	if err != nil {
		return err
	}
	read, err := tensorFromPlain(v)
	if err != nil {
		return err
	}
	*t = *read
	return nil
}

func tensorFromPlain(v any) (*Tensor, error) {
	r := tensorReader{integers: true}
	for rest := v; ; {
		list, ok := rest.([]any)
		if !ok {
			break
		}
		r.shape = append(r.shape, len(list))
		if len(r.shape) > maxDims {
			return nil, fmt.Errorf("tensor of more than %d dimensions", maxDims)
		}
		if len(list) == 0 {
			break
		}
		rest = list[0]
	}
	if err := r.read(v, r.shape); err != nil {
		return nil, err
	}
	return r.tensor(), nil
}

type tensorReader struct {
	shape    []int
	values   []float64
	integers bool
}

func (r *tensorReader) read(v any, shape []int) error {
	if len(shape) == 0 {
		return r.readElement(v)
	}
	list, ok := v.([]any)
	if !ok || len(list) != shape[0] {
		return fmt.Errorf("tensor of shape %v: its lists must all have the same length", r.shape)
	}
	for _, item := range list {
		if err := r.read(item, shape[1:]); err != nil {
			return err
		}
	}
	return nil
}

func (r *tensorReader) readElement(v any) error {
	switch v := v.(type) {
	case int:
		r.values = append(r.values, float64(v))
	case float64:
		r.values, r.integers = append(r.values, v), false
	case nil:
		r.values, r.integers = append(r.values, math.NaN()), false
	default:
		text, _ := json.Marshal(v)
		return fmt.Errorf("tensor has %s among its elements: expected numbers", text)
	}
	return nil
}

func (r *tensorReader) tensor() *Tensor {
	var t *Tensor
	if r.integers && len(r.values) > 0 {
		ints := make([]int64, len(r.values))
		for i, v := range r.values {
			ints[i] = int64(v)
		}
		t = NewTensor(ints)
	} else {
		t = NewTensor(r.values)
	}
	t.Shape = r.shape
	return t
}
