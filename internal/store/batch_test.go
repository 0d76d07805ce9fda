package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

func update(t testing.TB, s *store.Store, fn func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatal(err)
	}
}

func ptr[T any](v T) *T { return &v }

// awkward is text that has a meaning in JSON, in PostgreSQL's arrays or in SQL.
var awkward = []string{"", "plain", `quo"te`, `back\slash`, "{braces,}", "NULL", "null", "it's", "new\nline\ttab\x01", "Grüße 日本語 🎉", "[1,2]", "12"}

// Every kind of value goes into a table and comes back as it was, NULLs included.
func TestTableRoundTrip(t *testing.T) {
	day := time.Date(2026, 2, 28, 23, 59, 59, 999999000, time.UTC)
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		n := len(awkward)
		cols := []store.Column{{Name: "i", Values: make([]int64, n)}, {Name: "s", Values: awkward}, {Name: "f", Values: make([]float64, n)},
			{Name: "b", Values: make([]bool, n)}, {Name: "at", Values: make([]time.Time, n)}, {Name: "ni", Values: make([]*int64, n)},
			{Name: "ns", Values: make([]*string, n)}, {Name: "nat", Values: make([]*time.Time, n)}, {Name: "j", Values: make([]json.RawMessage, n)}}
		for i := range n {
			cols[0].Values.([]int64)[i] = []int64{math.MaxInt64, math.MinInt64, 0, 1<<53 + 1}[i%4]
			cols[2].Values.([]float64)[i] = []float64{0, 1, -1.5, 1e300, 0.1}[i%5]
			cols[3].Values.([]bool)[i] = i%2 == 0
			cols[4].Values.([]time.Time)[i] = day.Add(time.Duration(i) * 100001 * time.Microsecond)
			if i%3 > 0 {
				cols[5].Values.([]*int64)[i] = ptr(int64(i))
				cols[6].Values.([]*string)[i] = ptr(awkward[i])
				cols[7].Values.([]*time.Time)[i] = ptr(day)
				cols[8].Values.([]json.RawMessage)[i] = json.RawMessage(`{"a": [1, "x"]}`)
			}
		}
		err := s.View(t.Context(), func(ctx context.Context, r *store.Reader) error {
			from, args := r.Table("v", 2, cols...)
			rows, err := r.Query(ctx, "SELECT i, s, f, b, at, ni, ns, nat, j FROM "+from+" WHERE $1 = $1", append([]any{"x"}, args...)...)
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }()
			i := 0
			for ; rows.Next(); i++ {
				checkRow(t, rows, cols, i)
			}
			if i != n {
				t.Errorf("%d rows, want %d", i, n)
			}
			return rows.Err()
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// A column with one value in all rows, NULL included, gives as many rows as any other: none, one or several.
func TestTableOfEqualValues(t *testing.T) {
	day := time.Date(2026, 2, 28, 23, 59, 59, 999999000, time.UTC)
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, distinct := range []bool{false, true} {
			for n := range 4 {
				numbers := make([]int64, n)
				if distinct {
					for i := range numbers {
						numbers[i] = int64(i)
					}
				}
				cols := []store.Column{
					{Name: "i", Values: numbers}, {Name: "s", Values: slices.Repeat([]string{awkward[3]}, n)}, {Name: "ns", Values: make([]*string, n)},
					{Name: "at", Values: slices.Repeat([]time.Time{day}, n)}, {Name: "b", Values: slices.Repeat([]bool{true}, n)},
					{Name: "ni", Values: slices.Repeat([]*int64{ptr(int64(7))}, n)}, {Name: "j", Values: slices.Repeat([]json.RawMessage{json.RawMessage(`[1]`)}, n)},
				}
				var got []string
				update(t, s, func(ctx context.Context, tx *store.Tx) error {
					got = nil
					from, args := tx.Table("v", 1, cols...)
					rows, err := tx.Query(ctx, "SELECT i, s, ns IS NULL, at, b, ni, j FROM "+from+" ORDER BY i", args...)
					if err != nil {
						return err
					}
					defer func() { _ = rows.Close() }()
					for rows.Next() {
						var i, ni int64
						var text, j string
						var none, b bool
						var at store.Time
						if err := rows.Scan(&i, &text, &none, &at, &b, &ni, &j); err != nil {
							return err
						}
						got = append(got, fmt.Sprint(i, text, none, at.Time.Equal(day), b, ni, j))
					}
					return rows.Err()
				})
				var want []string
				for _, i := range numbers {
					want = append(want, fmt.Sprint(i, awkward[3], true, true, true, 7, "[1]"))
				}
				if !slices.Equal(got, want) {
					t.Errorf("%d rows, distinct %t: %q, want %q", n, distinct, got, want)
				}
			}
		}
	})
}

