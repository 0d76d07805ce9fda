package transport

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
)

// Trust says what is done with a document that is not among the trusted ones.
type Trust string

// The modes of trusted documents (design.md §2).
const (
	TrustOff     Trust = "off"     // every document is executed, none has an id
	TrustLog     Trust = "log"     // every document is executed, and one that is not trusted is logged
	TrustRequire Trust = "require" // only trusted documents are executed
)

// TrustedDocuments are operations known beforehand, by the SHA-256 of their text in hexadecimal. A client may send the
// parameter documentId (the hash, with or without the prefix sha256:) instead of the text.
type TrustedDocuments struct {
	mode  Trust
	texts map[string]string
}

// LoadTrusted reads the files <sha256>.graphql of a directory. It refuses a file whose name is not the hash of its text: it was
// changed after somebody trusted it. With TrustOff nothing is read.
func LoadTrusted(dir string, mode Trust) (*TrustedDocuments, error) {
	switch mode {
	case TrustOff:
		return nil, nil
	case TrustLog, TrustRequire:
	default:
		return nil, fmt.Errorf("trusted documents are off, log or require, not %q", mode)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.graphql"))
	if err != nil {
		return nil, fmt.Errorf("trusted documents: %w", err)
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("trusted documents: there is no .graphql file in %s", dir)
	}
	d := &TrustedDocuments{mode: mode, texts: make(map[string]string, len(names))}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("trusted documents: %w", err)
		}
		hash := hashOf(string(text))
		if filepath.Base(name) != hash+".graphql" {
			return nil, fmt.Errorf("trusted documents: %s has the hash %s", name, hash)
		}
		d.texts[hash] = string(text)
	}
	return d, nil
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// text gives the document of an id.
func (d *TrustedDocuments) text(id string) (string, *fault.Error) {
	if d != nil {
		if text, ok := d.texts[strings.TrimPrefix(id, "sha256:")]; ok {
			return text, nil
		}
	}
	return "", fault.Missing("documentId", "document")
}

// trusting is the extension that looks at every document, whichever transport brought it.
type trusting struct {
	documents *TrustedDocuments
	log       *slog.Logger
}

var _ graphql.OperationParameterMutator = trusting{}

func (trusting) ExtensionName() string { return "TrustedDocuments" }

func (trusting) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationParameters refuses or logs a document that is not trusted.
func (t trusting) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	hash := hashOf(params.Query)
	if _, trusted := t.documents.texts[hash]; trusted {
		return nil
	}
	if t.documents.mode == TrustRequire {
		err := fault.Invalid("query", "only documents this server knows are executed")
		return &gqlerror.Error{Err: err, Message: err.Message}
	}
	user := ""
	if who := identity.FromContext(ctx); who != nil {
		user = who.UserName
	}
	t.log.InfoContext(ctx, "document is not trusted", "sha256", hash, "operation", shorten(params.OperationName), "user", user, "requestId", RequestID(ctx))
	return nil
}
