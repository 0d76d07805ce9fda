package replay

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/ringfence/ringfence/internal/policy"
)

// What became of a rule or a setting.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Change is one rule or setting in which two policies differ. Rules are told by name; those that are written otherwise under the same
// name are compared in the order in which they stand.
type Change struct {
	Kind   string // Added, Removed or Changed
	Name   string // ringfence.grants, or settings.guests.license_by_group
	Was    string // file:row of a rule, the value of a setting as JSON; empty if it was added
	Is     string // the same, in the other policy; empty if it was removed
	IsRule bool
}

// Changes lists in what two policies differ, without their tests: the rules by name, then the settings by path.
func Changes(was, is policy.Files) []Change {
	return append(ruleChanges(was.Rules(), is.Rules()), settingChanges(settings(was), settings(is))...)
}

func ruleChanges(was, is []policy.Rule) []Change {
	gone, came := without(was, is), without(is, was)
	var changes []Change
	for _, name := range slices.Sorted(maps.Keys(joined(gone, came))) {
		old, fresh := gone[name], came[name]
		for i := range max(len(old), len(fresh)) {
			c := Change{Kind: Changed, Name: name, IsRule: true}
			if i < len(old) {
				c.Was = old[i].Place()
			} else {
				c.Kind = Added
			}
			if i < len(fresh) {
				c.Is = fresh[i].Place()
			} else {
				c.Kind = Removed
			}
			changes = append(changes, c)
		}
	}
	return changes
}

// without gives the rules of a list that another has not, word for word, by name. A rule that only moved is no change.
func without(list, other []policy.Rule) map[string][]policy.Rule {
	there := map[string]int{}
	for _, r := range other {
		there[r.Name+"\x00"+r.Text]++
	}
	left := map[string][]policy.Rule{}
	for _, r := range list {
		key := r.Name + "\x00" + r.Text
		if there[key] > 0 {
			there[key]--
			continue
		}
		left[r.Name] = append(left[r.Name], r)
	}
	return left
}

func joined[V any](a, b map[string]V) map[string]V {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func settingChanges(was, is map[string]string) []Change {
	var changes []Change
	for _, name := range slices.SortedFunc(maps.Keys(joined(was, is)), cmp.Compare[string]) {
		c := Change{Kind: Changed, Name: name, Was: was[name], Is: is[name]}
		switch {
		case c.Was == c.Is:
			continue
		case c.Was == "":
			c.Kind = Added
		case c.Is == "":
			c.Kind = Removed
		}
		changes = append(changes, c)
	}
	return changes
}

// settings are the values in the JSON files of a policy, each as JSON under its path. A list is one value.
func settings(files policy.Files) map[string]string {
	values := map[string]string{}
	for name, text := range files {
		if path.Ext(name) != ".json" {
			continue
		}
		var document map[string]any
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.UseNumber()
		if decoder.Decode(&document) == nil { // what is no JSON does not pass the gate
			spread("", document, values)
		}
	}
	return values
}

func spread(at string, value any, into map[string]string) {
	object, ok := value.(map[string]any)
	if !ok || len(object) == 0 {
		into[at] = spell(value)
		return
	}
	for key, inner := range object {
		if strings.ContainsAny(key, ". ") {
			key = strconv.Quote(key)
		}
		spread(strings.TrimPrefix(at+"."+key, "."), inner, into)
	}
}

func spell(value any) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil { // what was read from JSON can be written
		return ""
	}
	return strings.TrimSpace(text.String())
}
