package policy

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/ringfence/ringfence/policies"
)

// tiny is the smallest policy that passes the gate. Whom it grants is in none of the gate's own requests. Tests add to it what must be refused, or what must fail later.
const tiny = `package ringfence

decision := {"grants": grants, "findings": findings, "ceiling": ceiling, "priority": priority}

listed.seat if input.row.user_id == input.principal.user_id

masked := {}

actions := []
`

// rules completes tiny with its parts, each in the form given or a harmless one.
func rules(parts map[string]string) string {
	text := tiny
	for name, plain := range map[string]string{
		"grants":   `grants contains "all" if input.principal.name == "lena@example.org"`,
		"findings": `findings := set()`,
		"ceiling":  `ceiling := {}`,
		"priority": `priority := 0`,
	} {
		if part, ok := parts[name]; ok {
			plain = part
		}
		text += "\n" + plain + "\n"
	}
	return text + parts["more"]
}

func writeDir(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// defaultFiles is the default policy by file name, for tests that change one file of it.
func defaultFiles(t testing.TB) map[string]string {
	t.Helper()
	entries, err := policies.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		text, err := policies.FS.ReadFile(entry.Name())
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(text)
	}
	return files
}

func TestTheGateRefuses(t *testing.T) {
	settings := `{"settings": {"actions": {"assignSeats": {"kind": "seats"}}}}`
	cases := []struct {
		name    string
		files   map[string]string
		file    string
		row     int
		column  int
		message string
	}{
		{
			name: "a syntax error", file: "p.rego", row: 3, column: 7, message: "unexpected",
			files: map[string]string{"p.rego": "package ringfence\n\ngrant ) := 1\n"},
		},
		{
			name: "an empty file", file: "p.rego", row: 1, column: 1, message: "empty",
			files: map[string]string{"p.rego": ""},
		},
		{
			name: "broken settings", file: "data.json", row: 2, column: 8, message: "invalid character",
			files: map[string]string{"p.rego": rules(nil), "data.json": "{\n  \"a\": ,\n}"},
		},
		{
			name: "settings that are no object", file: "data.json", row: 1, message: "cannot unmarshal",
			files: map[string]string{"p.rego": rules(nil), "data.json": "[1]"},
		},
		{
			name: "settings cut short", file: "data.json", row: 2, message: "unexpected EOF",
			files: map[string]string{"p.rego": rules(nil), "data.json": "{\n\"a\": {"},
		},
		{
			name: "settings twice", file: "more.json", message: `"settings" is already defined`,
			files: map[string]string{"p.rego": rules(nil), "data.json": settings, "more.json": settings},
		},
		{
			name: "a fact that the input does not have", file: "p.rego", row: 17, column: 32, message: "undefined ref: input.subjcts",
			files: map[string]string{"p.rego": tiny + "\n\n\n\n\n\n\n" + `grants contains "all" if {} == input.subjcts` + "\nfindings := set()\nceiling := {}\npriority := 0\n"},
		},
		{
			name: "a rule over data", file: "p.rego", message: "conflict",
			files: map[string]string{"p.rego": rules(nil), "data.json": `{"ringfence": {"decision": {}}}`},
		},
		{
			name: "an unused variable", file: "p.rego", message: "assigned var x unused",
			files: map[string]string{"p.rego": rules(map[string]string{"more": "extra if { x := 1 }\n"})},
		},
		{
			name: "the network", file: "p.rego", message: "http.send",
			files: map[string]string{"p.rego": rules(map[string]string{"more": `extra := http.send({"method": "get", "url": "http://example.org"})`})},
		},
		{
			name: "a clock", file: "p.rego", message: "time.now_ns",
			files: map[string]string{"p.rego": rules(map[string]string{"more": `extra := time.now_ns()`})},
		},
		{
			name: "a type that is no user's", file: "p.rego", message: `type is never "GEUST"; it is one of MEMBER, GUEST, SERVICE_ACCOUNT`,
			files: map[string]string{"p.rego": rules(map[string]string{"more": "extra if {\n\tsome s in input.subjects\n\ts.type == \"GEUST\"\n}\n"})},
		},
		{
			name: "a tier that is none, in a set", file: "p.rego", message: `tier is never "ADMIN"`,
			files: map[string]string{"p.rego": rules(map[string]string{"more": `extra if input.principal.tier in {"GLOBAL_ADMIN", "ADMIN"}`})},
		},
		{
			name: "an action that the settings do not list", file: "p.rego", message: `action is never "asignSeats"`,
			files: map[string]string{"data.json": settings, "p.rego": rules(map[string]string{
				"grants": `grants contains "all" if input.action == "assignSeats"`, "more": `extra if "asignSeats" == input.action`,
			})},
		},
		{
			name: "no decision", message: "data.ringfence.decision is missing",
			files: map[string]string{"p.rego": "package ringfence\n\nlisted.user := true\n\nmasked := {}\n\nactions := []\n"},
		},
		{
			name: "nothing for the read side", message: "data.ringfence.listed is missing",
			files: map[string]string{"p.rego": strings.Replace(rules(nil), "listed", "litsed", 1)},
		},
		{
			name: "a key too few", file: "p.rego", row: 3, message: `decision lacks the key "priority"`,
			files: map[string]string{"p.rego": strings.Replace(rules(nil), `, "priority": priority`, "", 1)},
		},
		{
			name: "a key too many", file: "p.rego", row: 3, message: `decision has an unknown key "allow"`,
			files: map[string]string{"p.rego": strings.Replace(rules(nil), `{"grants"`, `{"allow": true, "grants"`, 1)},
		},
		{
			name: "a decision that is a boolean", message: "decision must be an object, not boolean",
			files: map[string]string{"p.rego": "package ringfence\n\ndecision := true\n\nlisted.user := true\n\nmasked := {}\n\nactions := []\n"},
		},
		{
			name: "grants that are numbers", message: "grants must hold strings, not number",
			files: map[string]string{"p.rego": rules(map[string]string{"grants": "grants contains input.now"})},
		},
		{
			name: "grants that are a boolean", message: "grants must be a set or an array, not boolean",
			files: map[string]string{"p.rego": rules(map[string]string{"grants": "grants := true"})},
		},
		{
			name: "a ceiling that is a number", message: "ceiling must be an object, not number",
			files: map[string]string{"p.rego": rules(map[string]string{"ceiling": "ceiling := 105"})},
		},
		{
			name: "a priority that is a string", message: "priority must be a number or an object, not string",
			files: map[string]string{"p.rego": rules(map[string]string{"priority": `priority := "high"`})},
		},
		{
			name: "a misspelled key of a finding", message: `a finding has an unknown key "efect"`,
			files: map[string]string{"p.rego": rules(map[string]string{"findings": `findings contains {"code": "A", "message": "b", "efect": "warn"}`})},
		},
		{
			name: "a finding without a message", message: `a finding lacks the key "message"`,
			files: map[string]string{"p.rego": rules(map[string]string{"findings": `findings contains {"code": "A"}`})},
		},
		{
			name: "a finding that is a string", message: "finding must be an object, not string",
			files: map[string]string{"p.rego": rules(map[string]string{"findings": `findings contains "A"`})},
		},
		{
			name: "a grant to anybody for anything", message: `house rule "unknown"`,
			files: map[string]string{"p.rego": rules(map[string]string{"grants": `grants := {"all"}`})},
		},
		{
			name: "an answer that is undefined", message: "an unknown action by who has no role has no usable answer",
			files: map[string]string{"p.rego": rules(map[string]string{"priority": `priority := 1 if input.now < 0`})},
		},
		{
			name: "a failing test", file: "p_test.rego", row: 3, column: 1, message: "test_wrong fails",
			files: map[string]string{"p.rego": rules(nil), "p_test.rego": "package p_test\n\ntest_wrong if 1 == 2\n"},
		},
		{
			name: "a test that does not compile", file: "p_test.rego", row: 3, message: "unsafe",
			files: map[string]string{"p.rego": rules(nil), "p_test.rego": "package p_test\n\ntest_wrong if x == 2\n"},
		},
		{
			name: "no file at all", message: "is missing", files: map[string]string{},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := New(t.Context(), Config{Dir: writeDir(t, c.files), Logger: quiet()})
			refused, ok := errors.AsType[*RefusedError](err)
			if !ok {
				t.Fatalf("not refused: %v", err)
			}
			found := slices.ContainsFunc(refused.Problems, func(p Problem) bool {
				return strings.Contains(p.Message, c.message) && (c.file == "" || p.File == c.file) &&
					(c.row == 0 || p.Row == c.row) && (c.column == 0 || p.Column == c.column)
			})
			if !found {
				t.Errorf("want %s:%d:%d: %s\ngot %v", c.file, c.row, c.column, c.message, err)
			}
			if c.file != "" && !strings.Contains(err.Error(), c.file) {
				t.Errorf("the report does not name %s: %v", c.file, err)
			}
		})
	}
}

