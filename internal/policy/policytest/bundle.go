package policytest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/bundle"
)

// Key is a key to sign bundles with, as PEM, and a file with its public half.
type Key struct{ Private, Public, File string }

// KeyOf writes the public half of a key into a file that goes with the test.
func KeyOf(t testing.TB, key crypto.Signer) Key {
	t.Helper()
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	k := Key{
		Private: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})),
		Public:  string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		File:    filepath.Join(t.TempDir(), "key.pem"),
	}
	if err := os.WriteFile(k.File, []byte(k.Public), 0o600); err != nil {
		t.Fatal(err)
	}
	return k
}

// Bundle makes an archive of the files of a policy, with the signature if there is a key, as `opa build --signing-key` does.
func Bundle(t testing.TB, files map[string]string, algorithm, private string) []byte {
	t.Helper()
	all := map[string]string{"/.manifest": `{"revision": "1", "roots": [""]}`}
	for name, text := range files {
		all["/"+name] = text
	}
	if private != "" {
		var infos []bundle.FileInfo
		for name, text := range all {
			infos = append(infos, fileInfo(t, name, text))
		}
		token, err := bundle.GenerateSignedToken(infos, bundle.NewSigningConfig(private, algorithm, ""), "")
		if err != nil {
			t.Fatal(err)
		}
		all["/.signatures.json"] = fmt.Sprintf(`{"signatures": [%q]}`, token)
	}
	return Archive(t, all)
}

func fileInfo(t testing.TB, name, text string) bundle.FileInfo {
	t.Helper()
	hasher, err := bundle.NewSignatureHasher(bundle.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	var value any = []byte(text)
	if bundle.IsStructuredDoc(name) {
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatal(err)
		}
	}
	sum, err := hasher.HashFile(value)
	if err != nil {
		t.Fatal(err)
	}
	return bundle.NewFile(strings.TrimPrefix(name, "/"), hex.EncodeToString(sum), string(bundle.SHA256))
}

// Archive packs files as bundles are packed, whatever they are.
func Archive(t testing.TB, files map[string]string) []byte {
	t.Helper()
	var buffer bytes.Buffer
	zipped := gzip.NewWriter(&buffer)
	writer := tar.NewWriter(zipped)
	for name, text := range files {
		if err := writer.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(text)), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(writer, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}
