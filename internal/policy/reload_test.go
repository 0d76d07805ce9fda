package policy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// granting is a policy whose grants and priority both tell which of many it is.
func granting(n int) string {
	return rules(map[string]string{
		"grants":   fmt.Sprintf(`grants contains "policy %d" if input.principal.name == "lena@example.org"`, n),
		"priority": fmt.Sprintf("priority := %d", n),
	})
}

func overwrite(t *testing.T, dir, name, text string) {
	t.Helper()
	draft := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(draft, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(draft, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func TestABrokenFileLeavesTheLastGoodPolicy(t *testing.T) {
	dir := writeDir(t, map[string]string{"p.rego": granting(1)})
	e := newEngine(t, Config{Dir: dir})
	good, loaded := e.Revision(), e.LoadedAt()

	overwrite(t, dir, "p.rego", granting(2)+"\n}")
	err := e.Reload(t.Context())
	refused, ok := errors.AsType[*RefusedError](err)
	if !ok || refused.Revision == "" || refused.Revision == good {
		t.Fatalf("got %v", err)
	}
	problems := e.Problems()
	if len(problems) == 0 || problems[0].File != "p.rego" || problems[0].Row == 0 || problems[0].Column == 0 {
		t.Errorf("problems: %v", problems)
	}
	if a := e.Decide(t.Context(), assignInput()); !a.Allow || a.Revision != good || a.Grants[0] != "policy 1" {
		t.Errorf("got %+v", a)
	}
	if e.Revision() != good || !e.LoadedAt().Equal(loaded) || e.Source() != dir {
		t.Error("the engine tells of a policy that does not answer")
	}

	overwrite(t, dir, "p.rego", granting(3))
	if err := e.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if a := e.Decide(t.Context(), assignInput()); a.Grants[0] != "policy 3" || len(e.Problems()) != 0 {
		t.Errorf("got %+v, %v", a, e.Problems())
	}
}

func TestReturningToTheLastGoodContentClearsTheProblems(t *testing.T) {
	dir := writeDir(t, map[string]string{"p.rego": granting(1)})
	e := newEngine(t, Config{Dir: dir})
	overwrite(t, dir, "p.rego", "broken")
	if err := e.Reload(t.Context()); err == nil {
		t.Fatal("not refused")
	}
	overwrite(t, dir, "p.rego", granting(1))
	if err := e.Reload(t.Context()); err != nil || len(e.Problems()) != 0 {
		t.Errorf("%v, %v", err, e.Problems())
	}
}

// Decisions run on while policies are swapped and refused. Each answer must be of one policy as a whole.
func TestNoAnswerIsMixed(t *testing.T) {
	dir := writeDir(t, map[string]string{"p.rego": granting(0)})
	e := newEngine(t, Config{Dir: dir, Timeout: 10 * time.Second}) // the machine is busy here, and time is not the matter
	revisions := map[string]string{e.Revision(): "policy 0"}
	var answers []Answer
	var mu sync.Mutex
	var deciders sync.WaitGroup
	var decided atomic.Int64
	stop := make(chan struct{})
	for range 4 {
		deciders.Go(func() {
			var mine []Answer
			for {
				select {
				case <-stop:
					mu.Lock()
					defer mu.Unlock()
					answers = append(answers, mine...)
					return
				default:
					mine = append(mine, e.Decide(t.Context(), assignInput()))
					decided.Add(1)
				}
			}
		})
	}
	const swaps = 60
	for n := 1; n <= swaps; n++ {
		broken := n%5 == 0
		text := granting(n)
		if broken {
			text += "broken"
		}
		overwrite(t, dir, "p.rego", text)
		if err := e.Reload(t.Context()); (err != nil) != broken {
			t.Fatalf("policy %d: %v", n, err)
		}
		if !broken {
			revisions[e.Revision()] = fmt.Sprintf("policy %d", n)
		}
	}
	eventually(t, "ten thousand decisions", func() bool { return decided.Load() >= 10_000 })
	close(stop)
	deciders.Wait()
	seen := map[string]bool{}
	for _, a := range answers {
		want, known := revisions[a.Revision]
		if !known || !a.Allow || a.Grants[0] != want || fmt.Sprintf("policy %.0f", a.Subjects[0].Priority) != want {
			t.Fatalf("mixed: %+v, want %s", a, want)
		}
		seen[want] = true
	}
	t.Logf("%d decisions over %d swaps saw %d policies", len(answers), swaps, len(seen))
	if len(seen) < 2 {
		t.Error("the decisions did not overlap the swaps")
	}
}

func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Fatalf("never: %s", what)
}

func TestWatchFollowsTheDirectory(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "policies")
	if err := os.Mkdir(dir, 0o750); err != nil {
		t.Fatal(err)
	}
	overwrite(t, dir, "p.rego", granting(1))
	e := newEngine(t, Config{Dir: dir})
	if err := e.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	answers := func(n int) func() bool {
		return func() bool { return e.Decide(t.Context(), assignInput()).Grants[0] == fmt.Sprintf("policy %d", n) }
	}

	overwrite(t, dir, "p.rego", granting(2))
	eventually(t, "an editor renames the new file over the old", answers(2))

	if err := os.WriteFile(filepath.Join(dir, "p.rego"), []byte(granting(3)), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a file is written in place", answers(3))

	overwrite(t, dir, "p.rego", "package ringfence\n\nbroken :=\n")
	eventually(t, "a broken file is told", func() bool { return len(e.Problems()) > 0 })
	if !answers(3)() || !strings.HasPrefix(e.Problems()[0].String(), "p.rego:") {
		t.Errorf("problems: %v", e.Problems())
	}

	next := filepath.Join(root, "next")
	if err := os.Mkdir(next, 0o750); err != nil {
		t.Fatal(err)
	}
	overwrite(t, next, "p.rego", granting(4))
	if err := os.Rename(dir, filepath.Join(root, "old")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, dir); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the directory is replaced as a whole", answers(4))

	overwrite(t, dir, "p.rego", granting(5))
	eventually(t, "the new directory is watched", answers(5))
}

func TestCloseEndsTheWatch(t *testing.T) {
	dir := writeDir(t, map[string]string{"p.rego": granting(1)})
	e := newEngine(t, Config{Dir: dir})
	if err := e.Watch(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.Close()
	overwrite(t, dir, "p.rego", granting(2))
	time.Sleep(4 * debounce)
	if a := e.Decide(t.Context(), assignInput()); a.Grants[0] != "policy 1" {
		t.Errorf("got %v", a.Grants)
	}
}

func TestTheEmbeddedPolicyNeedsNoWatch(t *testing.T) {
	e := newEngine(t, Config{})
	if err := e.Watch(t.Context()); err != nil || e.Source() != "embedded" {
		t.Error(err, e.Source())
	}
	e.Close()
}
