package app_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fence is a block of code in a page: its language, the name of a file if it is one, and its text.
var fence = regexp.MustCompile("(?ms)^```(\\w+)(?: ([\\w.-]+))?\n(.*?)^```$")

// word is a word of a command line, in quotes if it has blanks.
var word = regexp.MustCompile(`"[^"]*"|\S+`)

// docs/feeds.md is tried: its files are written, its commands run in order, and what they say is what stands there. Only the time of an
// earlier reading is left out.
func TestFeedsPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/feeds.md")
	if err != nil {
		t.Fatal(err)
	}
	eachURL(t, func(t *testing.T, url string) {
		t.Chdir(t.TempDir())
		t.Setenv("RINGFENCE_DATABASE", url)
		t.Setenv("RINGFENCE_LOG_LEVEL", "error")
		said, commands := "", 0
		for _, block := range fence.FindAllStringSubmatch(string(page), -1) {
			language, name, text := block[1], block[2], block[3]
			switch {
			case name != "":
				if err := os.WriteFile(filepath.Clean(name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			case language == "sh":
				said = ""
				for command := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
					args := word.FindAllString(command, -1)
					for i := range args {
						args[i] = strings.Trim(args[i], `"`)
					}
					got := cli(t, args[1:]...)
					said += got.stdout + complaints(got.stderr)
					commands++
				}
			case language == "text":
				if got := readBefore.ReplaceAllString(said, "read before    by"); got != text {
					t.Errorf("got\n%s\nand the page says\n%s", got, text)
				}
			}
		}
		if commands < 12 {
			t.Errorf("%d commands were found", commands)
		}
		says(t, cli(t, "verify").ok(t).stdout, "clean")
		says(t, cli(t, "policy", "simulate").ok(t).stdout, "nothing would be different")
	})
}

var readBefore = regexp.MustCompile(`(?m)^read before    \S+ by`)

// complaints are the lines with which a command fails.
func complaints(stderr string) string {
	var text strings.Builder
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "ringfence:") {
			text.WriteString(line)
		}
	}
	return text.String()
}
