package plugin

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// choice is a flag that takes one of a few words.
type choice struct {
	value string
	of    []string
}

func (c *choice) String() string { return c.value }
func (c *choice) Type() string   { return strings.Join(c.of, "|") }

func (c *choice) Set(text string) error {
	if !slices.Contains(c.of, text) {
		return fmt.Errorf("must be %s", strings.Join(c.of, ", "))
	}
	c.value = text
	return nil
}

// addTo makes c the flag --output of cmd.
func (c *choice) addTo(cmd *cobra.Command, usage string) {
	cmd.Flags().VarP(c, "output", "o", usage)
	c.completeAs(cmd, "output")
}

// completeAs lets shells complete the words of the flag called name.
func (c *choice) completeAs(cmd *cobra.Command, name string) {
	// The error is of a flag that is not there, or that is completed already.
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(c.of, cobra.ShellCompDirectiveNoFileComp))
}
