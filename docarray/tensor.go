package docarray

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"

	"google.golang.org/protobuf/encoding/protowire"
)

// Tensor is an n-dimensional array as numpy keeps it. It is passed on as it came; only reading its values checks that
// shape, type and buffer agree.
type Tensor struct {
	// DType is numpy's name of the element type with byte order, such as "<f4", "<i8" or "|u1".
	DType string
	// Shape is the size of each dimension; none is a single value.
	Shape []int
	// Buffer holds the elements, last dimension fastest.
	Buffer []byte
	// Type says what Python makes of it: in v1 "numpy", "list", "torch", "tensorflow" or "paddle", in v2 the registered
	// name of a class, such as "ndarray" or "torch_tensor". Empty is written as numpy's.
	Type string

	dense   unknown // of DenseNdArrayProto
	unknown unknown // of NdArrayProto; in v1 a sparse array is here
}

// Number is the element types that tensors are made from and read into.
type Number interface {
	float32 | float64 | int8 | int16 | int32 | int64 | uint8 | uint16 | uint32 | uint64
}

// size is that of the elements, in bytes.
func (t *Tensor) size() int {
	if t == nil {
		return 0
	}
	return len(t.Buffer)
}

// maxDims is numpy's limit on the number of dimensions.
const maxDims = 64

// NewTensor makes a tensor of data with the given shape, one-dimensional if there is none. It panics if the shape does
// not have as many elements as data.
func NewTensor[T Number](data []T, shape ...int) *Tensor {
	if len(shape) == 0 {
		shape = []int{len(data)}
	}
	n := 1
	for _, size := range shape {
		n *= size
	}
	if n != len(data) {
		panic(fmt.Sprintf("docarray: a tensor of shape %v has %d elements, got %d", shape, n, len(data)))
	}
	size := binary.Size(T(0))
	buf := make([]byte, 0, size*len(data))
	buf, _ = binary.Append(buf, binary.LittleEndian, data)
	return &Tensor{DType: dtypeOf[T](size), Shape: append([]int(nil), shape...), Buffer: buf}
}

func dtypeOf[T Number](size int) string {
	order, kind := "<", "u"
	if size == 1 {
		order = "|"
	}
	var zero T
	switch any(zero).(type) {
	case float32, float64:
		kind = "f"
	case int8, int16, int32, int64:
		kind = "i"
	}
	return order + kind + strconv.Itoa(size)
}

// Values reads the elements of a dense tensor of any real number or boolean type, converted to T as Go converts
// numbers. It is an error if shape and buffer disagree.
func Values[T Number](t *Tensor) ([]T, error) {
	e, n, err := t.elements()
	if err != nil {
		return nil, err
	}
	out := make([]T, n)
	for i := range out {
		b := t.Buffer[i*e.size:]
		switch e.kind {
		case 'f':
			out[i] = T(e.float(b))
		case 'i':
			out[i] = T(e.int(b))
		default:
			out[i] = T(e.bits(b))
		}
	}
	return out, nil
}

// element is how one element of a tensor is stored.
type element struct {
	kind  byte // f, i, u or b
	size  int  // bytes
	order binary.ByteOrder
}

func parseDType(s string) (element, error) {
	e := element{order: binary.LittleEndian}
	if len(s) == 3 {
		switch s[0] {
		case '>':
			e.order = binary.BigEndian
			fallthrough
		case '<', '|', '=':
			e.kind, e.size = s[1], int(s[2]-'0')
		}
	}
	switch {
	case e.kind == 'b' && e.size == 1,
		e.kind == 'f' && (e.size == 2 || e.size == 4 || e.size == 8),
		(e.kind == 'i' || e.kind == 'u') && (e.size == 1 || e.size == 2 || e.size == 4 || e.size == 8):
		return e, nil
	}
	return e, fmt.Errorf("tensor of type %q: expected booleans, integers or floats in numpy's notation, such as \"<f4\"", s)
}

func (e element) bits(b []byte) uint64 {
	switch e.size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(e.order.Uint16(b))
	case 4:
		return uint64(e.order.Uint32(b))
	}
	return e.order.Uint64(b)
}

func (e element) int(b []byte) int64 {
	shift := 64 - 8*e.size
	return int64(e.bits(b)<<shift) >> shift
}

func (e element) float(b []byte) float64 {
	switch bits := e.bits(b); e.size {
	case 2:
		return halfFloat(uint16(bits))
	case 4:
		return float64(math.Float32frombits(uint32(bits)))
	default:
		return math.Float64frombits(bits)
	}
}

