package feed

import (
	"errors"
	"hash/maphash"
	"io"
	"slices"
	"strings"
)

// Sheet is a kind of CSV file: what columns it has, and how a line becomes a row.
type Sheet[T any] struct {
	columns []column
	read    func(r *record) T
	// keys are what a row is known by, each a few texts; no two rows of a file may have one in common. The first text names the key in
	// messages. A key whose other texts are all empty is none.
	keys func(row *T) [][]string
}

// Columns names the columns that a file must have, and those it may have.
func (s *Sheet[T]) Columns() (must, may []string) {
	for _, c := range s.columns {
		if c.required {
			must = append(must, c.name)
		} else {
			may = append(may, c.name)
		}
	}
	return must, may
}

// Summary is what a file that was read to its end is like.
type Summary struct {
	Rows   int64  // of CSV, without the header and lines without any value; of JSON, elements
	Digest string // SHA-256 of its bytes, in hexadecimal digits

	Unknown []string // columns that are not used (CSV)
	Columns []string // columns that are, by the names they have in messages (CSV)

	NextLink  string // of the last page: where the next one is (Microsoft Graph)
	DeltaLink string // of the last page: where changes from then on are (Microsoft Graph)
}

// Rows reads the rows of a file one after the other.
type Rows[T any] struct {
	sheet  *Sheet[T]
	table  *table
	hashed *Hashed
	n      int64
}

// Open begins to read a file, of which name is what messages call it. Errors are INVALID_INPUT, with file:line:column and the field.
func (s *Sheet[T]) Open(name string, file io.Reader) (*Rows[T], error) {
	hashed := Hashing(file)
	t, err := openTable(name, hashed, s.columns)
	if err != nil {
		return nil, err
	}
	return &Rows[T]{sheet: s, table: t, hashed: hashed}, nil
}

// Next gives the next row; io.EOF at the end, or all mistakes of the file together. A line with a mistake is passed over.
func (r *Rows[T]) Next() (row T, err error) {
	for {
		line, err := r.table.next()
		if errors.Is(err, io.EOF) {
			return row, r.end()
		}
		if err != nil {
			return row, err
		}
		r.n++
		noted := r.table.count()
		if row = r.sheet.read(line); r.table.count() == noted {
			return row, nil
		}
	}
}

func (r *Rows[T]) end() error {
	if r.n == 0 && r.table.count() == 0 {
		r.table.note(r.table.mistake(1, 1, "", "the file has no line beside the names of its columns"))
	}
	if err := r.table.failure(); err != nil {
		return err
	}
	return io.EOF
}

// Part gives the next rows, at most n; none at the end of the file.
func (r *Rows[T]) Part(n int) ([]T, error) {
	part := make([]T, 0, n)
	for len(part) < n {
		row, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		part = append(part, row)
	}
	return part, nil
}

// Digest gives the SHA-256 of the whole file, in hexadecimal digits.
func (r *Rows[T]) Digest() (string, error) {
	digest, err := r.hashed.Sum()
	if err != nil {
		return "", r.table.unreadable(err)
	}
	return digest, nil
}

// Summary tells what the file is like; it must have been read to its end.
func (r *Rows[T]) Summary() (*Summary, error) {
	digest, err := r.Digest()
	if err != nil {
		return nil, err
	}
	s := &Summary{Rows: r.n, Digest: digest, Unknown: r.table.unknown}
	for _, c := range r.sheet.columns {
		if _, found := r.table.at[c.name]; found {
			s.Columns = append(s.Columns, c.name)
		}
	}
	return s, nil
}

// Check reads a whole file and tells what it is like, or everything that is wrong with it: beside what is wrong with single values,
// that a row is there twice. It keeps some 15 bytes of each key, and nothing else.
func (s *Sheet[T]) Check(name string, file io.Reader) (*Summary, error) {
	rows, err := s.Open(name, file)
	if err != nil {
		return nil, err
	}
	seen := newKeys()
	for {
		row, err := rows.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if s.keys == nil {
			continue
		}
		for _, key := range s.keys(&row) {
			if seen.again(key) {
				line := rows.table.last
				rows.table.note(rows.table.mistake(line, 1, key[0], "%s is in the file twice", strings.Join(shown(key[1:]), ", ")))
			}
		}
	}
	if err := rows.table.failure(); err != nil {
		return nil, err
	}
	return rows.Summary()
}

func shown(texts []string) []string {
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return text == "" })
}

// keys remembers which keys were there, by hashes of 64 bits: two different keys in a million have the same with a probability of
// one in ten million.
type keys struct {
	seed maphash.Seed
	seen map[uint64]struct{}
}

func newKeys() *keys { return &keys{seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}} }

// again tells whether a key was there before.
func (k *keys) again(key []string) bool {
	var h maphash.Hash
	h.SetSeed(k.seed)
	empty := true
	for i, text := range key {
		empty = empty && (i == 0 || text == "")
		_, _ = h.WriteString(text) // it cannot fail
		_ = h.WriteByte(0)
	}
	if empty {
		return false
	}
	sum := h.Sum64()
	if _, found := k.seen[sum]; found {
		return true
	}
	k.seen[sum] = struct{}{}
	return false
}
