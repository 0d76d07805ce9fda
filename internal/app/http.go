package app

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ringfence/ringfence/graph"
	"github.com/ringfence/ringfence/graph/transport"
	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/scim"
	"github.com/ringfence/ringfence/internal/turn"
	"github.com/ringfence/ringfence/web"
)

// route builds the HTTP surface.
func (a *App) route(who *identity.Authenticator) error {
	edge := transport.NewEdge(who.Middleware, a.Config.Rate, 0)
	cfg := transport.Config{
		Authorize: graph.Authorize, Edge: edge, Pool: a.poolID, Log: a.Config.Log,
		Decision: func(n int64) string { return id.Of(id.Decision, n).String() },
	}
	if a.Config.TrustedDir != "" {
		trusted, err := transport.LoadTrusted(a.Config.TrustedDir, transport.Trust(a.Config.TrustedMode))
		if err != nil {
			return err
		}
		cfg.Trusted = trusted
	}
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	mux := http.NewServeMux()
	mux.Handle(scim.Root+"/", a.timed("ringfence_scim_request_duration_seconds", "Time to answer a SCIM request, by HTTP status.", edge.Head(scim.New(scim.Config{
		Runner: a.Runner, Reader: a.reader, Authenticate: who.Request, Allow: edge.Allow, RequestID: transport.RequestID, Log: a.Config.Log}))))
	mux.Handle("/graphql", a.measured(turn.New(2).Middleware(transport.New(a.Schema, cfg))))
	imports := &importer{App: a, busy: make(chan struct{}, importsAtOnce)}
	mux.Handle("POST /import/{kind}", transport.Plain(cfg, imports.serve))
	mux.Handle("GET /export/{file}", transport.Plain(cfg, a.exports()))
	mux.Handle("/graphiql", web.Handler())
	mux.Handle("/graphiql/", web.Handler())
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.registry, promhttp.HandlerOpts{}))
	if a.Config.Dev {
		mux.HandleFunc("GET /dev/personas", a.personas)
	}
	mux.Handle("GET /{$}", http.RedirectHandler("/graphiql", http.StatusFound))
	a.handler = mux
	return nil
}

// poolID names a pool to clients by the id of its license or allotment, if they may see it.
func (a *App) poolID(ctx context.Context, key licensing.PoolKey) any {
	if !a.reader.SeesPool(ctx, key) {
		return nil
	}
	if key.IsLicense() {
		return id.Of(id.License, key.License).String()
	}
	return id.Of(id.Allotment, key.Allotment).String()
}

func answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n"))
}

// ready answers whether requests can be served: the database answers.
func (a *App) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	if err := a.Store.Ping(ctx); err != nil {
		a.Config.Log.WarnContext(ctx, "not ready", "error", err)
		answer(w, http.StatusServiceUnavailable, "the database does not answer")
		return
	}
	answer(w, http.StatusOK, "ok")
}

// personas lists the demo organization's people with a token each; only in development mode.
func (a *App) personas(w http.ResponseWriter, _ *http.Request) {
	people, err := a.Personas()
	if err != nil {
		a.Config.Log.Error("personas", "error", err)
		answer(w, http.StatusInternalServerError, "the personas could not be listed")
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(people)
}

// measured counts requests and their time.
func (a *App) measured(next http.Handler) http.Handler {
	return a.timed("ringfence_graphql_request_duration_seconds", "Time to answer a GraphQL request, by HTTP status.", next)
}

// timed counts the requests to an endpoint and their time.
func (a *App) timed(name, help string, next http.Handler) http.Handler {
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: name, Help: help,
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"status"})
	a.registry.MustRegister(duration)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begin := time.Now()
		recorded := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(recorded, r)
		duration.WithLabelValues(strconv.Itoa(recorded.status)).Observe(time.Since(begin).Seconds())
	})
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap gives the writer behind, for http.ResponseController.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }
