package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ringfence/ringfence/graph"
	"github.com/ringfence/ringfence/internal/export"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/query"
	"github.com/ringfence/ringfence/internal/replay"
	"github.com/ringfence/ringfence/internal/store"
)

// Config is all there is to set. The zero value of a field is its default.
type Config struct {
	Listen   string // address of the HTTP server, host:port
	Database string // postgres://… or the path of an SQLite file; empty: ringfence.db in DataDir
	DataDir  string // where the embedded database and the development key are
	Policies string // directory of the policy; without it and a bundle: the one that is built in
	// Bundle is a signed bundle with the policy; an empty URL is none. The last good one is kept in DataDir.
	Bundle policy.BundleConfig
	// PolicyTimeout is how long one decision may take before it denies; 0: 50 ms.
	PolicyTimeout time.Duration
	Dev           bool // accept tokens of the development key, and offer personas

	OIDC identity.OIDCConfig // the identity provider; an empty issuer is none

	DefaultLocation string        // usage location of users who have none
	Rate            float64       // requests per second and principal; 0: no limit
	SweepEvery      time.Duration // how often due dates and unfinished work are looked for; 0: 15 s
	FollowEvery     time.Duration // how often a published policy is looked for; 0: 1 s
	ImportLimit     int64         // largest file that is taken over HTTP, in bytes; 0: 256 MB
	ShutdownTimeout time.Duration // how long what runs may take to finish; 0: 20 s
	TrustedDir      string        // directory of known operations; empty: every document is executed
	TrustedMode     string        // off, log or require

	Clock func() time.Time // nil: time.Now
	apart bool             // answer by the policy that is built in, whatever was published
	Log   *slog.Logger     // nil: slog.Default
}

// App is the service, built and not yet serving.
type App struct {
	Config   Config
	Store    *store.Store
	Policy   *policy.Engine
	Runner   *operation.Runner
	Schema   graphql.ExecutableSchema
	DevKey   *identity.DevelopmentKey // nil unless in development mode
	Exporter *export.Exporter
	Trials   *replay.Shadow // puts what is decided to the candidate that is on trial
	reader   *query.Reader
	handler  http.Handler
	registry *prometheus.Registry
	stop     context.CancelFunc
	replica  *operation.Replica
	behind   sync.WaitGroup // what runs until stop
}

// New builds the service: the database is opened and migrated, the policy loaded. Errors: a database that cannot be reached, a
// policy that does not pass its gate, no way to sign in, development mode on a public address.
func New(ctx context.Context, cfg Config) (*App, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.SweepEvery == 0 {
		cfg.SweepEvery = 15 * time.Second
	}
	if cfg.FollowEvery == 0 {
		cfg.FollowEvery = time.Second
	}
	if cfg.ShutdownTimeout == 0 {
		cfg.ShutdownTimeout = 20 * time.Second
	}
	if err := checkSignIn(cfg); err != nil {
		return nil, err
	}
	a := &App{Config: cfg, registry: prometheus.NewRegistry()}
	if err := a.build(ctx); err != nil {
		return nil, errors.Join(err, a.release())
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx)) // it ends with Close
	a.stop = stop
	a.behind.Go(func() { a.sweep(background) })
	a.behind.Go(func() { a.follow(background) })
	return a, nil
}

// checkSignIn refuses a configuration nobody could or anybody might sign in to.
func checkSignIn(cfg Config) error {
	if !cfg.Dev && cfg.OIDC.Issuer == "" {
		return errors.New("nobody could sign in: give --oidc-issuer and --oidc-audience, or --dev on a machine of your own")
	}
	if cfg.Dev && cfg.Listen != "" && !loopback(cfg.Listen) {
		return fmt.Errorf("development mode prints tokens and listens on loopback addresses only, not on %q", cfg.Listen)
	}
	return nil
}

