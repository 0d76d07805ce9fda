// Package scalar reads and writes the scalars of the GraphQL schema. What it refuses is INVALID_INPUT: a date that is none, a
// number that does not fit, a decimal that is not exact.
package scalar
