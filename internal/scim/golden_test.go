package scim_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
)

// The requests of testdata/*.http are those that Microsoft Entra and Okta document, as they send them, and those of RFC 7644, each
// with the answer the service has to give. A file is one conversation with a fresh service. In expected bodies "{{name}}" is the
// value of that name, told when it is first met; "<any>" is any value, and "{{base}}" where the endpoint is. A member that is not
// expected must not be there.

// exchange is one request and the answer to it.
type exchange struct {
	title, method, path string
	header              http.Header
	body                string
	status              string
	expected            http.Header
	answer              string
}

var step = regexp.MustCompile(`(?m)^### `)

// conversation reads a file of testdata.
func conversation(t *testing.T, name string) []exchange {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all []exchange
	for _, part := range step.Split(string(text), -1)[1:] {
		title, part, _ := strings.Cut(part, "\n")
		sent, got, found := strings.Cut(part, "\nHTTP ")
		if !found {
			t.Fatalf("%s: %s has no answer", name, title)
		}
		e := exchange{title: title}
		first, rest, _ := strings.Cut(strings.TrimSpace(sent), "\n")
		e.method, e.path, _ = strings.Cut(first, " ")
		e.header, e.body = parts(rest)
		e.status, got, _ = strings.Cut(got, "\n")
		e.expected, e.answer = parts(got)
		all = append(all, e)
	}
	return all
}

// parts splits headers from a body.
func parts(text string) (http.Header, string) {
	head, body, found := strings.Cut("\n"+text, "\n\n")
	if !found && strings.HasPrefix(strings.TrimSpace(text), "{") {
		head, body = "", text
	}
	header := http.Header{}
	for line := range strings.Lines(head) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			header.Add(name, value)
		}
	}
	return header, strings.TrimSpace(body)
}

func TestConversations(t *testing.T) {
	files, err := filepath.Glob("testdata/*.http")
	if err != nil || len(files) < 4 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".http"), func(t *testing.T) {
			t.Parallel()
			apptest.Each(t, func(t *testing.T, s *apptest.Service) {
				c := connect(t, s)
				values := map[string]any{"base": c.base}
				for _, e := range conversation(t, file) {
					c.hold(t, e, values)
				}
			})
		})
	}
}

// hold sends a request and compares the answer.
func (c *client) hold(t *testing.T, e exchange, values map[string]any) {
	t.Helper()
	answer := c.send(e.method, fill(e.path, values), fill(e.body, values), fillHeader(e.header, values))
	problems := []string{}
	if got := fmt.Sprint(answer.status); got != strings.TrimSpace(e.status) {
		problems = append(problems, fmt.Sprintf("status %s, want %s", got, e.status))
	}
	switch {
	case e.answer == "" && answer.raw != "":
		problems = append(problems, "there is a body")
	case e.answer != "":
		var want, got any
		if err := json.Unmarshal([]byte(e.answer), &want); err != nil {
			t.Fatalf("%s: %v in %s", e.title, err, e.answer)
		}
		_ = json.Unmarshal([]byte(answer.raw), &got)
		problems = append(problems, differences("", want, got, values)...)
	}
	for name, wanted := range e.expected {
		if got := answer.header.Get(name); !matches(wanted[0], got, values) {
			problems = append(problems, fmt.Sprintf("%s is %q, want %q", name, got, fill(wanted[0], values)))
		}
	}
	if len(problems) > 0 {
		t.Errorf("%s: %s %s\n%s\n%s", e.title, e.method, fill(e.path, values), strings.Join(problems, "\n"), answer.raw)
	}
}

var place = regexp.MustCompile(`\{\{(\w+)\}\}`)

// fill puts values in their places.
func fill(text string, values map[string]any) string {
	return place.ReplaceAllStringFunc(text, func(name string) string {
		if value, known := values[name[2:len(name)-2]]; known {
			return fmt.Sprint(value)
		}
		return name
	})
}

func fillHeader(header http.Header, values map[string]any) http.Header {
	out := http.Header{}
	for name, list := range header {
		out.Set(name, fill(list[0], values))
	}
	return out
}

// matches compares a text, which may hold places, and remembers what it meets first.
func matches(want string, got any, values map[string]any) bool {
	if want == "<any>" {
		return got != nil && got != ""
	}
	if found := place.FindStringSubmatch(want); found != nil && found[0] == want {
		if value, known := values[found[1]]; known {
			return value == got
		}
		values[found[1]] = got
		return got != nil && got != ""
	}
	return fill(want, values) == got
}

// differences tells where JSON is not as expected.
func differences(at string, want, got any, values map[string]any) []string {
	switch want := want.(type) {
	case map[string]any:
		have, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %v, not an object", at, got)}
		}
		var all []string
		for _, name := range slices.Sorted(maps.Keys(want)) {
			all = append(all, differences(at+"."+name, want[name], have[name], values)...)
		}
		for name := range have {
			if _, expected := want[name]; !expected {
				all = append(all, fmt.Sprintf("%s.%s is there: %v", at, name, have[name]))
			}
		}
		return all
	case []any:
		have, ok := got.([]any)
		if !ok || len(have) != len(want) {
			return []string{fmt.Sprintf("%s is %v, want %v", at, got, want)}
		}
		var all []string
		for i := range want {
			all = append(all, differences(fmt.Sprintf("%s[%d]", at, i), want[i], have[i], values)...)
		}
		return all
	case string:
		if !matches(want, got, values) {
			return []string{fmt.Sprintf("%s is %v, want %s", at, got, fill(want, values))}
		}
		return nil
	}
	if want != got {
		return []string{fmt.Sprintf("%s is %v, want %v", at, got, want)}
	}
	return nil
}
