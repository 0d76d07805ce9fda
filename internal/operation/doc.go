// Package operation holds everything the system can do: for each operation its command, which is also its GraphQL input, its
// facts, its rule and its writes; and the one runner that takes every command through lock, facts, policy, rule, write and
// record in a single transaction.
package operation