func checkRow(t *testing.T, rows *sql.Rows, cols []store.Column, i int) {
	t.Helper()
	var (
		id      int64
		s       string
		f       float64
		b       bool
		at, nat store.Time
		ni      *int64
		ns      *string
		j       []byte
	)
	if err := rows.Scan(&id, &s, &f, &b, &at, &ni, &ns, &nat, &j); err != nil {
		t.Fatal(err)
	}
	var doc any
	if j != nil {
		if err := json.Unmarshal(j, &doc); err != nil {
			t.Fatalf("row %d: %q is not JSON", i, j)
		}
	}
	var wantDoc any
	if cols[8].Values.([]json.RawMessage)[i] != nil {
		wantDoc = map[string]any{"a": []any{1.0, "x"}}
	}
	wantAt := cols[7].Values.([]*time.Time)[i]
	if id != cols[0].Values.([]int64)[i] || s != awkward[i] || f != cols[2].Values.([]float64)[i] || b != (i%2 == 0) ||
		at.Time != cols[4].Values.([]time.Time)[i] || !reflect.DeepEqual(ni, cols[5].Values.([]*int64)[i]) ||
		!reflect.DeepEqual(ns, cols[6].Values.([]*string)[i]) || nat.Valid != (wantAt != nil) || wantAt != nil && nat.Time != *wantAt ||
		!reflect.DeepEqual(doc, wantDoc) {
		t.Errorf("row %d came back as %v %q %v %v %v %v %v %v %s", i, id, s, f, b, at, ni, ns, nat, j)
	}
}

// Any finds what is in the list, for ids and for text, and nothing for an empty list.
func TestAny(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		update(t, s, func(ctx context.Context, tx *store.Tx) error {
			names := store.Column{Name: "name", Values: awkward}
			return tx.Insert(ctx, "vendors", names, times(len(awkward), tx.Now()))
		})
		count := func(column string, list any) (n int) {
			t.Helper()
			err := s.View(t.Context(), func(ctx context.Context, r *store.Reader) error {
				return r.QueryRow(ctx, "SELECT count(*) FROM vendors WHERE "+r.Any(column, 1), r.Array(list)).Scan(&n)
			})
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
		if n := count("name", awkward[3:6]); n != 3 {
			t.Errorf("by name: %d, want 3", n)
		}
		if n := count("id", []int64{1, 2, 99999}); n != 2 {
			t.Errorf("by id: %d, want 2", n)
		}
		if n := count("id", []int64{}); n != 0 {
			t.Errorf("of none: %d, want 0", n)
		}
	})
}

func times(n int, at time.Time) store.Column {
	return store.Column{Name: "created_at", Values: slices.Repeat([]time.Time{at}, n)}
}

// What the caller got wrong, or what one database would refuse and the other not, is an error on both.
func TestBadColumns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for name, cols := range map[string][]store.Column{
			"none":         {},
			"unequal":      {{Name: "name", Values: []string{"a"}}, times(2, time.Now())},
			"type":         {{Name: "name", Values: []int{1}}, times(1, time.Now())},
			"zero byte":    {{Name: "name", Values: []string{"a\x00b"}}, times(1, time.Now())},
			"not UTF-8":    {{Name: "name", Values: []string{"\xff"}}, times(1, time.Now())},
			"not a number": {{Name: "name", Values: []float64{math.NaN()}}, times(1, time.Now())},
			"not JSON":     {{Name: "name", Values: []json.RawMessage{[]byte("{")}}, times(1, time.Now())},
		} {
			err := s.Update(t.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.Insert(ctx, "vendors", cols...) })
			if err == nil {
				t.Errorf("%s: Insert worked", name)
			}
			err = s.View(t.Context(), func(ctx context.Context, r *store.Reader) error {
				from, args := r.Table("v", 1, cols...)
				var n int
				return r.QueryRow(ctx, "SELECT count(*) FROM "+from, args...).Scan(&n)
			})
			if err == nil {
				t.Errorf("%s: Table worked", name)
			}
		}
		if n := s.Client().Vendor.Query().CountX(t.Context()); n != 0 {
			t.Errorf("%d rows were written", n)
		}
	})
}

