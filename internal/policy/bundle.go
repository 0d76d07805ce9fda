package policy

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
)

// BundleConfig says where a signed bundle is, as `opa build` makes it, and whose signature counts. See docs/decisions/0025-bundle.md.
type BundleConfig struct {
	URL       string        // http or https
	KeyFile   string        // PEM file with the public key; a private key is refused, so that it is not deployed by mistake
	Algorithm string        // RS256, PS256, ES256, ES384, ES512, EdDSA …; empty: the usual one of the key
	Every     time.Duration // between two looks at the URL; 0: 30 s
	Cache     string        // file for the last good bundle, for a start without the network; empty: none
	Client    *http.Client  // nil: one with a timeout
}

const (
	bundleEvery   = 30 * time.Second
	bundleTimeout = 30 * time.Second
	maxUnpacked   = 2 * maxSource // of a bundle, all of it, in bytes
)

// signed fetches bundles and knows which it has seen. It is used under the engine's reload lock.
type signed struct {
	BundleConfig
	verify   *bundle.VerificationConfig
	etag     string    // of the bundle seen last, whether it passed or not: a refused one is not fetched again
	problems []Problem // of the bundle seen last
}

func newSigned(c BundleConfig) (*signed, error) {
	at, err := url.Parse(c.URL)
	if err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "" {
		return nil, errors.New("policy bundle: the address must be an http or https URL")
	}
	text, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("policy bundle: the key: %w", err)
	}
	algorithm, err := algorithmOf(text)
	if err != nil {
		return nil, fmt.Errorf("policy bundle: the key: %w", err)
	}
	if c.Algorithm == "" {
		c.Algorithm = algorithm
	}
	if strings.HasPrefix(c.Algorithm, "HS") {
		return nil, errors.New("policy bundle: a shared secret signs nothing; use RS256, ES256 or another algorithm with a public key")
	}
	if c.Every <= 0 {
		c.Every = bundleEvery
	}
	if c.Client == nil {
		c.Client = &http.Client{Timeout: bundleTimeout}
	}
	const id = "ringfence" // our key verifies, whichever the bundle names
	key := &bundle.KeyConfig{Key: string(text), Algorithm: c.Algorithm}
	return &signed{BundleConfig: c, verify: bundle.NewVerificationConfig(map[string]*bundle.KeyConfig{id: key}, id, "", nil)}, nil
}

// algorithmOf is the usual algorithm of a public key.
func algorithmOf(text []byte) (string, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return "", errors.New("the file is not PEM")
	}
	var key any
	var err error
	switch block.Type {
	case "PUBLIC KEY":
		key, err = x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		key, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			key = certificate.PublicKey
		}
	default:
		return "", fmt.Errorf("the file holds a %s, not a public key", strings.ToLower(block.Type))
	}
	if err != nil {
		return "", err
	}
	switch key := key.(type) {
	case *rsa.PublicKey:
		return "RS256", nil
	case ed25519.PublicKey:
		return "EdDSA", nil
	case *ecdsa.PublicKey:
		switch key.Curve.Params().BitSize {
		case 384:
			return "ES384", nil
		case 521:
			return "ES512", nil
		}
		return "ES256", nil
	}
	return "", errors.New("the key is of no known kind")
}

var errUnchanged = errors.New("the bundle is the one seen last")

// fetch gets the bundle as it is at the URL now, or errUnchanged.
func (s *signed) fetch(ctx context.Context) (raw []byte, etag string, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		return nil, "", err
	}
	if s.etag != "" {
		request.Header.Set("If-None-Match", s.etag)
	}
	response, err := s.Client.Do(request)
	if err != nil {
		if told, ok := errors.AsType[*url.Error](err); ok {
			err = told.Err // the address may hold a secret
		}
		return nil, "", fmt.Errorf("the bundle cannot be fetched: %w", err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	switch response.StatusCode {
	case http.StatusNotModified:
		return nil, "", errUnchanged
	case http.StatusOK:
	default:
		return nil, "", fmt.Errorf("the bundle cannot be fetched: the server answers %s", response.Status)
	}
	raw, err = io.ReadAll(io.LimitReader(response.Body, maxSource+1))
	if err != nil {
		return nil, "", fmt.Errorf("the bundle cannot be fetched: %w", err)
	}
	if len(raw) > maxSource {
		return nil, "", fmt.Errorf("the bundle is larger than %d bytes", maxSource)
	}
	return raw, response.Header.Get("ETag"), nil
}

// open verifies a bundle and gives the files of its policy. Nothing of it is parsed before its size is known and its signature holds.
func (s *signed) open(raw []byte) (Files, error) {
	unpacked, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, errors.New("the bundle is not a gzipped archive")
	}
	if size, err := io.Copy(io.Discard, io.LimitReader(unpacked, maxUnpacked+1)); err != nil {
		return nil, fmt.Errorf("the bundle cannot be unpacked: %w", err)
	} else if size > maxUnpacked {
		return nil, fmt.Errorf("the bundle is larger than %d bytes when it is unpacked", maxUnpacked)
	}
	return readBundle(raw, s.verify)
}

