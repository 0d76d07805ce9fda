package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"
)

// openPostgres opens a pool that writes and one whose sessions are read-only.
func (s *Store) openPostgres() error {
	var err error
	if s.writer, err = s.postgresPool(s.cfg.MaxConns, false, s.cfg.StatementTimeout); err != nil {
		return err
	}
	s.reader, err = s.postgresPool(s.cfg.MaxConns, true, s.cfg.StatementTimeout)
	return err
}

// postgresPool opens a pool. Settings are given when a session starts, and only those that the URL does not set itself.
func (s *Store) postgresPool(conns int, readOnly bool, statement time.Duration) (*sql.DB, error) {
	cfg, err := pq.NewConfig(severalHosts(s.dsn))
	if err != nil {
		return nil, err
	}
	if cfg.Runtime == nil {
		cfg.Runtime = map[string]string{}
	}
	for name, value := range map[string]string{
		"statement_timeout":                   millis(statement),
		"lock_timeout":                        millis(s.cfg.LockTimeout),
		"idle_in_transaction_session_timeout": millis(s.cfg.IdleTimeout),
		"jit":                                 "off", // it takes longer to compile our statements than to run them
	} {
		if _, given := cfg.Runtime[name]; !given {
			cfg.Runtime[name] = value
		}
	}
	cfg.Runtime["timezone"] = "UTC" // times come back in the zone of the session
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = s.cfg.ConnectTimeout
	}
	if cfg.ApplicationName == "" {
		cfg.FallbackApplicationName = "ringfence"
	}
	c := &postgresConnector{cfg: cfg, readOnly: readOnly, prepare: !s.cfg.Unprepared, grace: s.cfg.Grace}
	if statement > 0 {
		c.silence = statement + 10*time.Second
	}
	db := sql.OpenDB(c)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	db.SetConnMaxIdleTime(5 * time.Minute)
	db.SetConnMaxLifetime(time.Hour)
	return db, nil
}

// severalHosts makes postgres://one:5432,two:5432/db, which libpq understands, into what lib/pq does.
func severalHosts(address string) string {
	scheme, rest, ok := strings.Cut(address, "://")
	end := strings.IndexAny(rest, "/?")
	if !ok || end < 0 || !strings.Contains(rest[:end], ",") {
		return address
	}
	authority := rest[:end]
	at := strings.LastIndex(authority, "@") + 1
	var hosts, ports []string
	for host := range strings.SplitSeq(authority[at:], ",") {
		name, port, err := net.SplitHostPort(host)
		if err != nil {
			name, port = host, "5432"
		}
		hosts, ports = append(hosts, name), append(ports, port)
	}
	path, query, _ := strings.Cut(rest[end:], "?")
	given, err := url.ParseQuery(query)
	if err != nil {
		return address
	}
	given.Set("host", strings.Join(hosts, ","))
	given.Set("port", strings.Join(ports, ","))
	return scheme + "://" + authority[:at] + path + "?" + given.Encode()
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// postgresConnector opens connections that cannot be silent for ever, see wire.
type postgresConnector struct {
	cfg      pq.Config
	readOnly bool
	prepare  bool
	silence  time.Duration
	grace    time.Duration
}

// Connect opens one connection. Each gets a connector of its own, so that its dialer knows which network connection is the
// session's and which only carries a cancel request.
func (c *postgresConnector) Connect(ctx context.Context) (driver.Conn, error) {
	connector, err := pq.NewConnectorConfig(c.cfg)
	if err != nil {
		return nil, err
	}
	d := &dialer{silence: c.silence, grace: c.grace}
	connector.Dialer(d)
	raw, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	d.established.Store(true)
	conn, err := newConn(raw, d.wire, c.prepare)
	if err != nil || !c.readOnly {
		return conn, err
	}
	// Not a startup parameter: target_session_attrs=read-write would then take the server for a standby.
	if _, err := conn.ExecContext(ctx, "SET default_transaction_read_only = on", nil); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// Driver is the driver underneath.
func (c *postgresConnector) Driver() driver.Driver { return &pq.Driver{} }
