package local

import (
	"fmt"
	"os"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// environment gives the container's variables their values, those of w's replica called name.
func environment(w *pod, name string) (map[string]string, error) {
	if len(w.container.EnvFrom) > 0 {
		return nil, fmt.Errorf("envFrom is nothing that run can resolve")
	}
	env := make(map[string]string)
	for _, variable := range w.container.Env {
		switch from := variable.ValueFrom; {
		case from == nil:
			env[variable.Name] = expand(variable.Value, env)
		case from.FieldRef != nil:
			value, err := podField(w, name, from.FieldRef)
			if err != nil {
				return nil, fmt.Errorf("env %s: %w", variable.Name, err)
			}
			env[variable.Name] = value
		case from.SecretKeyRef != nil:
			value, ok := os.LookupEnv(variable.Name)
			if !ok {
				return nil, fmt.Errorf("env %s comes from the Secret %s, which is not here; set %[1]s in the environment of run", variable.Name, from.SecretKeyRef.Name)
			}
			env[variable.Name] = value
		case from.ResourceFieldRef != nil:
			// Nothing limits a process's resources here, so the variable that would tell of a limit is left out.
		default:
			return nil, fmt.Errorf("env %s comes from the cluster, which run cannot ask", variable.Name)
		}
	}
	return env, nil
}

func podField(w *pod, name string, field *corev1.ObjectFieldSelector) (string, error) {
	switch field.FieldPath {
	case "metadata.name", "metadata.uid", "spec.nodeName":
		return name, nil
	case "metadata.namespace":
		return w.namespace, nil
	case "status.podIP", "status.hostIP":
		return loopback, nil
	}
	return "", fmt.Errorf("%s is nothing that a process has", field.FieldPath)
}

// expand replaces $(NAME) by the variable's value as Kubernetes does in args and env: an unknown name stays as it is, and
// $$ is one dollar sign.
func expand(text string, env map[string]string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, rest, closed := "", "", false
		if strings.HasPrefix(after, "(") {
			name, rest, closed = strings.Cut(after[1:], ")")
		}
		switch value, known := env[name]; {
		case closed && known:
			b.WriteString(value)
			text = rest
		case closed:
			b.WriteString("$(" + name + ")")
			text = rest
		case strings.HasPrefix(after, "$"):
			b.WriteByte('$')
			text = after[1:]
		default:
			b.WriteByte('$')
			text = after
		}
	}
}
