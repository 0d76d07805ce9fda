package operation

import (
	"maps"
	"slices"
)

// SetChunk makes a transaction work through at most n members of a group, until the returned function is called. A test that uses
// it must not run beside others.
func SetChunk(n int64) (restore func()) {
	before := chunk
	chunk = n
	return func() { chunk = before }
}

// RecordedCommands names the commands that can be run again from the record.
func RecordedCommands() []string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(kinds)), func(name string) bool {
		_, replaces := kinds[name].fresh().(committed)
		return replaces
	})
	slices.Sort(names)
	return names
}
