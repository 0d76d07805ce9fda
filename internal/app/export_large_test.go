package app_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/app/apptest"
)

const manyUsers = 100_000

// crowd puts 100,000 users into a service.
func crowd(t *testing.T, s *apptest.Service) {
	t.Helper()
	const atOnce = 5_000
	for first := 0; first < manyUsers; first += atOnce {
		inputs := make([]in, atOnce)
		for i := range inputs {
			n := first + i
			inputs[i] = in{"userName": fmt.Sprintf("user%06d@contoso.example", n), "displayName": fmt.Sprint("User ", n), "department": fmt.Sprint("Department ", n%50)}
		}
		s.Admin().Do(`mutation($users: [UserInput!]!) { upsertUsers(input: {users: $users}) { dryRun } }`, apptest.Vars{"users": inputs}, nil)
	}
}

// begin starts a download and gives what of it comes.
func begin(ctx context.Context, t *testing.T, s *apptest.Service, path string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/export/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.Token("root@contoso.example", "GLOBAL_ADMIN"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

// peak watches how far the heap grows until the function it gives is called.
func peak() (stop func() uint64) {
	runtime.GC()
	var before, now runtime.MemStats
	runtime.ReadMemStats(&before)
	var most atomic.Uint64
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			runtime.GC() // what is in use, not what is left over
			runtime.ReadMemStats(&now)
			most.Store(max(most.Load(), now.HeapAlloc))
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return func() uint64 {
		close(done)
		<-ended
		if most.Load() < before.HeapAlloc {
			return 0
		}
		return most.Load() - before.HeapAlloc
	}
}

// Exports of 100,000 rows: they are streamed in little memory, stop with their client, keep others waiting no longer than they run,
// and break off visibly when something fails in the middle.
func TestLargeExport(t *testing.T) {
	for _, d := range []string{dialect.SQLite, dialect.Postgres} {
		t.Run(d, func(t *testing.T) {
			s := apptest.Start(t, d)
			crowd(t, s)
			for _, format := range []string{"csv", "json"} {
				stop := peak()
				started := time.Now()
				response := begin(t.Context(), t, s, "users."+format)
				lines, size := 0, 0
				for scanner := bufio.NewScanner(response.Body); scanner.Scan(); lines++ {
					size += len(scanner.Bytes())
				}
				grown := stop()
				t.Logf("%d lines, %d MB of %s in %v, heap grew by %d KB", lines, size>>20, format, time.Since(started).Round(time.Millisecond), grown>>10)
				if lines < manyUsers+1 {
					t.Errorf("%d lines of %s", lines, format)
				}
				if grown > 16<<20 {
					t.Errorf("the heap grew by %d MB", grown>>20)
				}
			}
			clientsGoAway(t, s)
			breaksOff(t, s)
		})
	}
}

// clientsGoAway fills all places with clients that do not read on; when they are gone the places are free.
func clientsGoAway(t *testing.T, s *apptest.Service) {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	for range 4 {
		response := begin(ctx, t, s, "users.json")
		if _, err := io.ReadFull(response.Body, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
	}
	response := begin(t.Context(), t, s, "vendors.csv")
	body, _ := io.ReadAll(response.Body)
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" || !strings.Contains(string(body), "UNAVAILABLE") {
		t.Errorf("a fifth export: %d %s", response.StatusCode, body)
	}
	leave()
	for deadline := time.Now().Add(20 * time.Second); ; {
		response := begin(t.Context(), t, s, "vendors.csv")
		_, _ = io.ReadAll(response.Body)
		if response.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("exports go on after their clients have gone")
		}
		runtime.Gosched()
	}
}

// breaksOff takes the database away in the middle of an export.
func breaksOff(t *testing.T, s *apptest.Service) {
	t.Helper()
	response := begin(t.Context(), t, s, "users.json")
	if _, err := io.ReadFull(response.Body, make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	if err := s.Store.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(response.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half an export ends with %v, like a whole one", err)
	}
}
