// Package testschema is a small executable schema for the tests of the transport: it has what a request may meet, such as
// lists, inputs of every scalar, faults, panics and slow fields. generated.go is made by `go tool gqlgen generate`.
package testschema

//go:generate go tool gqlgen generate
