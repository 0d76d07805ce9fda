package sight_test

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/filter"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// large makes 1,000,000 seats of 100,000 users out of ten licenses, in 1,000 allotments. Constraints between tables are left away, and
// indexes are made at the end: only what an index finds matters here.
var large = []string{
	`SET session_replication_role = replica`,
	`SET synchronous_commit = off`,
	`INSERT INTO users (id, created_at, user_name, name_key, department, usage_location) SELECT n, now(), 'u' || n, 'u' || n, 'd' || n % 400, 'GB' FROM generate_series(1, 100000) n`,
	`INSERT INTO groups (id, created_at, name) SELECT n, now(), 'g' || n FROM generate_series(1, 5000) n`,
	`INSERT INTO memberships (group_id, user_id) SELECT 1 + n % 5000, n FROM generate_series(1, 100000) n`,
	`INSERT INTO licenses (id, created_at, contract_id, product_id, unlimited_quantity) SELECT n, now(), n, 1, true FROM generate_series(1, 5000) n`,
	`INSERT INTO contracts (id, created_at, vendor_id, number, name) SELECT n, now(), 1, 'c' || n, 'c' FROM generate_series(1, 5000) n`,
	`INSERT INTO allotments (id, created_at, license_id, depth, name, capacity, ceiling) SELECT n, now(), 1 + (n - 1) / 100, 1, 'a' || n, 1000, 1000 FROM generate_series(1, 5000) n`,
	`INSERT INTO seats (id, created_at, license_id, user_id, allotment_id, state, since)
		SELECT (l - 1) * 100000 + n, now(), l, n, (l - 1) * 100 + 1 + n % 100, 'ACTIVE', now() FROM generate_series(1, 10) l, generate_series(1, 100000) n`,
	`INSERT INTO seat_reasons (id, created_at, license_id, user_id, allotment_id, state)
		SELECT id, created_at, license_id, user_id, allotment_id, 'SERVED' FROM seats WHERE license_id = 1`,
	`INSERT INTO group_licenses (id, created_at, group_id, license_id, allotment_id) SELECT n, now(), n, 1 + n % 10, n % 1000 FROM generate_series(1, 5000) n`,
	`INSERT INTO decisions (id, at, principal, action, allow, revision, input, license_id, allotment_id)
		SELECT n, now(), 'u' || n % 1000, 'assignSeats', true, 'r', '', 1 + n % 10, n % 1000 FROM generate_series(1, 100000) n`,
	`INSERT INTO events (id, journal_id, decision_id, at, actor, type, license_id, allotment_id)
		SELECT n, n, n, now(), 'u', 'x', 1 + n % 10, n % 1000 FROM generate_series(1, 100000) n`,
	`ANALYZE`,
}

// delegate has two allotments of two licenses: 2,000 seats.
var delegate = policy.Principal{Name: "u77", UserID: 77, DelegateOf: true, Reach: policy.Reach{
	Allotments: []int64{18, 118}, Licenses: []int64{1, 2}, Groups: []int64{5}, Departments: []string{"d7"},
}}

var byDefault = sync.OnceValues(func() (*policy.Engine, error) { return policy.New(context.Background(), policy.Config{}) })

type statement struct {
	text strings.Builder
	args []any
}

func (s *statement) Put(text string) { s.text.WriteString(text) }

func (s *statement) Bind(arg any) {
	s.args = append(s.args, arg)
	s.Put("$" + strconv.Itoa(len(s.args)))
}

// listing is a statement about the rows of a type that the delegate sees.
func listing(t testing.TB, d, before, kind, after string) *statement {
	t.Helper()
	e, err := byDefault()
	if err != nil {
		t.Fatal(err)
	}
	view, err := e.Current().Visibility(t.Context(), delegate)
	if err != nil {
		t.Fatal(err)
	}
	table, _ := filter.Find(kind)
	s := &statement{}
	s.Put(before + ` FROM "` + table.Name + `" t WHERE (`)
	filter.Write(s, d, "t", view.Listed(kind))
	s.Put(")" + after)
	return s
}

// Every page of the lists of the default policy is found by an index, for a delegate of two allotments of a thousand.
func TestScopedListsUseAnIndex(t *testing.T) {
	t.Run("postgres", func(t *testing.T) {
		db := storetest.Raw(t, dialect.Postgres, storetest.URL(t, dialect.Postgres))
		begin := time.Now()
		for _, one := range large {
			must(t, db, one)
		}
		t.Logf("built in %v", time.Since(begin))
		for _, kind := range delegated {
			table, _ := filter.Find(kind)
			plan := explained(t, db, "EXPLAIN (ANALYZE) ", listing(t, dialect.Postgres, "SELECT t.id", kind, " ORDER BY t.id LIMIT 21"))
			t.Logf("%s: %s", kind, plan[len(plan)-1])
			for _, line := range plan {
				if strings.Contains(line, "Seq Scan on "+table.Name+" ") || strings.Contains(line, "Seq Scan on seats") || strings.Contains(line, "Seq Scan on seat_reasons") {
					t.Errorf("%s is read from end to end:\n%s", kind, strings.Join(plan, "\n"))
					break
				}
			}
		}
	})
	t.Run("sqlite", func(t *testing.T) {
		db := storetest.Raw(t, dialect.SQLite, storetest.URL(t, dialect.SQLite))
		for _, kind := range delegated {
			plan := explained(t, db, "EXPLAIN QUERY PLAN ", listing(t, dialect.SQLite, "SELECT t.id", kind, " ORDER BY t.id LIMIT 21"))
			for _, line := range plan {
				if strings.HasPrefix(line, "SCAN row") || strings.HasPrefix(line, "SCAN seats") {
					t.Errorf("%s is read from end to end:\n%s", kind, strings.Join(plan, "\n"))
					break
				}
			}
		}
	})
}

// delegated are the types of which a delegate sees some.
var delegated = []string{"allotment", "license", "contract", "seat", "group_license", "user", "group", "decision", "event"}

// explained gives the lines of a plan.
func explained(t testing.TB, db *sql.DB, how string, s *statement) []string {
	t.Helper()
	rows, err := db.QueryContext(context.Background(), how+s.text.String(), s.args...)
	if err != nil {
		t.Fatalf("%s: %v", s.text.String(), err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		fields := make([]any, len(columns))
		var line string
		for i := range fields {
			fields[i] = new(any)
		}
		fields[len(fields)-1] = &line
		if err := rows.Scan(fields...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if err := rows.Err(); err != nil || len(lines) == 0 {
		t.Fatal("no plan: ", err)
	}
	return lines
}

// BenchmarkScopedPage reads a page of 20 for a delegate out of 1,000,000 seats.
func BenchmarkScopedPage(b *testing.B) {
	db := storetest.Raw(b, dialect.Postgres, storetest.URL(b, dialect.Postgres))
	for _, one := range large {
		must(b, db, one)
	}
	for _, kind := range delegated {
		s := listing(b, dialect.Postgres, "SELECT t.id", kind, " ORDER BY t.id LIMIT 21")
		b.Run(kind, func(b *testing.B) {
			for b.Loop() {
				must(b, db, s.text.String(), s.args...)
			}
		})
	}
}
