// Package web holds GraphiQL, the page on which people explore the API, and serves it below /graphiql with no network.
// The page is built by Vite into dist (make web), which is not committed: without it the package still compiles and
// serves a short page that says how to build it.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"
)

// The pattern always matches dist.html, the page that says how to build, and the folder dist once Vite has made it.
// So a plain go build works on a fresh clone.
//
//go:embed all:dist*
var built embed.FS

//go:embed src/tabs
var source embed.FS

// policy is the content security policy of everything below /graphiql: scripts, styles, requests and workers of this
// origin only, no eval, no frames, no forms that leave. Monaco and the explorer set styles on elements as they go and
// GraphiQL's style sheet carries its fonts as data: URLs, hence the two exceptions for styles and fonts.
const policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self' data:; " +
	"img-src 'self' data:; connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// contentTypes are the types of what Vite writes. They do not depend on the tables of the machine, which a minimal
// container does not have.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".ttf":  "font/ttf",
	".md":   "text/markdown; charset=utf-8",
}

// Tabs gives the ready-made questions of the page: one GraphQL document NAME.graphql each, whose first line is a
// comment with its title, and in fill/NAME.graphql the query that finds values for the variables of the question with
// that name. Tests hold them against the schema.
func Tabs() fs.FS { return sub(source, "src/tabs") }

// Handler serves GraphiQL at /graphiql and below; mount it at "/graphiql" and "/graphiql/". Anyone may load the page:
// it holds no data, and every question goes to /graphql with the token of whoever signed in. It answers GET and HEAD
// only (405 otherwise) and 404 for a file that does not exist. Files below assets carry a hash of their content in
// their name and are cached for a year; everything else is asked for again each time.
func Handler() http.Handler { return newHandler(built) }

func newHandler(files fs.FS) http.Handler {
	page := "dist/index.html"
	if _, err := fs.Stat(files, page); err != nil {
		page = "dist.html"
	}
	return &handler{files: files, page: page}
}

type handler struct {
	files fs.FS
	page  string // the file behind /graphiql
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	name := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/graphiql"), "/")
	if name == "" || name == "index.html" {
		h.serve(w, r, h.page)
		return
	}
	h.serve(w, r, "dist/"+name)
}

// serve answers with one file, or 404. Assets exist compressed only (NAME.gz); a client that does not take gzip, which
// no browser is, gets them unpacked.
func (h *handler) serve(w http.ResponseWriter, r *http.Request, name string) {
	body, packed, err := h.read(name)
	if err != nil {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	header := w.Header()
	if strings.HasPrefix(name, "dist/assets/") {
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		sum := sha256.Sum256(body)
		header.Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
		header.Set("Cache-Control", "no-cache")
	}
	contentType, known := contentTypes[path.Ext(name)]
	if !known {
		contentType = "application/octet-stream"
	}
	header.Set("Content-Type", contentType)
	if packed {
		header.Set("Vary", "Accept-Encoding")
		if takesGzip(r) {
			header.Set("Content-Encoding", "gzip")
		} else if body, err = unpack(body); err != nil {
			http.Error(w, "the file is damaged", http.StatusInternalServerError)
			return
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// read gives a file as it is or, where only that exists, its compressed form.
func (h *handler) read(name string) (body []byte, packed bool, err error) {
	if !fs.ValidPath(name) || strings.HasSuffix(name, ".gz") {
		return nil, false, fs.ErrNotExist
	}
	if body, err = fs.ReadFile(h.files, name); err == nil {
		return body, false, nil
	}
	body, err = fs.ReadFile(h.files, name+".gz")
	return body, true, err
}

// takesGzip tells whether the client accepts gzip; a weight of zero refuses it.
func takesGzip(r *http.Request) bool {
	for _, coding := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(strings.ReplaceAll(coding, " ", ""), ";q=")
		if name == "gzip" {
			return strings.Trim(weight, "0.") != "" || weight == ""
		}
	}
	return false
}

func unpack(body []byte) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return io.ReadAll(reader)
}

// sub cannot fail for a folder the compiler embedded, so an error is a bug of this file.
func sub(files fs.FS, folder string) fs.FS {
	inner, err := fs.Sub(files, folder)
	if err != nil {
		panic(err)
	}
	return inner
}