// readBundle reads lazily, which keeps every file as the text it was signed as.
func readBundle(raw []byte, verify *bundle.VerificationConfig) (files Files, err error) {
	defer func() {
		if r := recover(); r != nil {
			files, err = nil, fmt.Errorf("the bundle cannot be read: %v", r)
		}
	}()
	b, err := bundle.NewCustomReader(bundle.NewTarballLoader(bytes.NewReader(raw))).
		WithBundleVerificationConfig(verify).
		WithSizeLimitBytes(maxSource).
		WithLazyLoadingMode(true).
		WithRegoVersion(ast.RegoV1).
		Read()
	if err != nil {
		return nil, err
	}
	files = Files{}
	for _, file := range b.Raw {
		name := strings.TrimPrefix(file.Path, "/")
		if isModule(name) || isData(name) {
			files[name] = string(file.Value)
		}
	}
	return files, nil
}

// reloadBundle fetches the bundle and takes it into use if it is signed and passes the gate. A bundle that was refused stays refused
// until there is another one at the URL.
func (e *Engine) reloadBundle(ctx context.Context) error {
	s := e.bundle
	raw, etag, err := s.fetch(ctx)
	if errors.Is(err, errUnchanged) {
		e.setProblems(s.problems)
		if len(s.problems) > 0 {
			return &RefusedError{Problems: s.problems}
		}
		return nil
	}
	if err != nil {
		return e.refuse("", []Problem{{Message: err.Error()}})
	}
	files, err := s.open(raw)
	if err != nil {
		s.etag, s.problems = etag, unsigned(err)
		return e.refuse("", s.problems)
	}
	err = e.use(ctx, SourceBundle, files)
	if ctx.Err() != nil {
		return err
	}
	s.etag, s.problems = etag, nil
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		s.problems = refused.Problems
		return err
	}
	if err := s.keep(raw); err != nil {
		e.log.WarnContext(ctx, "the last good policy bundle is not kept for a start without the network", "cause", err)
	}
	return nil
}

// unsigned tells why a bundle was not opened; what its parser found keeps its place.
func unsigned(err error) []Problem {
	problems := problemsOf(err)
	for i := range problems {
		problems[i].Message = "the bundle is refused: " + problems[i].Message
	}
	return problems
}

// keep writes the bundle to the cache, whole or not at all.
func (s *signed) keep(raw []byte) error {
	if s.Cache == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(s.Cache), 0o700); err != nil {
		return err
	}
	draft := s.Cache + ".new"
	if err := os.WriteFile(draft, raw, 0o600); err != nil {
		return err
	}
	return os.Rename(draft, s.Cache)
}

// fallBack takes the last good bundle into use at a start at which the one at the URL cannot be had. Its signature is checked again.
// The problems go on telling why it answers.
func (e *Engine) fallBack(ctx context.Context, why error) error {
	if e.bundle.Cache == "" {
		return why
	}
	raw, err := os.ReadFile(e.bundle.Cache)
	if err != nil {
		return why
	}
	problems := e.Problems()
	files, err := e.bundle.open(raw)
	if err == nil {
		err = e.use(ctx, SourceBundle, files)
	}
	if err != nil {
		return errors.Join(why, fmt.Errorf("and the last good bundle does not help: %w", err))
	}
	e.setProblems(problems)
	e.log.WarnContext(ctx, "the last good policy bundle answers", "revision", e.Revision(), "cause", why)
	return nil
}

// poll looks at the URL again and again.
func (s *signed) poll(ctx context.Context, e *Engine) {
	tick := time.NewTicker(s.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			e.changed(ctx)
		}
	}
}
