package transport

import (
	"context"
	"regexp"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// The mistakes whose messages name what is at fault (gqlparser's rules ProvidedRequiredArguments, KnownArgumentNames and
// ValuesOfCorrectType).
var (
	namedArgument = regexp.MustCompile(`^(?:Unknown|Field "[^"]*") argument "([^"]*)"`)
	missingField  = regexp.MustCompile(`^Field "[^".]*\.([^"]*)" of required type`)
)

// fieldOfMistake gives the argument or input field a mistake in a document is about, as operations name fields; empty
// when it is about something else.
func fieldOfMistake(ctx context.Context, at *gqlerror.Error) string {
	if m := namedArgument.FindStringSubmatch(at.Message); m != nil {
		return m[1]
	}
	if m := missingField.FindStringSubmatch(at.Message); m != nil {
		return m[1]
	}
	if len(at.Locations) == 0 || !graphql.HasOperationContext(ctx) {
		return ""
	}
	return placesOf(graphql.GetOperationContext(ctx))[at.Locations[0]]
}

// places says which input field is written at a place of a document.
type places map[gqlerror.Location]string

// placesOf reads the places of a document, once per request: it may have thousands of mistakes.
func placesOf(op *graphql.OperationContext) places {
	const extension = "places"
	if p, known := op.Stats.GetExtension(extension).(places); known {
		return p
	}
	p := places{}
	op.Stats.SetExtension(extension, p)
	// The guard has bounded the document, and gqlgen has parsed it before; only the positions of its values are wanted.
	doc, err := parser.ParseQuery(&ast.Source{Input: op.RawQuery})
	if err != nil {
		return p
	}
	for _, operation := range doc.Operations {
		for _, v := range operation.VariableDefinitions {
			p.value(ast.Path{ast.PathName(v.Variable)}, v.DefaultValue)
		}
		p.set(operation.SelectionSet)
	}
	for _, f := range doc.Fragments {
		p.set(f.SelectionSet)
	}
	return p
}

func (p places) set(set ast.SelectionSet) {
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			for _, a := range selection.Arguments {
				p.value(ast.Path{ast.PathName(a.Name)}, a.Value)
			}
			p.set(selection.SelectionSet)
		case *ast.InlineFragment:
			p.set(selection.SelectionSet)
		}
	}
}

// value notes the place of a value and of all in it. The path is shared and only ever grown at its end.
func (p places) value(path ast.Path, v *ast.Value) {
	if v == nil {
		return
	}
	p.note(path, v.Position)
	for i, child := range v.Children {
		inner := append(path, ast.PathIndex(i))
		if v.Kind == ast.ObjectValue {
			inner = append(path, ast.PathName(child.Name))
			p.note(inner, child.Position)
		}
		p.value(inner, child.Value)
	}
}

func (p places) note(path ast.Path, position *ast.Position) {
	if position != nil {
		p[gqlerror.Location{Line: position.Line, Column: position.Column}] = fieldName(path)
	}
}
