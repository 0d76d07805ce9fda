// Package guard refuses documents and variables that would cost too much, before anything expensive is done with them.
// It is an extension of gqlgen's executor, so that no transport can forget it.
package guard