// halfFloat converts an IEEE 754 half precision number.
func halfFloat(h uint16) float64 {
	sign, exp, frac := h>>15, int(h>>10&0x1f), float64(h&0x3ff)
	var v float64
	switch exp {
	case 0:
		v = math.Ldexp(frac, -24)
	case 0x1f:
		v = math.Inf(1)
		if frac != 0 {
			v = math.NaN()
		}
	default:
		v = math.Ldexp(frac+1024, exp-25)
	}
	if sign != 0 {
		v = -v
	}
	return v
}

// elements checks the tensor and returns how its elements are stored and how many there are.
func (t *Tensor) elements() (element, int, error) {
	if t.DType == "" && len(t.Buffer) == 0 {
		return element{}, 0, errors.New("not a dense tensor")
	}
	e, err := parseDType(t.DType)
	if err != nil {
		return e, 0, err
	}
	if len(t.Shape) > maxDims {
		return e, 0, fmt.Errorf("tensor of %d dimensions: expected at most %d", len(t.Shape), maxDims)
	}
	n, have := 1, len(t.Buffer)/e.size
	for _, size := range t.Shape {
		if size == 0 {
			n = 0
			break
		}
		// Beyond what the buffer holds the product no longer matters, but it must not overflow.
		if n *= size; size < 0 || n > math.MaxUint32 {
			n = math.MaxInt
			break
		}
	}
	if n != have || len(t.Buffer)%e.size != 0 {
		return e, 0, fmt.Errorf("tensor of type %s and shape %v does not fit its buffer of %d bytes", t.DType, t.Shape, len(t.Buffer))
	}
	return e, n, nil
}

// Field numbers of NdArrayProto and DenseNdArrayProto. Number 2 of the former is sparse in v1 and parameters in v2.
const (
	tensorDense = 1
	tensorClass = 3 // v1: cls_name

	denseBuffer = 1
	denseShape  = 2
	denseDType  = 3
)

func decodeTensor(gen Generation, b []byte) (*Tensor, error) {
	t := &Tensor{}
	for f, err := range fields(b) {
		if err != nil {
			return nil, err
		}
		switch {
		case f.is(tensorDense, protowire.BytesType):
			err = t.decodeDense(gen, f.val)
		case f.is(tensorClass, protowire.BytesType) && gen == V1:
			t.Type, err = f.text()
		default:
			t.unknown.keep(gen, f)
		}
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

func (t *Tensor) decodeDense(gen Generation, b []byte) error {
	for f, err := range fields(b) {
		if err != nil {
			return err
		}
		switch {
		case f.is(denseBuffer, protowire.BytesType):
			t.Buffer = f.val
		case f.is(denseShape, protowire.BytesType):
			for packed := f.val; len(packed) > 0; {
				v, n := protowire.ConsumeVarint(packed)
				if n < 0 {
					return protowire.ParseError(n)
				}
				t.Shape = append(t.Shape, int(uint32(v)))
				packed = packed[n:]
			}
		case f.is(denseShape, protowire.VarintType):
			t.Shape = append(t.Shape, int(uint32(f.uint())))
		case f.is(denseDType, protowire.BytesType):
			if t.DType, err = f.text(); err != nil {
				return err
			}
		default:
			t.dense.keep(gen, f)
		}
	}
	return nil
}

func appendTensor(b []byte, num protowire.Number, gen Generation, t *Tensor) ([]byte, error) {
	b, pos := beginMessage(b, num)
	b, err := t.appendDense(b, gen)
	if err != nil {
		return b, err
	}
	if gen == V1 {
		class := t.Type
		if class == "" {
			class = "numpy"
		}
		if b, err = appendText(b, tensorClass, class); err != nil {
			return b, err
		}
	}
	if b, err = t.unknown.appendTo(b, gen); err != nil {
		return b, err
	}
	return endMessage(b, pos), nil
}

func (t *Tensor) appendDense(b []byte, gen Generation) ([]byte, error) {
	if t.DType == "" && len(t.Shape) == 0 && len(t.Buffer) == 0 && len(t.dense.raw) == 0 {
		return b, nil
	}
	b, pos := beginMessage(b, tensorDense)
	if len(t.Buffer) > 0 {
		b = appendBytes(b, denseBuffer, t.Buffer)
	}
	if len(t.Shape) > 0 {
		var shape int
		b, shape = beginMessage(b, denseShape)
		for _, size := range t.Shape {
			if size < 0 || size > math.MaxUint32 {
				return b, fmt.Errorf("tensor of shape %v: a dimension must fit 32 bits", t.Shape)
			}
			b = protowire.AppendVarint(b, uint64(size))
		}
		b = endMessage(b, shape)
	}
	b, err := appendPlainText(b, denseDType, t.DType)
	if err != nil {
		return b, err
	}
	if b, err = t.dense.appendTo(b, gen); err != nil {
		return b, err
	}
	return endMessage(b, pos), nil
}
