// Package licensing holds the domain's values and arithmetic: pools, seats, queues, dates. It is pure: no context, no
// SQL, no OPA and no GraphQL, so that every rule of the ledger can be read and tested on its own.
package licensing
