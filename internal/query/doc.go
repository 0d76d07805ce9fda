// Package query is the only place that reads for the API. It turns what the policy lets a principal see into conditions that
// are part of every statement, so that a list, a count or an id answers alike for what is hidden and for what does not exist;
// and it loads every nested field for all its parents at once.
package query
