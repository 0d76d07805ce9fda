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
			if _, err := os.Stat(filepath.Join("../..", filepath.Dir(file), link[1])); err != nil { // as the page is read
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}
