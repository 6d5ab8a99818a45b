// Command go-executor is an executor of one's own in Go: it reverses texts.
package main

import (
	"context"
	"slices"

	"github.com/helm-flow/helm-flow/executor"
)

// config is what a flow gives under uses_with.
type config struct {
	// Mark is put at the end of each text.
	Mark string `json:"mark"`
}

func main() {
	var c config
	executor.Main(executor.New("Reverser").With(&c).On(executor.Default, func(_ context.Context, r *executor.Request) error {
		docs, err := r.Docs()
		for _, doc := range docs {
			letters := []rune(doc.Text)
			slices.Reverse(letters)
			doc.Text = string(letters) + c.Mark
		}
		return err
	}))
}
