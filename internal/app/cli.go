package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
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
	Token   token   `cmd:"" help:"Print a token signed with the development key."`
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
	if err := parsed.Run(); err != nil {
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
	if several, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // only errors.Join itself is taken apart
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

type serve struct {
	storage
	Listen          string            `help:"Address to listen on." env:"RINGFENCE_LISTEN" default:"127.0.0.1:8080" placeholder:"ADDR"`
	Policies        string            `help:"Directory of the policy (Rego). Without it: the one that is built in." env:"RINGFENCE_POLICIES" placeholder:"DIR"`
	Dev             bool              `help:"Development mode: tokens of the development key, personas. Loopback addresses only." env:"RINGFENCE_DEV"`
	Demo            bool              `help:"Load the demo organization if the database is empty." env:"RINGFENCE_DEMO"`
	OIDCIssuer      string            `name:"oidc-issuer" help:"Issuer URL of the OpenID Connect provider." env:"RINGFENCE_OIDC_ISSUER" placeholder:"URL"`
	OIDCAudience    string            `name:"oidc-audience" help:"Audience that tokens must have." env:"RINGFENCE_OIDC_AUDIENCE" placeholder:"NAME"`
	OIDCUserClaim   string            `name:"oidc-user-claim" help:"Claim with the user name; dots lead into objects." env:"RINGFENCE_OIDC_USER_CLAIM" default:"sub"`
	OIDCRolesClaim  string            `name:"oidc-roles-claim" help:"Claim with the roles; dots lead into objects." env:"RINGFENCE_OIDC_ROLES_CLAIM" default:"roles"`
	OIDCRoleMap     map[string]string `name:"oidc-role-map" help:"What the provider calls a role, and what Ringfence does; others are dropped." env:"RINGFENCE_OIDC_ROLE_MAP" placeholder:"THEIRS=OURS"`
	DefaultLocation string            `help:"Usage location of users who have none (two letters)." env:"RINGFENCE_DEFAULT_LOCATION" placeholder:"CC"`
	Rate            float64           `help:"Requests per second and principal; 0 is no limit." env:"RINGFENCE_RATE" default:"0"`
	TrustedDir      string            `name:"trusted-documents" help:"Directory of operations known beforehand." env:"RINGFENCE_TRUSTED_DOCUMENTS" placeholder:"DIR"`
	TrustedMode     string            `help:"What to do about others: off, log or require." env:"RINGFENCE_TRUSTED_MODE" enum:"off,log,require" default:"require"`
	ShutdownTimeout time.Duration     `help:"How long what runs may take to finish." env:"RINGFENCE_SHUTDOWN_TIMEOUT" default:"20s"`
}

// Run serves until the process is told to stop.
func (c *serve) Run(ctx context.Context, out outputs) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if os.Getenv("GOGC") == "" { // decisions are short-lived garbage: collecting it rarely halves their slowest hundredth
		debug.SetGCPercent(1000)
		if os.Getenv("GOMEMLIMIT") == "" { // and a large heap is still collected long before it is eleven times as large
			debug.SetMemoryLimit(1 << 30)
		}
	}
	cfg := c.config()
	cfg.Listen, cfg.Policies, cfg.Dev, cfg.DefaultLocation, cfg.Rate = c.Listen, c.Policies, c.Dev, c.DefaultLocation, c.Rate
	cfg.TrustedDir, cfg.TrustedMode, cfg.ShutdownTimeout = c.TrustedDir, c.TrustedMode, c.ShutdownTimeout
	cfg.OIDC = identity.OIDCConfig{Issuer: c.OIDCIssuer, Audience: c.OIDCAudience, UserClaim: c.OIDCUserClaim, RolesClaim: c.OIDCRolesClaim}
	if len(c.OIDCRoleMap) > 0 {
		cfg.OIDC.RoleMap = c.OIDCRoleMap
	}
	a, err := New(ctx, cfg)
	if err != nil {
		return err
	}
	if c.Demo {
		if err := a.LoadDemo(ctx, out.stderr); err != nil {
			return errors.Join(err, a.Close())
		}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return errors.Join(err, a.Close())
	}
	fmt.Fprintf(out.stdout, "Ringfence listens on http://%s (GraphiQL: http://%[1]s/graphiql)\n", listener.Addr())
	if err := a.introduce(out.stdout); err != nil {
		return errors.Join(err, listener.Close(), a.Close())
	}
	return errors.Join(a.Serve(ctx, listener), a.Close())
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
	User    string        `help:"User name, the claim sub." required:"" placeholder:"NAME"`
	Role    []string      `help:"A role; may be given several times." placeholder:"ROLE"`
	TTL     time.Duration `help:"How long the token is valid." default:"12h"`
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
