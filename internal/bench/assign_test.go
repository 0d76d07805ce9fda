package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Figures of the comparison: how many clients, and for how long each side runs, three times in turn.
const (
	clients = 64
	span    = 5 * time.Second
	rounds  = 3
)

// plain is one assignment by hand: lock, check, insert seat, insert event, update.
const plain = `\set u random(-2000000000, -1)
BEGIN;
SELECT used, reserved, ceiling FROM allotments WHERE id = 2 FOR UPDATE;
SELECT state FROM seats WHERE license_id = 1 AND user_id = :u;
INSERT INTO seats (license_id, user_id, allotment_id, state, since, created_at) VALUES (1, :u, 2, 'ACTIVE', now(), now()) ON CONFLICT DO NOTHING;
INSERT INTO events (journal_id, decision_id, at, actor, type, noun, subject_id, license_id, allotment_id, user_id, group_id, data)
	VALUES (0, 0, now(), 'pgbench', 'SEAT_ACTIVE', 'seat', 0, 1, 2, :u, 0, '');
UPDATE allotments SET used = used + 1 WHERE id = 2;
COMMIT;
`

// BenchmarkHotAllotment assigns one user a request out of one allotment, 64 clients at once, over HTTP with the policy on,
// beside pgbench with the plain statements of one assignment on the same database.
func BenchmarkHotAllotment(b *testing.B) {
	for range b.N {
		s := newStage(b)
		s.ask(`mutation { createAllotment(input: {licenseId: "lic_1", name: "B", limit: 5000000}) { allotment { id } } }`)
		next := atomic.Int64{}
		next.Store(s.users(400_000))
		var ours, theirs float64
		var slowest []time.Duration
		var serverCPU, databaseCPU time.Duration
		for range rounds {
			theirs += s.pgbench(b)
			server, database := s.cpu(b), s.databaseCPU(b)
			rate, waits := s.assign(b, &next)
			ours += rate
			serverCPU += s.cpu(b) - server
			databaseCPU += s.databaseCPU(b) - database
			slowest = append(slowest, waits...)
		}
		p50, p99 := percentiles(slowest)
		b.ReportMetric(ours/rounds, "assigned/s")
		b.ReportMetric(theirs/rounds, "pgbench/s")
		b.ReportMetric(ours/theirs, "ratio")
		b.ReportMetric(float64(serverCPU.Microseconds())/float64(len(slowest)), "server-cpu-µs")
		b.ReportMetric(float64(databaseCPU.Microseconds())/float64(len(slowest)), "database-cpu-µs")
		b.ReportMetric(float64(p50.Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(p99.Microseconds())/1000, "p99-ms")
	}
}

// assign has the clients assign for a while, and counts what was answered ACTIVE. The clients share the machine with what they
// measure, so they are made to cost little: each writes requests to a connection of its own and reads what comes back.
func (s *stage) assign(b *testing.B, next *atomic.Int64) (float64, []time.Duration) {
	b.Helper()
	var wg sync.WaitGroup
	var done atomic.Int64
	waits := make([][]time.Duration, clients)
	begin := time.Now()
	for c := range clients {
		wg.Go(func() {
			line, err := s.connect()
			for err == nil && time.Since(begin) < span {
				at := time.Now()
				if err = line.assign(next.Add(1) - 1); err == nil {
					waits[c] = append(waits[c], time.Since(at))
					done.Add(1)
				}
			}
			if err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	var all []time.Duration
	for _, w := range waits {
		all = append(all, w...)
	}
	return float64(done.Load()) / time.Since(begin).Seconds(), all
}

// line is a client's connection.
type line struct {
	conn   net.Conn
	reader *bufio.Reader
	token  string
}

func (s *stage) connect() (*line, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		return nil, err
	}
	return &line{conn: conn, reader: bufio.NewReader(conn), token: s.token}, nil
}

// assign asks for one seat and fails unless it is answered ACTIVE.
func (l *line) assign(user int64) error {
	const query = `{"query":"mutation($u: ID!) { assignSeats(input: {allotmentId: \"alt_1\", userIds: [$u]}) { results { seat { id state } violations { code } } } }","variables":{"u":"usr_`
	body := query + strconv.FormatInt(user, 36) + `"}}`
	if _, err := fmt.Fprintf(l.conn, "POST /graphql HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s",
		l.token, len(body), body); err != nil {
		return err
	}
	length := 0
	for {
		head, err := l.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(head) <= 2 {
			break
		}
		if value, found := bytes.CutPrefix(head, []byte("Content-Length: ")); found {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	answer := make([]byte, length)
	if _, err := io.ReadFull(l.reader, answer); err != nil {
		return err
	}
	if !bytes.Contains(answer, []byte(`"ACTIVE"`)) {
		return fmt.Errorf("%s", answer)
	}
	return nil
}

var tps = regexp.MustCompile(`tps = ([0-9.]+)`)

// pgbench runs the plain statements for a while.
func (s *stage) pgbench(b *testing.B) float64 {
	b.Helper()
	file := filepath.Join(b.TempDir(), "plain.sql")
	must(b, os.WriteFile(file, []byte(plain), 0o600))
	out, err := exec.Command(pgbenchProgram(), "-n", "-c", strconv.Itoa(clients), "-j", "2", "-T",
		strconv.Itoa(int(span.Seconds())), "-f", file, s.address).CombinedOutput()
	if err != nil {
		b.Fatalf("pgbench: %v: %s", err, out)
	}
	rate, err := strconv.ParseFloat(string(tps.FindSubmatch(out)[1]), 64)
	must(b, err)
	return rate
}

func pgbenchProgram() string {
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench"); len(found) > 0 {
		return found[len(found)-1]
	}
	return "pgbench"
}
