// Package transport serves a GraphQL schema over HTTP as the GraphQL-over-HTTP specification says: media types, status
// codes, limits, the gate before root fields, and errors as the API promises them (semantics.md §8).
package transport
