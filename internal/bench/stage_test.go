package bench

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "github.com/lib/pq" // the plain ways of doing the same talk to the database directly

	"github.com/ringfence/ringfence/internal/store/storetest/cluster"
)

// stage is a durable PostgreSQL with the program running on it as a process of its own.
type stage struct {
	b       *testing.B
	address string // of the database
	db      *sql.DB
	url     string // of the service
	token   string
	http    *http.Client
	server  int // process id
}

// estate is a license of ten million seats with one allotment.
const estate = `mutation {
	createVendor(input: {name: "V"}) { vendor { id } }
	createProduct(input: {vendorId: "ven_1", name: "P", kind: SUBSCRIPTION}) { product { id } }
	createContract(input: {vendorId: "ven_1", number: "1", name: "C"}) { contract { id } }
	createLicense(input: {contractId: "con_1", productId: "prd_1", quantity: 10000000}) { license { id } }
	createAllotment(input: {licenseId: "lic_1", name: "A", limit: 5000000}) { allotment { id } } }`

// newStage builds and starts everything, and creates the estate.
func newStage(b *testing.B) *stage {
	b.Helper()
	ctx := context.Background()
	c, err := cluster.StartDurable(ctx)
	must(b, err)
	b.Cleanup(func() { _ = c.Stop() })
	s := &stage{b: b, address: c.URL("postgres"), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
	s.db, err = sql.Open("postgres", s.address)
	must(b, err)
	b.Cleanup(func() { _ = s.db.Close() })
	s.serve(b)
	s.ask(estate)
	return s
}

func (s *stage) serve(b *testing.B) {
	b.Helper()
	dir := b.TempDir()
	program := filepath.Join(dir, "ringfence")
	build := exec.Command("go", "build", "-o", program, "../..")
	out, err := build.CombinedOutput()
	if err != nil {
		b.Fatalf("build: %v: %s", err, out)
	}
	server := exec.Command(program, "serve", "--dev", "--listen", "127.0.0.1:0", "--database", s.address, "--data-dir", dir)
	server.Stderr = os.Stderr
	lines, err := server.StdoutPipe()
	must(b, err)
	must(b, server.Start())
	s.server = server.Process.Pid
	b.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
	})
	first, err := bufio.NewReader(lines).ReadString('\n')
	must(b, err)
	_, after, _ := strings.Cut(first, "listens on ")
	s.url, _, _ = strings.Cut(after, " ")
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	text, err := exec.Command(program, "token", "--data-dir", dir, "--user", "root@contoso.example", "--role", "GLOBAL_ADMIN").Output()
	must(b, err)
	s.token = strings.TrimSpace(string(text))
}

// users inserts n users and gives the first id.
func (s *stage) users(n int) int64 {
	s.b.Helper()
	var first int64
	must(s.b, s.db.QueryRow(`SELECT COALESCE(MAX(id), 0) + 1 FROM users`).Scan(&first))
	s.run(`INSERT INTO users (user_name, name_key, display_name, email, type, department, usage_location, enabled, created_at)
		SELECT 'u' || i, 'u' || i, 'User ' || i, 'u' || i || '@contoso.example', 'MEMBER', 'D' || i % 20, 'GB', true, now()
		FROM generate_series($1::bigint, $1 + $2 - 1) i`, first, n)
	s.run(`ANALYZE users`)
	return first
}

func (s *stage) run(statement string, args ...any) {
	s.b.Helper()
	_, err := s.db.Exec(statement, args...)
	must(s.b, err)
}

// timed runs a statement and tells how long it took.
func (s *stage) timed(statement string, args ...any) time.Duration {
	s.b.Helper()
	begin := time.Now()
	s.run(statement, args...)
	return time.Since(begin)
}

// ask sends a document and fails on any error.
func (s *stage) ask(query string) json.RawMessage {
	s.b.Helper()
	data, err := s.send(query, nil)
	must(s.b, err)
	return data
}

func (s *stage) send(query string, variables any) (json.RawMessage, error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequest(http.MethodPost, s.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.token)
	res, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var answer struct {
		Data   json.RawMessage
		Errors []struct{ Message string }
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return nil, err
	}
	if len(answer.Errors) > 0 {
		return nil, fmt.Errorf("%s", answer.Errors[0].Message)
	}
	return answer.Data, nil
}

func must(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// cpu is the processor time the service has used.
func (s *stage) cpu(b *testing.B) time.Duration {
	b.Helper()
	return processCPU(b, strconv.Itoa(s.server))
}

// databaseCPU is the processor time that the processes now connected to the database have used.
func (s *stage) databaseCPU(b *testing.B) time.Duration {
	b.Helper()
	rows, err := s.db.Query(`SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()`)
	must(b, err)
	defer func() { _ = rows.Close() }()
	var sum time.Duration
	for rows.Next() {
		var pid string
		must(b, rows.Scan(&pid))
		sum += processCPU(b, pid)
	}
	must(b, rows.Err())
	return sum
}

// processCPU reads user and system time of a process, in the kernel's ticks of 10 ms.
func processCPU(b *testing.B, pid string) time.Duration {
	b.Helper()
	text, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil { // it has ended meanwhile
		return 0
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	must(b, err)
	system, err := strconv.Atoi(fields[12])
	must(b, err)
	return time.Duration(user+system) * 10 * time.Millisecond
}
