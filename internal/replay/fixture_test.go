package replay_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
	"github.com/ringfence/ringfence/internal/policy"
	"github.com/ringfence/ringfence/policies"
)

var quiet = policy.Limits{Timeout: 2 * time.Second, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}

// embedded are the files of the default policy.
func embedded(tb testing.TB) policy.Files {
	tb.Helper()
	files, err := policy.ReadFiles(policies.FS)
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// built takes files through the gate.
func built(tb testing.TB, files policy.Files) *policy.Policy {
	tb.Helper()
	p, problems := policy.Build(context.Background(), files, quiet)
	if len(problems) > 0 {
		tb.Fatal(problems)
	}
	return p
}

func stored(tb testing.TB, list []licensing.Violation) json.RawMessage {
	tb.Helper()
	if len(list) == 0 {
		return nil
	}
	text, err := json.Marshal(list)
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

// recalled is changed for a change that the gate would refuse.
func recalled(tb testing.TB, name, from, to string) *policy.Policy {
	tb.Helper()
	files := embedded(tb)
	if !strings.Contains(files[name], from) {
		tb.Fatalf("%s has no %q", name, from)
	}
	files[name] = strings.Replace(files[name], from, to, 1)
	p, err := policy.Recall(tb.Context(), files, quiet)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

func withoutTests(files policy.Files) policy.Files {
	for name := range files {
		if strings.HasSuffix(name, "_test.rego") {
			delete(files, name)
		}
	}
	return files
}
