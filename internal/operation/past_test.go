package operation_test

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ringfence/ringfence/internal/id"
	"github.com/ringfence/ringfence/internal/operation"
	"github.com/ringfence/ringfence/internal/store"
)

// A census: every type that is a command can be run again from the record.
func TestEveryCommandCanBeRunAgain(t *testing.T) {
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Recv == nil || f.Name.Name != "prepare" {
				continue
			}
			star, ok := f.Recv.List[0].Type.(*ast.StarExpr)
			if !ok {
				continue
			}
			of, ok := star.X.(*ast.Ident)
			if ok && ast.IsExported(of.Name) && of.Name != "PublishPolicy" && of.Name != "RollbackPolicy" && of.Name != "StartPolicyTrial" && of.Name != "StopPolicyTrial" { // one policy is tried all the time
				commands = append(commands, strings.ToLower(of.Name[:1])+of.Name[1:])
			}
		}
	}
	slices.Sort(commands)
	if known := operation.RecordedCommands(); !slices.Equal(commands, known) {
		t.Errorf("the commands are\n%v\nand those that can be run again\n%v", commands, known)
	}
}

// What is recorded is read back as it was, whatever is in it; and ids are found wherever they are.
func TestWhatIsRecordedOfARequest(t *testing.T) {
	each(t, func(w *world) {
		l := w.license(3)
		a := w.allot(l, 2)
		user := w.user()
		w.do("updateAllotment", in{"allotmentId": a, "delegateUserIds": []string{user}, "scope": in{"groupIds": []string{w.group(user)}, "departments": []string{}}, "limit": 1, "endsAt": nil})
		w.do("assignSeats", in{"allotmentId": a, "userIds": []string{user}, "idempotencyKey": "once"})
		w.do("assignSeats", in{"allotmentId": a, "userIds": []string{user}, "dryRun": true})
		var long []string
		for _, row := range w.do("upsertUsers", in{"users": people(900)}).Users {
			long = append(long, row.ID)
		}
		w.fails("NOT_FOUND", "assignSeats", in{"allotmentId": a, "userIds": append(long, "usr_zzz")})
		for action, want := range map[string]string{"updateAllotment": "[alt_1 usr_1 grp_1]", "assignSeats": "[alt_1 usr_1]"} {
			command := w.text(`SELECT command FROM decisions WHERE allow AND NOT dry_run AND action = '` + action + `'`)
			if got := idsIn(w, action, command); got != want {
				w.Errorf("%s names %s, want %s", command, got, want)
			}
		}
		w.want(w.text(`SELECT command FROM decisions WHERE dry_run`), "{}")
		if packed := w.text(`SELECT command FROM decisions WHERE action = 'assignSeats' AND NOT allow`); !strings.HasPrefix(packed, "gz:") ||
			strings.Count(idsIn(w, "assignSeats", packed), "usr_") != 901 {
			w.Errorf("a long request is recorded as %.300s", packed)
		}
	})
}

func people(n int) []in {
	inputs := make([]in, n)
	for i := range inputs {
		inputs[i] = in{"userName": fmt.Sprintf("person%d@contoso.example", i)}
	}
	return inputs
}

// text gives the one text of a query.
func (w *world) text(query string) string {
	w.Helper()
	var text string
	if err := w.Store.View(w.Context(), func(ctx context.Context, r *store.Reader) error { return r.QueryRow(ctx, query).Scan(&text) }); err != nil {
		w.Fatalf("%s: %v", query, err)
	}
	return text
}

// idsIn gives the ids that a recorded request names.
func idsIn(w *world, action, command string) string {
	w.Helper()
	p, err := operation.ReadPast("root@contoso.example", action, command)
	if err != nil {
		w.Fatal(err)
	}
	var found []string
	p.Refer(func(x id.ID) id.ID {
		found = append(found, x.String())
		return x
	})
	return "[" + strings.Join(found, " ") + "]"
}

// Whatever stands in the record is a step, part of one, or an error.
func FuzzReadPast(f *testing.F) {
	f.Add("system", "promoteSeats", `{"duty":{"action":"fillGroupLicense","license":1,"grant":2,"from":3}}`)
	f.Add("ann", "assignSeats", `{"roles":["A"],"with":{"AllotmentID":"alt_1","UserIDs":["usr_1"]}}`)
	f.Add("ann", "importUsers", `{"do":"import","with":{"Kind":"users"},"content":"H4sI"}`)
	f.Add("ann", "updateAllotment", `{"after":7,"with":{"AllotmentID":"alt_1","Scope":{"GroupIDs":["grp_1"]},"DelegateUserIDs":null}}`)
	f.Add("ann", "x", `{}`)
	f.Add("ann", "x", "gz:H4sIAAAAAAAE/6quBQQAAP//Q7+mowIAAAA=")
	f.Fuzz(func(t *testing.T, principal, action, command string) {
		p, err := operation.ReadPast(principal, action, command)
		if err != nil || p == nil {
			return
		}
		n := 0
		p.Refer(func(x id.ID) id.ID { n++; return id.Of(x.Noun, 1) })
		p.Refer(func(x id.ID) id.ID {
			if n--; x.N != 1 {
				t.Errorf("%s is still there", x)
			}
			return x
		})
		if n != 0 || p.Own() && p.Unkept() {
			t.Errorf("%d ids were not found again", n)
		}
	})
}
