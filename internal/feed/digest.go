package feed

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
)

// Hashed computes the digest of what is read through it.
type Hashed struct {
	from io.Reader
	hash hash.Hash
}

// Hashing computes the digest of a file while it is read.
func Hashing(file io.Reader) *Hashed { return &Hashed{from: file, hash: sha256.New()} }

// Read reads.
func (h *Hashed) Read(p []byte) (int, error) {
	n, err := h.from.Read(p)
	_, _ = h.hash.Write(p[:n]) // a hash cannot fail
	return n, err
}

// Sum reads what is left and gives the SHA-256 of everything, in hexadecimal digits.
func (h *Hashed) Sum() (string, error) {
	if _, err := io.Copy(io.Discard, h); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.hash.Sum(nil)), nil
}
