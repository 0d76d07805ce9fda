package app_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/demo"
	"github.com/ringfence/ringfence/web"
)

// tab is a ready-made question of GraphiQL, with the query that finds values for its variables, if it has one.
type tab struct{ file, query, fill string }

func tabs(t *testing.T) []tab {
	t.Helper()
	files, err := fs.Glob(web.Tabs(), "*.graphql")
	if err != nil || len(files) < 12 {
		t.Fatalf("%d tabs: %v", len(files), err)
	}
	all := make([]tab, len(files))
	for i, file := range files {
		query, err := fs.ReadFile(web.Tabs(), file)
		if err != nil {
			t.Fatal(err)
		}
		fill, err := fs.ReadFile(web.Tabs(), "fill/"+file)
		if err != nil && !strings.Contains(err.Error(), "not exist") {
			t.Fatal(err)
		}
		all[i] = tab{file: file, query: string(query), fill: string(fill)}
	}
	return all
}

// withDemo starts a service with the demo organization.
func withDemo(t *testing.T, dialect string) *apptest.Service {
	t.Helper()
	s := apptest.Start(t, dialect)
	if err := s.LoadDemo(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	return s
}

// Every question has a title and one operation with a name of its own, and fits the schema.
func TestTabsFitTheSchema(t *testing.T) {
	schema := apptest.Start(t, "sqlite").Schema.Schema()
	names := map[string]string{}
	for _, tab := range tabs(t) {
		if !strings.HasPrefix(tab.query, "# ") {
			t.Errorf("%s has no title", tab.file)
		}
		doc, errs := gqlparser.LoadQueryWithRules(schema, tab.query, rules.NewDefaultRules())
		if errs != nil {
			t.Errorf("%s: %v", tab.file, errs)
			continue
		}
		if len(doc.Operations) != 1 || doc.Operations[0].Name == "" || names[doc.Operations[0].Name] != "" {
			t.Errorf("%s: one operation with a name of its own is wanted", tab.file)
		}
		names[doc.Operations[0].Name] = tab.file
		if doc.Operations[0].Operation == ast.Mutation && !strings.Contains(tab.query, "dryRun: true") {
			t.Errorf("%s changes something", tab.file)
		}
		if tab.fill == "" {
			continue
		}
		if _, errs := gqlparser.LoadQueryWithRules(schema, tab.fill, rules.NewDefaultRules()); errs != nil {
			t.Errorf("fill/%s: %v", tab.file, errs)
		}
	}
}

// Every question runs for every persona, without an error: those who see less get less. A dry run is a request like any other; who
// may assign nothing is denied.
func TestTabsRun(t *testing.T) {
	denied := map[string]bool{"cora@contoso.example": true, "aisha@contoso.example": true, "noel@contoso.example": true, "pat@contoso.example": true}
	unseeing := []string{"cora@contoso.example", "dora@contoso.example", "ursula@contoso.example", "pat@contoso.example"} // of policies
	for _, dialect := range []string{"sqlite", "postgres"} {
		t.Run(dialect, func(t *testing.T) {
			s := withDemo(t, dialect)
			for _, p := range demo.Personas() {
				client := s.As(p.UserName, p.Roles...)
				for _, tab := range tabs(t) {
					var vars apptest.Vars
					if tab.fill != "" {
						vars = filled(t, client, tab.fill)
						if denied[p.UserName] && strings.Contains(tab.query, "\nmutation ") {
							if answer := client.Send(tab.query, vars); len(answer.Errors) == 0 {
								t.Errorf("%s, %s: not denied", p.Name, tab.file)
							}
							continue
						}
					}
					if slices.Contains(unseeing, p.UserName) && strings.Contains(tab.query, "\n  policy {") {
						client.Fails("POLICY_DENIED", tab.query, vars)
						continue
					}
					if answer := client.Send(tab.query, vars); len(answer.Errors) > 0 {
						t.Errorf("%s, %s: %.500s", p.Name, tab.file, answer.Raw)
					}
				}
			}
		})
	}
}

// filled does what the page does: every root alias of the answer is a variable, its value the first scalar below it.
func filled(t *testing.T, client *apptest.Client, query string) apptest.Vars {
	t.Helper()
	var roots map[string]json.RawMessage
	client.Do(query, nil, &roots)
	vars := apptest.Vars{}
	for alias, text := range roots {
		read, isValue := json.NewDecoder(bytes.NewReader(text)), false
		for {
			token, err := read.Token()
			if err != nil {
				break
			}
			if _, isDelim := token.(json.Delim); isDelim {
				isValue = false
				continue
			}
			if isValue { // after the name of a field
				vars[alias] = token
				break
			}
			isValue = true
		}
	}
	return vars
}

// What the questions are for is there to be seen in the demo: none of them answers nothing to an administrator, or to a delegate if
// it is a delegate's question.
func TestTabsShow(t *testing.T) {
	s := withDemo(t, "sqlite")
	grace := demo.Personas()[0]
	admin, delegate := s.As(grace.UserName, grace.Roles...), s.As("dora@contoso.example")
	for _, tab := range tabs(t) {
		if tab.fill != "" {
			continue
		}
		client := admin
		if strings.Contains(tab.query, "For a delegate") {
			client = delegate
		}
		answer := client.Send(tab.query, nil)
		if n := strings.Count(string(answer.Data), `"id"`) + strings.Count(string(answer.Data), `"name"`); n < 3 {
			t.Errorf("%s shows nothing to speak of: %.300s", tab.file, answer.Raw)
		}
	}
}
