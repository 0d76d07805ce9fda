// Package bench measures the whole service on a durable PostgreSQL of its own, always beside a plain way of doing the same in
// the same run: `make bench`. The figures are noted in docs/performance.md.
package bench
