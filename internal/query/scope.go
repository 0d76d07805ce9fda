package query

import "github.com/ringfence/ringfence/internal/filter"

// The types of the policy's answer about what may be seen, each under the name it has there.
const (
	kindVendor       = "vendor"
	kindProduct      = "product"
	kindPlan         = "service_plan"
	kindContract     = "contract"
	kindLicense      = "license"
	kindAllotment    = "allotment"
	kindUser         = "user"
	kindGroup        = "group"
	kindGroupLicense = "group_license"
	kindSeat         = "seat"
	kindDecision     = "decision"
	kindEvent        = "event"
	kindPolicy       = "policy"
	kindDeployment   = "deployment"
	kindAllocation   = "allocation"
	kindPurchase     = "purchase_reservation"
)

// visible is the condition under which a row of a kind, under an alias, may be seen: nil for everything, never for nothing. It is what
// the policy lists of the kind; a kind that it does not list shows nothing.
func (s *session) visible(f *facts, kind, alias string) condition {
	listed := f.view.Listed(kind)
	if filter.IsAll(listed) {
		return nil
	}
	return func(b *builder) { filter.Write(b, b.dialect, alias, listed) }
}
