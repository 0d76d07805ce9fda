// Package history runs the recorded history again under another policy, in a database of its own: who would hold a seat, who would wait
// and how long, how full pools would have been, and what it would have cost. It has no ledger of its own: every recorded request takes
// the one path of operation again, in its order, at its time.
package history
