// Command with runs a command beside a throw-away PostgreSQL server, whose address the command finds in TEST_DATABASE_URL:
// all test processes of one `make test` then share one server. If the variable is set already, no server is started.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/ringfence/ringfence/internal/store/storetest/cluster"
)

func main() {
	err := run(os.Args[1:])
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "with:", err)
		os.Exit(1)
	}
}

func run(command []string) (err error) {
	if len(command) == 0 {
		return errors.New("which command?")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if os.Getenv("TEST_DATABASE_URL") == "" {
		c, err := cluster.Start(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.Stop()) }()
		if err := os.Setenv("TEST_DATABASE_URL", c.URL("postgres")); err != nil {
			return err
		}
	}
	cmd := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // running what it is told to is its purpose
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
