package policy

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
)

// maxSource bounds a policy directory, all files together, in bytes.
const maxSource = 8 << 20

// source is the text of a policy directory as it was read, before anything is checked.
type source struct {
	modules  map[string][]byte // *.rego by path
	data     map[string][]byte // *.json at the top, merged into the document data
	revision string
}

// readSource reads the Rego files of the tree and the JSON files at its top. Hidden files and folders (an editor's, a
// mounted volume's) and everything else, schemas for editors included, are passed over.
func readSource(tree fs.FS) (*source, error) {
	s := &source{modules: map[string][]byte{}, data: map[string][]byte{}}
	total := 0
	err := fs.WalkDir(tree, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name != "." && strings.HasPrefix(path.Base(name), ".") {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		target := s.target(name)
		if entry.IsDir() || target == nil {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		if total += len(text); total > maxSource {
			return fmt.Errorf("the policy is larger than %d bytes", maxSource)
		}
		target[name] = text
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.revision = s.hash()
	return s, nil
}

// target is where a file belongs, nil for what is not part of a policy.
func (s *source) target(name string) map[string][]byte {
	switch {
	case path.Ext(name) == ".rego":
		return s.modules
	case path.Ext(name) == ".json" && path.Dir(name) == ".":
		return s.data
	}
	return nil
}

// hash names the content: same files, same revision, whenever and wherever they were read.
func (s *source) hash() string {
	sum := sha256.New()
	for _, files := range []map[string][]byte{s.modules, s.data} {
		for _, name := range slices.Sorted(maps.Keys(files)) {
			for _, part := range [][]byte{[]byte(name), files[name]} {
				var size [8]byte
				binary.BigEndian.PutUint64(size[:], uint64(len(part)))
				sum.Write(size[:])
				sum.Write(part)
			}
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// document merges the JSON files into one document. Two files must not define the same top-level key.
func (s *source) document() (map[string]any, []Problem) {
	merged := map[string]any{}
	var problems []Problem
	for _, name := range slices.Sorted(maps.Keys(s.data)) {
		var content map[string]any
		decoder := json.NewDecoder(bytes.NewReader(s.data[name]))
		decoder.UseNumber()
		if err := decoder.Decode(&content); err != nil {
			problems = append(problems, jsonProblem(name, s.data[name], err))
			continue
		}
		for key, value := range content {
			if _, ok := merged[key]; ok {
				problems = append(problems, Problem{File: name, Message: fmt.Sprintf("%q is already defined by another file", key)})
			}
			merged[key] = value
		}
	}
	return merged, problems
}

func jsonProblem(name string, text []byte, err error) Problem {
	p := Problem{File: name, Row: 1, Column: 1, Message: err.Error()}
	offset := int64(len(text))
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		offset = syntax.Offset
	} else if kind, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		offset = kind.Offset
	}
	before := text[:min(max(offset-1, 0), int64(len(text)))]
	p.Row += bytes.Count(before, []byte("\n"))
	p.Column = len(before) - bytes.LastIndexByte(before, '\n')
	return p
}
