package app_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
)

// The README's queries are answered as it says, by the demo, to whoever it last made a token for.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	pairs := regexp.MustCompile("(?s)(?:go run . token --user (\\S+?)(?: --role (\\S+?))?\\)\n[^`]*?)?-d '([^']*)'\n.*?```json\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(pairs) < 2 {
		t.Fatalf("%d queries with answers", len(pairs))
	}
	s := withDemo(t, "sqlite")
	var client *apptest.Client
	for _, pair := range pairs {
		if pair[1] != "" {
			client = s.As(pair[1], strings.Fields(pair[2])...)
		}
		var request struct{ Query string }
		var want struct{ Data any }
		if err := json.Unmarshal([]byte(pair[3]), &request); err != nil {
			t.Fatalf("%v in %s", err, pair[3])
		}
		if err := json.Unmarshal([]byte(pair[4]), &want); err != nil {
			t.Fatalf("%v in %s", err, pair[4])
		}
		var got any
		client.Do(request.Query, nil, &got)
		if !reflect.DeepEqual(got, want.Data) {
			t.Errorf("%s is answered\n%v\nREADME.md says\n%v", request.Query, got, want.Data)
		}
	}
}

// The README's commands for authors of policies do what it says, one after the other, on the demo's database. What waits for saves is shown once.
func TestReadmePolicyCommands(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	commands := regexp.MustCompile(`(?m)^    ringfence (policy .*?) +# `).FindAllStringSubmatch(string(text), -1)
	data := t.TempDir()
	p := start(t, nil, "serve", "--dev", "--demo", "--data-dir", data, "--listen", "127.0.0.1:0").serves()
	p.terminate()
	p.ends(0).ok(t)
	t.Setenv("RINGFENCE_DATA_DIR", data)
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.Symlink(filepath.Join(repository, "policies"), "policies"); err != nil {
		t.Fatal(err)
	}
	verbs := map[string]bool{}
	for _, command := range commands {
		args := strings.Fields(strings.ReplaceAll(command[1], `"`, ""))
		if args[1] == "watch" {
			args = append(args, "--once")
		}
		verbs[args[1]] = true
		if args[1] == "reset" { // the demo answers by the policy that is built in
			says(t, cli(t, "policy", "reset", "nobody gets in").stderr, "answers already")
			continue
		}
		if ran := cli(t, args...); ran.code != 0 {
			t.Errorf("%s: exit code %d\n%s%s", command[1], ran.code, ran.stdout, ran.stderr)
		}
	}
	for _, verb := range []string{"init", "check", "fmt", "test", "lint", "bench", "watch", "diff", "replay", "simulate", "explain", "reset"} {
		if !verbs[verb] {
			t.Errorf("the README does not show %s", verb)
		}
	}
}

// The files the README links to are there.
func TestReadmeLinks(t *testing.T) {
	for _, file := range []string{"README.md", "docs/operations.md", "docs/feeds.md", "docs/scim.md", "docs/cost.md", "docs/policy.md"} {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			name, heading, _ := strings.Cut(link[1], "#")
			target := filepath.Join("../..", filepath.Dir(file), name) // as the page is read
			if name == "" {
				target = "../../" + file
			}
			if heading == "" {
				if _, err := os.Stat(target); err != nil {
					t.Errorf("%s: %v", file, err)
				}
				continue
			}
			page, err := os.ReadFile(filepath.Clean(target))
			if err != nil || !strings.Contains(strings.ReplaceAll(strings.ToLower(string(page)), " ", "-"), "#-"+heading+"\n") {
				t.Errorf("%s: %s has no heading %s: %v", file, target, heading, err)
			}
		}
	}
}
