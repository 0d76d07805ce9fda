// Package id makes the opaque ids clients see: what kind of thing, and which. An id says nothing about whether the thing
// exists or may be seen.
package id

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Noun is a kind of thing an id can name.
type Noun string

// The nouns, each the prefix of its ids.
const (
	Vendor       Noun = "ven"
	Product      Noun = "prd"
	ServicePlan  Noun = "pln"
	Contract     Noun = "con"
	License      Noun = "lic"
	Allotment    Noun = "alt"
	User         Noun = "usr"
	Group        Noun = "grp"
	GroupLicense Noun = "gli"
	Seat         Noun = "sea"
	Decision     Noun = "dec"
	Event        Noun = "evt"
	Deployment   Noun = "dep"
	Allocation   Noun = "alc"
	Purchase     Noun = "pur"
	ServiceToken Noun = "tok"
	Feed         Noun = "fed"

	PolicyPublication Noun = "pub"
	PolicyTrial       Noun = "trl"
)

// Nouns lists every noun.
func Nouns() []Noun {
	return []Noun{Vendor, Product, ServicePlan, Contract, License, Allotment, User, Group, GroupLicense, Seat, Decision, Event,
		Deployment, Allocation, Purchase, ServiceToken, Feed, PolicyPublication, PolicyTrial}
}

// ID names one thing to clients. The zero ID names nothing.
type ID struct {
	Noun Noun
	N    int64
}

// Of makes the id of the thing with the given key.
func Of(noun Noun, n int64) ID { return ID{Noun: noun, N: n} }

// String writes the id as clients see it.
func (i ID) String() string { return string(i.Noun) + "_" + strconv.FormatInt(i.N, 36) }

// Parse reads an id. It fails for any text that String would not have written.
func Parse(text string) (ID, error) {
	noun, number, found := strings.Cut(text, "_")
	n, err := strconv.ParseInt(number, 36, 64)
	parsed := ID{Noun: Noun(noun), N: n}
	if !found || err != nil || n <= 0 || parsed.String() != text {
		return ID{}, fmt.Errorf("not an id")
	}
	for _, known := range Nouns() {
		if known == parsed.Noun {
			return parsed, nil
		}
	}
	return ID{}, fmt.Errorf("not an id")
}

// Key gives the key behind the id when it names a thing of the noun, and 0 otherwise. No row has the key 0.
func (i ID) Key(noun Noun) int64 {
	if i.Noun != noun {
		return 0
	}
	return i.N
}

// MarshalGQL writes the id into a GraphQL answer.
func (i ID) MarshalGQL(w io.Writer) { _, _ = io.WriteString(w, strconv.Quote(i.String())) }

// UnmarshalGQL reads an id from a GraphQL input. A text that is no id becomes the zero ID, which names nothing: a malformed
// id must answer exactly like one that does not exist.
func (i *ID) UnmarshalGQL(v any) error {
	text, ok := v.(string)
	if !ok {
		return fmt.Errorf("an ID is a string")
	}
	*i, _ = Parse(text)
	return nil
}

// MarshalJSON writes the id as a string.
func (i ID) MarshalJSON() ([]byte, error) { return []byte(strconv.Quote(i.String())), nil }

// UnmarshalJSON reads an id from a string, as UnmarshalGQL does.
func (i *ID) UnmarshalJSON(text []byte) error {
	unquoted, err := strconv.Unquote(string(text))
	if err != nil {
		return fmt.Errorf("an ID is a string")
	}
	return i.UnmarshalGQL(unquoted)
}
