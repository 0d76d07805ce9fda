package policy

import (
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// canonical reads the JSON that appendJSON writes, an order of magnitude faster than by way of Go values: a replay reads a hundred
// thousand inputs. It takes nothing but that form, whole numbers and strings without escapes included, and leaves everything else,
// whether it is JSON or not, to who reads it in earnest.
type canonical struct {
	builder
	in string
	at int
}

// readCanonical gives the document, or false if the text is not in the form.
func readCanonical(text string) (*ast.Term, bool) {
	c := canonical{in: text, builder: builder{slab: make([]ast.Term, 0, len(text)/16)}}
	term := c.value(maxNested)
	return term, term != nil && c.at == len(text)
}

// maxNested bounds how deep a document in the short form is nested; inputs are nested four deep, and arguments as a client wrote them.
const maxNested = 32

func (c *canonical) value(depth int) *ast.Term {
	if depth == 0 || c.at >= len(c.in) {
		return nil
	}
	switch c.in[c.at] {
	case '{':
		return c.members(depth)
	case '[':
		return c.items(depth)
	case '"':
		if s, ok := c.string(); ok {
			return c.word(s)
		}
		return nil
	}
	for _, known := range literals {
		if strings.HasPrefix(c.in[c.at:], known.text) {
			c.at += len(known.text)
			return known.term
		}
	}
	return c.whole()
}

var literals = []struct {
	text string
	term *ast.Term
}{{"true", ast.InternedTerm(true)}, {"false", ast.InternedTerm(false)}, {"null", ast.InternedNullTerm}}

// whole reads a whole number of up to 18 digits, without a sign or a leading zero.
func (c *canonical) whole() *ast.Term {
	from, n := c.at, int64(0)
	for c.at < len(c.in) && c.in[c.at] >= '0' && c.in[c.at] <= '9' {
		n = n*10 + int64(c.in[c.at]-'0')
		c.at++
	}
	if digits := c.at - from; digits == 0 || digits > 18 || digits > 1 && c.in[from] == '0' {
		return nil
	}
	return c.number(n)
}

// string reads a string of plain ASCII.
func (c *canonical) string() (string, bool) {
	if c.at >= len(c.in) || c.in[c.at] != '"' {
		return "", false
	}
	for i := c.at + 1; i < len(c.in); i++ {
		switch b := c.in[i]; {
		case b == '"':
			s := c.in[c.at+1 : i]
			c.at = i + 1
			return s, true
		case b < 0x20 || b >= 0x7f || b == '\\':
			return "", false
		}
	}
	return "", false
}

// take moves past a byte.
func (c *canonical) take(b byte) bool {
	if c.at < len(c.in) && c.in[c.at] == b {
		c.at++
		return true
	}
	return false
}

func (c *canonical) items(depth int) *ast.Term {
	c.at++
	if c.take(']') {
		return ast.InternedEmptyArray
	}
	var terms []*ast.Term
	for {
		item := c.value(depth - 1)
		if item == nil {
			return nil
		}
		terms = append(terms, item)
		if c.take(']') {
			return c.wrap(ast.NewArray(terms...))
		}
		if !c.take(',') {
			return nil
		}
	}
}

func (c *canonical) members(depth int) *ast.Term {
	c.at++
	if c.take('}') {
		return c.object()
	}
	pairs := make([]pair, 0, 10)
	last := ""
	for {
		key, ok := c.string()
		if !ok || !c.take(':') || len(pairs) > 0 && key <= last { // sorted, so that none is there twice
			return nil
		}
		value := c.value(depth - 1)
		if value == nil {
			return nil
		}
		last = key
		pairs = append(pairs, pair{c.key(key), value})
		if c.take('}') {
			return c.object(pairs...)
		}
		if !c.take(',') {
			return nil
		}
	}
}

// key gives the term of a key, one of those that all inputs share if it can.
func (c *canonical) key(name string) *ast.Term {
	if term, ok := keys[name]; ok {
		return term
	}
	return c.text(name)
}

// keys are the terms of the keys of an input, by text.
var keys = byText(
	kAction, kAllotment, kArgs, kAvailable, kBlockedLocations, kConsumed, kCount, kCountries, kDaysAhead, kDaysBefore, kDaysTo,
	kDelegate, kDelegateOf, kDelegateAbove, kDelegateHere, kDepartment, kDepartments, kDraws, kEnabled, kEndsAt, kFields, kGroup,
	kGroups, kHeldPlans, kID, kLicense, kLimit, kMembers, kMode, kMonthsAhead, kName, kNow, kOpen, kOverride, kPlans, kPool, kPools,
	kPreviousLimit, kPrincipal, kProductKind, kPurchase, kQuantity, kRenewals, kRequested, kReserved, kRoles, kScope, kShortBy,
	kSKU, kStartsAt, kSubjects, kSystem, kTier, kType, kUnlimited, kUsageLocation, kUsed, kUserID, kVia, kWindow,
)

func byText(terms ...*ast.Term) map[string]*ast.Term {
	named := make(map[string]*ast.Term, len(terms))
	for _, term := range terms {
		text, _ := textOf(term)
		named[text] = term
	}
	return named
}
