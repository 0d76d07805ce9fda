package app_test

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// The README's queries are answered as it says, by the demo, to Ursula.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	pairs := regexp.MustCompile("(?s)-d '([^']*)'\n.*?```json\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(pairs) < 2 {
		t.Fatalf("%d queries with answers", len(pairs))
	}
	ursula := withDemo(t, "sqlite").As("ursula@contoso.example")
	for _, pair := range pairs {
		var request struct{ Query string }
		var want struct{ Data any }
		if err := json.Unmarshal([]byte(pair[1]), &request); err != nil {
			t.Fatalf("%v in %s", err, pair[1])
		}
		if err := json.Unmarshal([]byte(pair[2]), &want); err != nil {
			t.Fatalf("%v in %s", err, pair[2])
		}
		var got any
		ursula.Do(request.Query, nil, &got)
		if !reflect.DeepEqual(got, want.Data) {
			t.Errorf("%s is answered\n%v\nREADME.md says\n%v", request.Query, got, want.Data)
		}
	}
}

// The files the README links to are there.
func TestReadmeLinks(t *testing.T) {
	for _, file := range []string{"README.md", "docs/operations.md"} {
		text, err := os.ReadFile("../../" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(link[1], "://") {
				continue
			}
			if _, err := os.Stat("../../" + link[1]); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}
