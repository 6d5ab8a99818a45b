package plugin

import (
	_ "embed" // for starter
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"
)

//go:embed starter.yml
var starter []byte

func newInitCommand(env *Env) *cobra.Command {
	return &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a flow.yml to start from",
		Long: `Write a flow.yml to start from: two executors that are built in, with comments on what else there is.

FILE is flow.yml by default, and - is standard output. A file that is there is left alone.`,
		Example: `  helm flow init
  helm flow init search.yml`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeFlow,
		RunE: func(_ *cobra.Command, args []string) error {
			file := "flow.yml"
			if len(args) == 1 {
				file = args[0]
			}
			if file == "-" {
				_, err := env.Stdout.Write(starter)
				return err
			}
			if err := writeNew(file, starter); err != nil {
				return err
			}
			_, err := fmt.Fprintln(env.Stdout, file)
			return err
		},
	}
}

// writeNew writes a file that must not be there.
func writeNew(file string, text []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already, and was left alone; name another file", file)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}
