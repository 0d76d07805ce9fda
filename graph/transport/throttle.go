package transport

import (
	"math"
	"net"
	"net/http"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/identity"
)

// maxBuckets bounds how many callers are remembered; one who is forgotten starts with a full bucket.
const maxBuckets = 10_000

// throttle limits the requests of each caller: a token bucket per user name, or per address for who is anonymous.
type throttle struct {
	limit   rate.Limit
	burst   int
	buckets *lru.Cache[string, *rate.Limiter]
}

func newThrottle(perSecond float64, burst int) *throttle {
	if burst <= 0 {
		burst = max(1, int(math.Ceil(perSecond)))
	}
	buckets, err := lru.New[string, *rate.Limiter](maxBuckets)
	if err != nil {
		panic(err) // only for a size that is not positive
	}
	return &throttle{limit: rate.Limit(perSecond), burst: burst, buckets: buckets}
}

func (t *throttle) allow(caller string) bool {
	bucket, known := t.buckets.Get(caller)
	if !known {
		bucket = rate.NewLimiter(t.limit, t.burst)
		if first, raced, _ := t.buckets.PeekOrAdd(caller, bucket); raced {
			bucket = first
		}
	}
	return bucket.Allow()
}

func (t *throttle) middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t.allow(callerOf(r)) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Retry-After", "1")
		writeFault(w, r, http.StatusTooManyRequests, fault.New(fault.RateLimited, "too many requests; try again in a moment"))
	})
}

func callerOf(r *http.Request) string {
	if who := identity.FromContext(r.Context()); who != nil {
		return "user:" + who.UserName
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return "address:" + host
}
