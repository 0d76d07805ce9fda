package app

import (
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Every flag of every command can be given by environment, under a name that begins with RINGFENCE_, and stands in the README or, if it is
// for authors of policies, in the page about their tools.
func TestEveryFlagHasAnEnvironment(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	tools, err := os.ReadFile("../../docs/policy-tools.md")
	if err != nil {
		t.Fatal(err)
	}
	pages := string(readme) + string(tools)
	parser, err := kong.New(&commands{}, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	flags := 0
	err = kong.Visit(parser.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok && flag.Name != "help" {
			flags++
			if len(flag.Envs) == 0 || !strings.HasPrefix(flag.Envs[0], "RINGFENCE_") {
				t.Errorf("the flag --%s has the environment %q", flag.Name, flag.Envs)
			}
			for _, name := range append([]string{"--" + flag.Name}, flag.Envs...) {
				if !strings.Contains(pages, name) {
					t.Errorf("README.md and docs/policy-tools.md say nothing about %s", name)
				}
			}
			if flag.Help == "" {
				t.Errorf("the flag --%s is not explained", flag.Name)
			}
		}
		return next(nil)
	})
	if err != nil || flags < 20 {
		t.Errorf("%d flags: %v", flags, err)
	}
}
