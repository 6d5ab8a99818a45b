package flow

// Kind is the kind of thing that `uses` names.
type Kind int

const (
	// Builtin is an executor that flow-executor brings along.
	Builtin Kind = iota
	// Image is a container image that holds an executor.
	Image
	// Python is Python source on this machine: a YAML file, or a class of one of the PyModules.
	Python
)

// Uses is what `uses` resolved to.
type Uses struct {
	Pos  Pos
	Kind Kind
	// Name of the built-in; image reference; absolute path of a YAML file, or name of a Python class.
	Name string
}
