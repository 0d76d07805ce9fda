package bench

import (
	"context"
	"database/sql"
	"runtime/debug"
	"sync/atomic"
	"testing"

	"github.com/ringfence/ringfence/internal/app/apptest"
	"github.com/ringfence/ringfence/internal/store/storetest/cluster"
)

// BenchmarkProfile is the hot path with the service in this process, for `make profile`: what the compiler is told about it.
func BenchmarkProfile(b *testing.B) {
	debug.SetGCPercent(1000) // as the program does
	for range b.N {
		c, err := cluster.StartDurable(context.Background())
		must(b, err)
		b.Cleanup(func() { _ = c.Stop() })
		service := apptest.StartOn(b, c.URL("postgres"))
		service.Admin().Do(estate, nil, nil)
		s := &stage{b: b, address: c.URL("postgres"), url: service.URL, token: service.Token("root@contoso.example", "GLOBAL_ADMIN")}
		s.db, err = sql.Open("postgres", s.address)
		must(b, err)
		b.Cleanup(func() { _ = s.db.Close() })
		next := atomic.Int64{}
		next.Store(s.users(400_000))
		rate, _ := s.assign(b, &next)
		b.ReportMetric(rate, "assigned/s")
	}
}