func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// OpenStore opens and migrates the database of a configuration.
func OpenStore(ctx context.Context, cfg Config) (*store.Store, error) {
	url := cfg.Database
	if url == "" {
		if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
			return nil, err
		}
		url = filepath.Join(cfg.DataDir, "ringfence.db")
	}
	s, err := store.Open(ctx, store.Config{URL: url, Logger: cfg.Log, Clock: cfg.Clock})
	if err != nil {
		return nil, err
	}
	if err := s.Migrate(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (a *App) build(ctx context.Context) (err error) {
	cfg := a.Config
	if a.Store, err = OpenStore(ctx, cfg); err != nil {
		return err
	}
	if err := a.openPolicy(ctx); err != nil {
		return err
	}
	verifiers := identity.Config{Log: cfg.Log, Now: cfg.Clock}
	if cfg.Dev {
		if a.DevKey, err = identity.DevKey(cfg.DataDir); err != nil {
			return err
		}
		verifiers.Dev = a.DevKey
	}
	if cfg.OIDC.Issuer != "" {
		if verifiers.OIDC, err = identity.NewOIDC(cfg.OIDC); err != nil {
			return err
		}
	}
	a.Trials = replay.NewShadow(ctx, replay.ShadowConfig{Store: a.Store, Limits: a.Policy.Limits(), Logger: cfg.Log})
	a.Runner = operation.NewRunner(operation.Config{Store: a.Store, Policy: a.Policy, Logger: cfg.Log, DefaultLocation: cfg.DefaultLocation, Witness: a.Trials})
	if err := a.Runner.FollowPolicy(ctx); err != nil {
		return err
	}
	a.replica = a.Runner.Join()
	a.replica.Beat(ctx)
	a.reader = query.NewReader(query.Config{
		Store: a.Store, Policy: a.Policy, Clock: cfg.Clock, Daybreak: a.Runner.Daybreak, DefaultLocation: cfg.DefaultLocation,
		Rehearsal: a.Runner.Rehearsal(),
	})
	a.Schema = graph.New(&graph.Resolver{Runner: a.Runner, Reader: a.reader})
	verifiers.Services = a.Runner
	a.Exporter = newExporter(a.reader)
	return a.route(identity.New(verifiers))
}

// openPolicy loads the policy and follows its source from then on.
func (a *App) openPolicy(ctx context.Context) (err error) {
	cfg := a.Config
	if cfg.Bundle.URL != "" && cfg.Bundle.Cache == "" {
		cfg.Bundle.Cache = filepath.Join(cfg.DataDir, "policy-bundle.tar.gz")
	}
	a.Policy, err = policy.New(ctx, policy.Config{
		Dir: cfg.Policies, Bundle: cfg.Bundle, Timeout: cfg.PolicyTimeout, Logger: cfg.Log, Now: cfg.Clock,
	})
	if err != nil {
		return err
	}
	return a.Policy.Watch(context.WithoutCancel(ctx))
}

// Handler answers HTTP: the API, GraphiQL, health and metrics.
func (a *App) Handler() http.Handler { return a.handler }

// sweep does, again and again, what is due by date or was left unfinished.
func (a *App) sweep(ctx context.Context) {
	tick := time.NewTicker(a.Config.SweepEvery)
	defer tick.Stop()
	for {
		if err := a.Runner.Sweep(ctx); err != nil && ctx.Err() == nil {
			a.Config.Log.WarnContext(ctx, "sweep", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-a.Runner.Unfinished():
		}
	}
}

// follow takes into use, again and again, what other replicas have published, and tells them what this one answers by.
func (a *App) follow(ctx context.Context) {
	tick := time.NewTicker(a.Config.FollowEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			a.replica.Beat(ctx)
		}
	}
}

// leaveWithin bounds how long a service that stops waits for a database that does not answer.
const leaveWithin = 3 * time.Second

// leave tells the other replicas that this one stops. If they cannot be told, they find out.
func (a *App) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), leaveWithin)
	defer cancel()
	if err := a.replica.Leave(ctx); err != nil {
		a.Config.Log.WarnContext(ctx, "other replicas were not told that this one stops", "error", err)
	}
}

// Close waits for what runs and releases everything.
func (a *App) Close() error {
	if a.stop != nil {
		a.stop()
		a.behind.Wait()
		a.stop = nil
	}
	return a.release()
}

func (a *App) release() error {
	if a.replica != nil {
		a.leave()
		a.replica = nil
	}
	if a.Runner != nil {
		a.Runner.Close()
	}
	if a.Trials != nil { // after the runner, so that nothing is heard any more
		if err := a.Trials.Close(); err != nil {
			a.Config.Log.Warn("what a policy trial counted last was not written down", "error", err)
		}
	}
	if a.Policy != nil {
		a.Policy.Close()
	}
	if a.Store != nil {
		return a.Store.Close()
	}
	return nil
}

// Serve listens until the context ends, then finishes what runs.
func (a *App) Serve(ctx context.Context, listener net.Listener) error {
	server := &http.Server{Handler: a.handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 60 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(a.Config.Log.Handler(), slog.LevelWarn)}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	deadline, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.Config.ShutdownTimeout)
	defer cancel()
	return server.Shutdown(deadline)
}
