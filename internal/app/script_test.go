package app_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts in testdata/script use the program as a person at a terminal would. Each runs in a directory of its own; `ringfence` is
// the program. UPDATE_SCRIPTS=1 writes what was printed into the files that are compared.
func TestScripts(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv(asProgram, "1")
			env.Setenv("RINGFENCE_DATA_DIR", env.WorkDir+"/data")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"mkdata": writePeople,
			"ringfence": func(ts *testscript.TestScript, neg bool, args []string) {
				err := ts.Exec(program, args...)
				if neg && err == nil {
					ts.Fatalf("ringfence %v did not fail", args)
				}
				if !neg {
					ts.Check(err)
				}
			},
		},
	})
}

// writePeople writes a list of 2,000 people into a file: more than anybody wants to read in a script.
func writePeople(ts *testscript.TestScript, _ bool, args []string) {
	people := make([]string, 2000)
	for i := range people {
		people[i] = fmt.Sprintf(`{"id": %d, "left": false}`, i)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(`{"people": [`+strings.Join(people, ",")+`]}`), 0o600))
}