// More rows than one statement takes arrive whole, and their ids come back in the order given.
func TestInsertReturning(t *testing.T) {
	const n = 45_000
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf("vendor %05d", i)
		}
		update(t, s, func(ctx context.Context, tx *store.Tx) error {
			i, last := 0, int64(0)
			err := tx.InsertReturning(ctx, "vendors", []string{"id", "name"}, func(rows *sql.Rows) error {
				var id int64
				var name string
				if err := rows.Scan(&id, &name); err != nil {
					return err
				}
				if name != names[i] || id <= last {
					t.Fatalf("row %d is %d %q after %d", i, id, name, last)
				}
				i, last = i+1, id
				return nil
			}, store.Column{Name: "name", Values: names}, times(n, tx.Now()))
			if i != n {
				t.Errorf("%d rows came back, want %d", i, n)
			}
			return err
		})
	})
}

// seats are the columns of n seats of one license.
func seats(n int, license int64, at time.Time) []store.Column {
	users := make([]int64, n)
	for i := range users {
		users[i] = int64(i + 1)
	}
	return []store.Column{
		{Name: "license_id", Values: slices.Repeat([]int64{license}, n)},
		{Name: "user_id", Values: users},
		{Name: "state", Values: slices.Repeat([]string{"ACTIVE"}, n)},
		{Name: "since", Values: slices.Repeat([]time.Time{at}, n)},
		times(n, at),
	}
}

// BenchmarkInsert tells how many seat rows go in per second: 100,000 in one transaction.
func BenchmarkInsert(b *testing.B) {
	const n = 100_000
	for _, d := range storetest.Dialects {
		b.Run(strings.TrimSuffix(d, "3"), func(b *testing.B) {
			s := storetest.Open(b, storetest.URL(b, d), store.Config{})
			license := int64(0)
			for b.Loop() {
				license++
				update(b, s, func(ctx context.Context, tx *store.Tx) error {
					return tx.Insert(ctx, "seats", seats(n, license, tx.Now())...)
				})
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkQuery compares one small query with and without prepared statements.
func BenchmarkQuery(b *testing.B) {
	for _, d := range storetest.Dialects {
		for name, cfg := range map[string]store.Config{"prepared": {}, "unprepared": {Unprepared: true}} {
			b.Run(strings.TrimSuffix(d, "3")+"/"+name, func(b *testing.B) {
				s := storetest.Open(b, storetest.URL(b, d), cfg)
				update(b, s, func(ctx context.Context, tx *store.Tx) error {
					return tx.Insert(ctx, "seats", seats(1000, 1, tx.Now())...)
				})
				for b.Loop() {
					if _, err := s.Client().Seat.Get(b.Context(), 500); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkUpdate is one small transaction: a locked read and a conditional update.
func BenchmarkUpdate(b *testing.B) {
	for _, d := range storetest.Dialects {
		for name, cfg := range map[string]store.Config{"prepared": {}, "unprepared": {Unprepared: true}} {
			b.Run(strings.TrimSuffix(d, "3")+"/"+name, func(b *testing.B) {
				s := storetest.Open(b, storetest.URL(b, d), cfg)
				update(b, s, func(ctx context.Context, tx *store.Tx) error {
					return tx.Insert(ctx, "seats", seats(10, 1, tx.Now())...)
				})
				for b.Loop() {
					update(b, s, func(ctx context.Context, tx *store.Tx) error {
						var user int64
						if err := tx.QueryRow(ctx, "SELECT user_id FROM seats WHERE id = $1"+tx.ForUpdate(), 5).Scan(&user); err != nil {
							return err
						}
						_, err := tx.Exec(ctx, "UPDATE seats SET since = $1 WHERE id = $2", tx.Now(), 5)
						return err
					})
				}
			})
		}
	}
}