func TestTheGateRefusesADirectoryThatIsNotThere(t *testing.T) {
	_, err := New(t.Context(), Config{Dir: filepath.Join(t.TempDir(), "none"), Logger: quiet()})
	if _, ok := errors.AsType[*RefusedError](err); !ok {
		t.Errorf("got %v", err)
	}
}

func TestHiddenFilesAreNoPolicy(t *testing.T) {
	files := map[string]string{"p.rego": rules(nil), ".p.rego.swp": "not rego", ".draft.rego": "not rego", "README.md": "# read me"}
	if _, err := New(t.Context(), Config{Dir: writeDir(t, files), Logger: quiet()}); err != nil {
		t.Error(err)
	}
}

func TestNoBuiltinReachesOutside(t *testing.T) {
	c := capabilities()
	for _, name := range []string{
		"http.send", "net.lookup_ip_addr", "opa.runtime", "rand.intn", "uuid.rfc4122", "time.now_ns", "trace", "io.jwt.decode_verify",
		"crypto.x509.parse_and_verify_certificates", "providers.aws.sign_req",
	} {
		if c.ContainsBuiltin(name) {
			t.Errorf("a policy may call %s", name)
		}
		if !slices.ContainsFunc(ast.Builtins, func(b *ast.Builtin) bool { return b.Name == name }) {
			t.Errorf("there is no builtin %s any more; adjust the test", name)
		}
	}
	for _, b := range c.Builtins {
		if b.Nondeterministic {
			t.Errorf("%s answers differently each time", b.Name)
		}
	}
	if c.AllowNet == nil || len(c.AllowNet) != 0 {
		t.Error("the network is open")
	}
}

func TestTheRevisionNamesTheContent(t *testing.T) {
	files := defaultFiles(t)
	same := newEngine(t, Config{Dir: writeDir(t, files)})
	if embedded := newEngine(t, Config{}); same.Revision() != embedded.Revision() {
		t.Errorf("same content, revisions %s and %s", same.Revision(), embedded.Revision())
	}
	files["ringfence.rego"] += "\n# changed\n"
	if changed := newEngine(t, Config{Dir: writeDir(t, files)}); same.Revision() == changed.Revision() {
		t.Error("other content, same revision")
	}
}
