package app_test

import (
	"os"
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
