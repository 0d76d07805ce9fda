// Command ringfence is the license allotment service: it serves the API, migrates the database, imports catalogs and verifies
// the ledger.
package main

import (
	"context"
	"os"

	"github.com/ringfence/ringfence/internal/app"
)

func main() {
	os.Exit(app.Main(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}
