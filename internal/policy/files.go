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

// Files is the text of a policy by path, before anything is checked: Rego files, and JSON files at the top, which are merged into
// the document data. Everything else is no part of a policy.
type Files map[string]string

// ReadFiles reads the Rego files of the tree and the JSON files at its top. Hidden files and folders (an editor's, a
// mounted volume's) and everything else, schemas for editors included, are passed over. A policy of more than 8 MB is an error.
func ReadFiles(tree fs.FS) (Files, error) {
	files := Files{}
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
		if entry.IsDir() || !isModule(name) && !isData(name) {
			return nil
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		if total += len(text); total > maxSource {
			return fmt.Errorf("the policy is larger than %d bytes", maxSource)
		}
		if len(files) >= maxFiles {
			return fmt.Errorf("the policy has more than %d files", maxFiles)
		}
		files[name] = string(text)
		return nil
	})
	return files, err
}

func isModule(name string) bool { return path.Ext(name) == ".rego" }

func isData(name string) bool { return path.Ext(name) == ".json" && path.Dir(name) == "." }

// names gives the paths of one sort of files, in order.
func (f Files) names(of func(name string) bool) []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(f)), func(name string) bool { return !of(name) })
}

// Revision names the content: same files, same revision, whenever and wherever they were read.
func (f Files) Revision() string {
	sum := sha256.New()
	for _, name := range append(f.names(isModule), f.names(isData)...) {
		for _, part := range []string{name, f[name]} {
			var size [8]byte
			binary.BigEndian.PutUint64(size[:], uint64(len(part)))
			sum.Write(size[:])
			sum.Write([]byte(part))
		}
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// document merges the JSON files into one document. Two files must not define the same top-level key.
func (f Files) document() (map[string]any, []Problem) {
	merged := map[string]any{}
	var problems []Problem
	for _, name := range f.names(isData) {
		var content map[string]any
		decoder := json.NewDecoder(strings.NewReader(f[name]))
		decoder.UseNumber()
		if err := decoder.Decode(&content); err != nil {
			problems = append(problems, jsonProblem(name, []byte(f[name]), err))
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
