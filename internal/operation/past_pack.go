package operation

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Bounds of what is recorded of a request.
const (
	packFrom    = 4 << 10   // what is longer than this many bytes is compressed
	mostContent = 8 << 20   // of a file, compressed; what is larger is not kept
	mostPast    = 256 << 20 // of what is compressed, when it is read again
)

// packed marks what is compressed; JSON begins with a brace.
const packed = "gz:"

// pack compresses a text if it is long.
func pack(text []byte) (string, error) {
	if len(text) <= packFrom {
		return string(text), nil
	}
	small, err := compress(bytes.NewReader(text), 0)
	return packed + base64.StdEncoding.EncodeToString(small), err
}

// unpack is the reverse of pack.
func unpack(text string) ([]byte, error) {
	coded, is := strings.CutPrefix(text, packed)
	if !is {
		return []byte(text), nil
	}
	small, err := base64.StdEncoding.DecodeString(coded)
	if err != nil {
		return nil, err
	}
	r, err := gzip.NewReader(bytes.NewReader(small))
	if err != nil {
		return nil, err
	}
	large, err := io.ReadAll(io.LimitReader(r, mostPast+1))
	if err == nil && len(large) > mostPast {
		err = fmt.Errorf("a recorded request is larger than %d bytes", mostPast)
	}
	return large, err
}

// compress reads all there is and gives it compressed; nil if that passes a number of bytes which is not 0.
func compress(from io.Reader, most int) ([]byte, error) {
	var small bytes.Buffer
	w, _ := gzip.NewWriterLevel(&small, gzip.BestSpeed) // the level is one there is
	part := make([]byte, 64<<10)
	for {
		n, err := from.Read(part)
		if _, err := w.Write(part[:n]); err != nil {
			return nil, err
		}
		if most > 0 && small.Len() > most {
			return nil, nil
		}
		if errors.Is(err, io.EOF) {
			err = w.Close()
			return small.Bytes(), err
		}
		if err != nil {
			return nil, err
		}
	}
}

// keepContent gives the content of a file, compressed; nil if it is too large to be kept.
func keepContent(f *File) (small []byte, err error) {
	file, err := f.open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return compress(file, mostContent)
}

// contentOf opens a file as it was kept.
func contentOf(small []byte) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return gzip.NewReader(bytes.NewReader(small)) }
}
