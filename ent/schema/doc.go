// Package schema declares the tables of Ringfence: fields, edges, indexes and CHECKs. It has no hooks, no privacy rules and
// no behavior; the words are those of semantics.md §1.
//
// Tables that hold a row per seat or per membership carry plain id columns without foreign keys: three keys make a seat row
// four times as dear, and only internal/operation writes them. `ringfence verify` looks for what keys would have refused.
package schema
