package graph_test

import (
	"testing"

	"github.com/ringfence/ringfence/ent"
	"github.com/ringfence/ringfence/internal/identity"
	"github.com/ringfence/ringfence/internal/store"
	"github.com/ringfence/ringfence/internal/store/storetest"
)

// What a mutation brings along with its answer is shown instead of what is stored, but not to those who may not see it.
func TestLoadedEdgesComeFirst(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		e := build(t, s)
		a := open(t, s)
		inside, sales := e.key("inside"), e.key("sales")
		row := &ent.Allotment{ID: inside, LicenseID: e.key("e5"), ParentID: &sales, Name: "inside"}
		row.Edges.License = &ent.License{ID: e.key("e5"), ContractID: e.key("MS-1"), ProductID: e.key("E5"), Used: 99}
		row.Edges.Parent = &ent.Allotment{ID: sales, LicenseID: e.key("e5"), Name: "as it would be"}
		for _, c := range []struct {
			who    *identity.Principal
			parent string
		}{{root, "as it would be"}, {as("dora"), "as it would be"}, {as("lea"), ""}} {
			ctx := a.reader.Begin(identity.WithPrincipal(t.Context(), c.who))
			shown, err := a.reader.ShowAllotment(ctx, row)
			if err != nil {
				t.Fatal(err)
			}
			license, err := shown.License(ctx)
			if err != nil || license.Used != 99 {
				t.Errorf("%s: the license is %v, %v", c.who.UserName, license, err)
			}
			parent, err := shown.Parent(ctx)
			if err != nil || (parent == nil) != (c.parent == "") || parent != nil && parent.Name != c.parent {
				t.Errorf("%s: the parent is %v, %v", c.who.UserName, parent, err)
			}
		}
	})
}
