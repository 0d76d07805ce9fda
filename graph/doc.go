// Package graph is the public API: the schema in graph/schema, the executor generated from it, the gate before its root fields, and
// resolvers of one line each that hand over to internal/operation (what writes) and internal/query (what reads).
package graph

//go:generate go -C .. tool gqlgen generate
