package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/alecthomas/kong"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
)

// storage are the flags that say where the data is.
type storage struct {
	Database string `help:"PostgreSQL URL (postgres://…) or path of an SQLite file. Without it: ringfence.db in the data directory." env:"RINGFENCE_DATABASE,DATABASE_URL" placeholder:"URL"`
	DataDir  string `help:"Directory of the embedded database and the development key." env:"RINGFENCE_DATA_DIR" default:"data" placeholder:"DIR"`
}

func (s storage) config() Config { return Config{Database: s.Database, DataDir: s.DataDir} }

// commands are the program's commands and flags; every flag can be given by environment too.
type commands struct {
	LogLevel slog.Level `help:"Least level that is logged (debug, info, warn, error)." env:"RINGFENCE_LOG_LEVEL" default:"info"`

	Serve   serve   `cmd:"" help:"Serve the API."`
	Livez   livez   `cmd:"" help:"Ask the server of this machine whether it lives."`
	Migrate migrate `cmd:"" help:"Bring the database's tables up to date, and stop."`
	Import  imports `cmd:"" help:"Load a file into the database."`
	Export  exports `cmd:"" help:"Write a list, an overview or costs as CSV or JSON."`
	Token   token   `cmd:"" help:"Print a token signed with the development key."`

	ServiceToken serviceToken `cmd:"" help:"Let a service in: print the secret of a new token for SCIM or the API."`

	Policy policyCommands `cmd:"" help:"Write, check, test and measure policies (Rego)."`

	Verify  verify  `cmd:"" help:"Recount every pool, seat, queue and the event chain; fails if something is wrong."`
	Version version `cmd:"" help:"Print the version."`
}

// Main runs the program with its arguments and gives the exit code.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c commands
	code := -1
	parser, err := kong.New(&c, kong.Name("ringfence"), kong.Description("Software license allotment, enforced."), kong.Writers(stdout, stderr),
		kong.Exit(func(n int) { code = n }), kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(stdout, (*io.Writer)(nil)),
		kong.Bind(outputs{stdout, stderr}))
	if err != nil {
		fmt.Fprintln(stderr, "ringfence:", err)
		return 2
	}
	parsed, err := parser.Parse(args)
	if code >= 0 { // help was asked for
		return code
	}
	if err != nil {
		fmt.Fprintln(stderr, "ringfence:", err)
		return 2
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: c.LogLevel})))
	if err := parsed.Run(); errors.Is(err, errFlips) {
		return exitFlips
	} else if err != nil {
		complain(stderr, err)
		return 1
	}
	return 0
}

// outputs are where a command writes: results to stdout, everything else to stderr.
type outputs struct{ stdout, stderr io.Writer }

// complain tells an error, or each of several, on lines of their own. Of a fault only the sentence is for people; the cause of
// one that is ours comes with it, because the operator is who can mend it.
func complain(to io.Writer, err error) {
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		for _, one := range several.Unwrap() {
			complain(to, one)
		}
		return
	}
	known, ok := errors.AsType[*fault.Error](err)
	if !ok {
		fmt.Fprintln(to, "ringfence:", err)
		return
	}
	text := known.Message
	if known.Cause != nil {
		text += ": " + known.Cause.Error()
	}
	fmt.Fprintln(to, "ringfence:", text)
	for _, v := range known.Violations {
		fmt.Fprintf(to, "ringfence:   %s: %s\n", v.Code, v.Message)
	}
}

type migrate struct{ storage }

// Run migrates and stops.
func (c *migrate) Run(ctx context.Context) error {
	s, err := OpenStore(ctx, c.config())
	if err != nil {
		return err
	}
	return s.Close()
}

type token struct {
	DataDir string        `help:"Directory of the development key." env:"RINGFENCE_DATA_DIR" default:"data" placeholder:"DIR"`
	User    string        `help:"User name, the claim sub." env:"RINGFENCE_USER" required:"" placeholder:"NAME"`
	Role    []string      `help:"A role; may be given several times." env:"RINGFENCE_ROLE" placeholder:"ROLE"`
	TTL     time.Duration `help:"How long the token is valid." env:"RINGFENCE_TTL" default:"12h"`
}

// Run prints the token alone on a line.
func (c *token) Run(stdout io.Writer) error {
	key, err := identity.DevKey(c.DataDir)
	if err != nil {
		return err
	}
	text, err := key.Mint(c.User, c.Role, c.TTL)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(stdout, text)
	return err
}

type version struct{}

// Run prints the version the program was built from.
func (version) Run(stdout io.Writer) error {
	text := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		text = info.Main.Version
	}
	_, err := fmt.Fprintln(stdout, "ringfence", text)
	return err
}
