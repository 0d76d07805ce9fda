package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

const script = "console.log('hello')"

// page is a small build: the files Vite writes, in their forms.
func page(t *testing.T) fstest.MapFS {
	t.Helper()
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := io.WriteString(writer, script); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{
		"dist.html":                   {Data: []byte("how to build")},
		"dist/index.html":             {Data: []byte("the page")},
		"dist/licenses.md":            {Data: []byte("# Licenses")},
		"dist/assets/main-1a2b.js.gz": {Data: packed.Bytes()},
	}
}

func ask(h http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestHandlerServesThePage(t *testing.T) {
	h := newHandler(page(t))
	for _, target := range []string{"/graphiql", "/graphiql/", "/graphiql/index.html"} {
		w := ask(h, http.MethodGet, target)
		if w.Code != http.StatusOK || w.Body.String() != "the page" {
			t.Errorf("GET %s: %d %q, want the page", target, w.Code, w.Body)
		}
		if got := w.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("GET %s: content type %q", target, got)
		}
		if got := w.Header().Get("Cache-Control"); got != "no-cache" {
			t.Errorf("GET %s: cache control %q: a new build would not be seen", target, got)
		}
		again := ask(h, http.MethodGet, target, "If-None-Match", w.Header().Get("ETag"))
		if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
			t.Errorf("GET %s with its ETag: %d, want 304", target, again.Code)
		}
	}
}

func TestHandlerSaysHowToBuild(t *testing.T) {
	w := ask(newHandler(fstest.MapFS{"dist.html": {Data: []byte("how to build")}}), http.MethodGet, "/graphiql")
	if w.Code != http.StatusOK || w.Body.String() != "how to build" {
		t.Errorf("without a build: %d %q", w.Code, w.Body)
	}
	committed, err := fs.ReadFile(built, "dist.html")
	if err != nil || !bytes.Contains(committed, []byte("make web")) {
		t.Errorf("the page for a program without a build does not name make web: %v", err)
	}
}

func TestHandlerServesAssets(t *testing.T) {
	h := newHandler(page(t))
	for coding, packed := range map[string]bool{"gzip, br": true, "br;q=1, gzip;q=0.5": true, "": false, "gzip;q=0": false, "br": false} {
		w := ask(h, http.MethodGet, "/graphiql/assets/main-1a2b.js", "Accept-Encoding", coding)
		body := w.Body.Bytes()
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != packed {
			t.Errorf("Accept-Encoding %q: packed %v, want %v", coding, got, packed)
		} else if packed {
			var err error
			if body, err = unpack(body); err != nil {
				t.Fatal(err)
			}
		}
		if w.Code != http.StatusOK || string(body) != script {
			t.Errorf("Accept-Encoding %q: %d %q", coding, w.Code, body)
		}
		for name, want := range map[string]string{
			"Content-Type":  "text/javascript; charset=utf-8",
			"Cache-Control": "public, max-age=31536000, immutable",
			"Vary":          "Accept-Encoding",
		} {
			if got := w.Header().Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	}
}

func TestHandlerRefuses(t *testing.T) {
	h := newHandler(page(t))
	for _, target := range []string{
		"/graphiql/nothing", "/graphiql/assets", "/graphiql/assets/", "/graphiql/assets/main-1a2b.js.gz",
		"/graphiql/../dist.html", "/graphiql/..%2fdist.html", "/graphiql//dist.html", "/graphiql/assets/../index.html",
	} {
		w := ask(h, http.MethodGet, target)
		if w.Code != http.StatusNotFound || w.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("GET %s: %d, cache control %q, want 404 that nobody keeps", target, w.Code, w.Header().Get("Cache-Control"))
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions} {
		w := ask(h, method, "/graphiql")
		if w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %d, Allow %q, want 405", method, w.Code, w.Header().Get("Allow"))
		}
	}
	if w := ask(h, http.MethodHead, "/graphiql"); w.Code != http.StatusOK || w.Body.Len() != 0 {
		t.Errorf("HEAD: %d with %d bytes", w.Code, w.Body.Len())
	}
}

