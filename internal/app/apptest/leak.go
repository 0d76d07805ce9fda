package apptest

import (
	"regexp"
	"strings"
	"sync"

	"github.com/ringfence/ringfence/ent/migrate"
)

// insides are what an answer must never carry: SQL and what a database says, paths, Go's types and values, stacks, addresses.
var insides = regexp.MustCompile(strings.Join([]string{
	`\bSELECT\b.*\bFROM\b`, `\bINSERT INTO\b`, `\bUPDATE\b.*\bSET\b`, `\bDELETE FROM\b`, `\bON CONFLICT\b`,
	`\bpq: `, `(?i)sqlite`, `SQLSTATE`, `(?i)violates .*constraint`, `(?i)constraint failed`, `syntax error at`, `deadlock detected`, `no such (?:table|column)`,
	`/(?:tmp|home|root|usr|var|work|etc|proc|build)/`, `\.go:\d`, `goroutine \d`, `runtime error`, `\bpanic\b`, `github\.com/`,
	`\bent: `, `\bjson: `, `\bstrconv\.`, `\breflect\.`, `\bgqlgen\b`, `interface \{\}`, `interface conversion`, `\bmap\[`, `<nil>`, `%!\w?\(`, `\b0x[0-9a-f]{8}`,
	`\*[a-z]+\.[A-Z]`, `\b[a-z]+\.[A-Z]\w*Error\b`, `context (?:deadline exceeded|canceled)`, `unexpected EOF`, `dial (?:tcp|unix)`, `connection re(?:fused|set)`,
	`127\.0\.0\.1:\d`, `\[::1\]:\d`,
}, "|"))

// tables are the names of tables, columns, indexes and constraints that nobody would use in a sentence.
var tables = sync.OnceValue(func() *strings.Replacer {
	const found = "\x00"
	var pairs []string
	add := func(name string) {
		if strings.Contains(name, "_") {
			pairs = append(pairs, name, found)
		}
	}
	for _, t := range migrate.Tables {
		add(t.Name)
		for _, i := range t.Indexes {
			add(i.Name)
		}
		for _, f := range t.ForeignKeys {
			add(f.Symbol)
		}
		if t.Annotation != nil {
			for name := range t.Annotation.Checks {
				add(name)
			}
		}
	}
	return strings.NewReplacer(pairs...)
})

// Leak gives what an answer tells of the inside of the service, empty if it tells nothing.
func Leak(answer string) string {
	if leak := insides.FindString(answer); leak != "" {
		return leak
	}
	if marked := tables().Replace(answer); strings.Contains(marked, "\x00") {
		at := strings.Index(marked, "\x00")
		return answer[at:min(len(answer), at+60)]
	}
	return ""
}
