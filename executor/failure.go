package executor

import (
	"fmt"
	"reflect"
	"runtime/debug"
	"strings"

	"github.com/helm-flow/helm-flow/internal/wire"
	"github.com/helm-flow/helm-flow/internal/wire/jinapb"
)

// panicError is a handler's panic.
type panicError struct {
	value any
	stack string
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// protect turns a panic into an error.
func protect(call func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = &panicError{value: v, stack: string(debug.Stack())}
		}
	}()
	return call()
}

// fail writes the handler's error into the message as Jina's executors do; the client's documents stay as they came.
func fail(m *wire.Message, class string, err error) error {
	text := strings.ToValidUTF8(err.Error(), "\uFFFD")
	exception := &jinapb.StatusProto_ExceptionProto{Name: errorName(err), Args: []string{text}, Executor: class}
	if p, ok := err.(*panicError); ok {
		exception.Stacks = strings.SplitAfter(strings.ToValidUTF8(p.stack, "\uFFFD"), "\n")
	}
	return m.Header.SetStatus(&jinapb.StatusProto{Code: jinapb.StatusProto_ERROR, Description: text, Exception: exception})
}

// errorName stands where Python has the name of the exception's class: an exported error type's own, else a general one.
func errorName(err error) string {
	if _, ok := err.(*panicError); ok {
		return "Panic"
	}
	t := reflect.TypeOf(err)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if name := t.Name(); name != "" && name[0] >= 'A' && name[0] <= 'Z' {
		return name
	}
	return "Error"
}
