package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage"

	"github.com/ringfence/ringfence/policies"
)

const (
	decisionQuery = "data.ringfence.decision"
	readQuery     = `{"masked": data.ringfence.masked, "actions": data.ringfence.actions}`
	testSuffix    = "_test.rego"
)

// inputSchema is the service's own. A directory may carry a copy for its editor, but cannot change what the input is.
var inputSchema = policies.InputSchema

// parsed are the modules of the policy that was parsed last, by name and text. A save changes one file of many, and a parsed module is
// never changed: the compiler works on copies.
var parsed atomic.Pointer[map[[2]string]*ast.Module]

func (f Files) parse() (map[string]*ast.Module, []Problem) {
	var before map[[2]string]*ast.Module
	if last := parsed.Load(); last != nil {
		before = *last
	}
	kept := make(map[[2]string]*ast.Module, len(f))
	modules := make(map[string]*ast.Module, len(f))
	var problems []Problem
	options := ast.ParserOptions{Capabilities: capabilities(), ProcessAnnotation: true, RegoVersion: ast.RegoV1}
	for _, name := range f.names(isModule) {
		key := [2]string{name, f[name]}
		module := before[key]
		if module == nil {
			var err error
			if module, err = ast.ParseModuleWithOpts(name, f[name], options); err != nil {
				problems = append(problems, inFile(name, problemsOf(err))...)
				continue
			}
		}
		modules[name], kept[key] = module, module
	}
	parsed.Store(&kept)
	return modules, problems
}

func withoutTests(modules map[string]*ast.Module) map[string]*ast.Module {
	kept := maps.Clone(modules)
	maps.DeleteFunc(kept, func(name string, _ *ast.Module) bool { return strings.HasSuffix(name, testSuffix) })
	return kept
}

// newCompiler is strict, knows the shape of the input on every module, and refuses a rule where data already is.
func newCompiler(ctx context.Context, store storage.Store, txn storage.Transaction) (*ast.Compiler, error) {
	var schema any
	if err := json.Unmarshal(inputSchema, &schema); err != nil {
		return nil, fmt.Errorf("schemas/input.json: %w", err)
	}
	schemas := ast.NewSchemaSet()
	schemas.Put(ast.SchemaRootRef, schema)
	return ast.NewCompiler().
		WithStrict(true).
		WithCapabilities(capabilities()).
		WithSchemas(schemas).
		WithPathConflictsCheck(storage.NonEmpty(ctx, store, txn)).
		WithDefaultRegoVersion(ast.RegoV1), nil
}

// compile compiles modules without tests; the map is changed.
func compile(ctx context.Context, modules map[string]*ast.Module, store storage.Store) (*ast.Compiler, error) {
	var compiler *ast.Compiler
	err := storage.Txn(ctx, store, storage.TransactionParams{}, func(txn storage.Transaction) error {
		var err error
		if compiler, err = newCompiler(ctx, store, txn); err != nil {
			return err
		}
		inlineDefaults(modules)
		if compiler.Compile(modules); compiler.Failed() {
			return compiler.Errors
		}
		return nil
	})
	return compiler, err
}

func prepare(ctx context.Context, query string, compiler *ast.Compiler, store storage.Store) (prepared, error) {
	document, err := storage.ReadOne(ctx, store, storage.RootPath)
	if err != nil {
		return prepared{}, err
	}
	ready, err := rego.New(
		rego.Query(query),
		rego.Compiler(compiler),
		rego.Store(store),
		rego.SetRegoVersion(ast.RegoV1),
		rego.StrictBuiltinErrors(true),
		rego.GenerateJSON(func(term *ast.Term, _ *rego.EvalContext) (any, error) { return term, nil }),
	).PrepareForEval(ctx)
	object, _ := document.(ast.Object)
	return prepared{ready, settled{object}}, err
}