func TestHandlerGuardsEveryAnswer(t *testing.T) {
	h := newHandler(page(t))
	for _, target := range []string{"/graphiql", "/graphiql/assets/main-1a2b.js", "/graphiql/nothing"} {
		header := ask(h, http.MethodGet, target).Header()
		if header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %s: content may be sniffed", target)
		}
		csp := header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self';", "connect-src 'self';", "worker-src 'self';", "frame-ancestors 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("GET %s: the policy %q lacks %s", target, csp, want)
			}
		}
		for _, bad := range []string{"unsafe-eval", "http:", "https:", "*", "blob:"} {
			if strings.Contains(csp, bad) {
				t.Errorf("GET %s: the policy %q has %s", target, csp, bad)
			}
		}
	}
}

// TestTabs holds the form of the questions; that their fields exist is held against the schema by the package graph.
func TestTabs(t *testing.T) {
	questions, err := fs.Glob(Tabs(), "*.graphql")
	if err != nil || len(questions) < 12 {
		t.Fatalf("%d questions, want a dozen: %v", len(questions), err)
	}
	seen := map[string]string{}
	for _, file := range questions {
		text, doc := readTab(t, file)
		title, ok := strings.CutPrefix(strings.SplitN(text, "\n", 2)[0], "# ")
		if !ok || title == "" {
			t.Errorf("%s: the first line is not a comment with a title", file)
		}
		if len(doc.Operations) != 1 || doc.Operations[0].Name == "" {
			t.Errorf("%s: want exactly one operation, with a name (it is the name of the tab)", file)
			continue
		}
		operation := doc.Operations[0]
		for _, key := range []string{title, operation.Name} {
			if other, twice := seen[key]; twice {
				t.Errorf("%s and %s share %q", file, other, key)
			}
			seen[key] = file
		}
		if operation.Operation == ast.Mutation && !strings.Contains(text, "dryRun: true") {
			t.Errorf("%s: a ready-made mutation must be a dry run", file)
		}
		checkFill(t, file, operation)
	}
	fills, err := fs.Glob(Tabs(), "fill/*.graphql")
	if err != nil {
		t.Fatal(err)
	}
	for _, fill := range fills {
		if _, err := fs.Stat(Tabs(), path.Base(fill)); err != nil {
			t.Errorf("%s fills no question", fill)
		}
	}
}

// checkFill wants every variable without a default to be filled by an alias of its name.
func checkFill(t *testing.T, file string, operation *ast.OperationDefinition) {
	t.Helper()
	for _, variable := range operation.VariableDefinitions {
		if variable.DefaultValue != nil {
			continue
		}
		_, fill := readTab(t, "fill/"+file)
		found := false
		for _, selection := range fill.Operations[0].SelectionSet {
			field, ok := selection.(*ast.Field)
			found = found || ok && field.Alias == variable.Variable
		}
		if !found {
			t.Errorf("fill/%s has no value for $%s", file, variable.Variable)
		}
	}
}

func readTab(t *testing.T, file string) (string, *ast.QueryDocument) {
	t.Helper()
	text, err := fs.ReadFile(Tabs(), file)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := parser.ParseQuery(&ast.Source{Name: file, Input: string(text)})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return string(text), doc
}

// TestBuiltPageIsWhole looks at what make web built: every file the page names is there, and nothing is inline or from
// elsewhere, which the policy would block.
func TestBuiltPageIsWhole(t *testing.T) {
	index, err := fs.ReadFile(built, "dist/index.html")
	if err != nil {
		t.Skip("the page is not built: make web")
	}
	links := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllSubmatch(index, -1)
	if len(links) < 3 {
		t.Fatalf("the page names %d files, want at least an icon, a script and a style sheet", len(links))
	}
	for _, link := range links {
		target := string(link[1])
		if w := ask(Handler(), http.MethodGet, target); !strings.HasPrefix(target, "/graphiql/") || w.Code != http.StatusOK {
			t.Errorf("the page names %s: %d", target, w.Code)
		}
	}
	if regexp.MustCompile(`<script[^>]*>[^<]`).Match(index) {
		t.Error("the page has an inline script")
	}
}
