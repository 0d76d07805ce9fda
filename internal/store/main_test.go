package store_test

import (
	"os"
	"testing"

	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

func TestMain(m *testing.M) {
	store.SetEmptyDatabase(storetest.Empty)
	os.Exit(m.Run())
}
