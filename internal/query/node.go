package query

import (
	"context"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/id"
)

// finders find the things of each noun that may be seen, by key.
var finders = map[id.Noun]func(ctx context.Context, s *session, keys []int64) (map[int64]Node, error){
	id.Vendor:       finder(vendors),
	id.Product:      finder(products),
	id.ServicePlan:  finder(plans),
	id.Contract:     finder(contracts),
	id.License:      finder(licenses),
	id.Allotment:    finder(allotments),
	id.User:         finder(users),
	id.Group:        finder(groups),
	id.GroupLicense: finder(groupLicenses),
	id.Seat:         finder(seats),
	id.Decision:     finder(decisions),
	id.Event:        finder(events),
	id.ServiceToken: finder(serviceTokens),
	id.Feed:         finder(feeds),

	id.PolicyPublication: finder(policyPublications),
	id.PolicyTrial:       finder(policyTrials),
	id.Deployment:        finder(deployments),
	id.Allocation:        finder(allocations),
	id.Purchase:          finder(purchases),
}

func finder[E any, V Node](n *noun[E, V]) func(ctx context.Context, s *session, keys []int64) (map[int64]Node, error) {
	return func(ctx context.Context, s *session, keys []int64) (map[int64]Node, error) {
		views, err := n.visibleByKey(ctx, s, keys)
		nodes := make(map[int64]Node, len(views))
		for key, view := range views {
			nodes[key] = view
		}
		return nodes, err
	}
}

// Node gives the thing behind an id, or nil if there is none that the principal may see.
func (r *Reader) Node(ctx context.Context, one id.ID) (Node, error) {
	found, err := r.session(ctx).find(ctx, []id.ID{one})
	return found[one], err
}

// Nodes gives the things behind ids, in their order, nil where there is none that the principal may see.
func (r *Reader) Nodes(ctx context.Context, ids []*id.ID) ([]Node, error) {
	if len(ids) > largestPage {
		return nil, fault.Invalid("ids", "at most %d ids at once", largestPage)
	}
	wanted := make([]id.ID, len(ids))
	for i, one := range ids {
		wanted[i] = *one
	}
	found, err := r.session(ctx).find(ctx, wanted)
	nodes := make([]Node, len(ids))
	for i, one := range wanted {
		nodes[i] = found[one]
	}
	return nodes, err
}

func (s *session) find(ctx context.Context, ids []id.ID) (map[id.ID]Node, error) {
	keys := map[id.Noun][]int64{}
	for _, one := range ids {
		keys[one.Noun] = append(keys[one.Noun], one.N)
	}
	found := map[id.ID]Node{}
	for noun, wanted := range keys {
		find := finders[noun]
		if find == nil {
			continue
		}
		nodes, err := find(ctx, s, wanted)
		if err != nil {
			return nil, err
		}
		for key, node := range nodes {
			found[id.Of(noun, key)] = node
		}
	}
	return found, nil
}
