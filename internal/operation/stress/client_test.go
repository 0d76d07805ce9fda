package stress_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// in is the input of a mutation.
type in = map[string]any

// client asks one server as one principal. It is safe for many goroutines.
type client struct {
	url, token string
}

// failure is an error a server answered with.
type failure struct {
	code, message string
	violations    []string
}

func (f *failure) Error() string { return f.code + ": " + f.message }

// codeOf gives the code a server answered with, empty if it gave no answer at all or no error.
func codeOf(err error) string {
	if f, ok := err.(*failure); ok { //nolint:errorlint // made in send, never wrapped
		return f.code
	}
	return ""
}

// payload is what the mutations of these tests answer with, each a part of it.
type payload struct {
	Decision, Vendor, Product, Contract, License, Allocation, Allotment, GroupLicense struct{ ID string }
	Users, Groups                                                                     []struct{ ID string }
	Results                                                                           []result
}

// result is what became of one user.
type result struct {
	User       struct{ ID string }
	Seat       *struct{ ID, State string }
	Violations []struct{ Code string }
}

// String is ACTIVE, WAITING, ERROR, the first violation's code, or NONE.
func (r result) String() string {
	switch {
	case r.Seat != nil && len(r.Violations) == 0:
		return r.Seat.State
	case len(r.Violations) > 0:
		return r.Violations[0].Code
	}
	return "NONE"
}

// parts are what is asked of each payload.
var parts = map[string]string{
	"createVendor": `vendor { id }`, "createProduct": `product { id }`, "createContract": `contract { id }`, "createLicense": `license { id }`,
	"updateLicense": `license { id }`, "createAllocation": `allocation { id }`, "updateAllocation": `allocation { id }`, "deleteAllocation": `deletedId`,
	"createAllotment": `allotment { id }`, "updateAllotment": `allotment { id }`, "deleteAllotment": `deletedId`,
	"upsertUsers": `users { id }`, "deleteUsers": `deletedIds`, "upsertGroups": `groups { id }`, "deleteGroup": `deletedId`,
	"addGroupMembers": `changed`, "removeGroupMembers": `changed`,
	"assignSeats":  `results { user { id } seat { id state } violations { code } }`,
	"licenseGroup": `groupLicense { id }`, "swapGroupLicense": `groupLicense { id }`, "updateGroupLicense": `groupLicense { id }`, "unlicenseGroup": `deletedId`,
	"excludeFromGroupLicense": `groupLicense { id }`, "includeInGroupLicense": `groupLicense { id }`, "retrySeats": `summary { active }`,
}

func document(name string) string {
	input := strings.ToUpper(name[:1]) + name[1:] + "Input!"
	if strings.HasSuffix(name, "GroupMembers") {
		input = "GroupMembersInput!"
	}
	part := parts[name]
	if name == "unassignSeats" {
		part = parts["assignSeats"]
	}
	return fmt.Sprintf(`mutation($input: %s) { answer: %s(input: $input) { decision { id } %s } }`, input, name, part)
}

// mutate sends a mutation. The error is a *failure if the server answered with one; else nobody knows what happened.
func (c *client) mutate(ctx context.Context, name string, input in) (*payload, error) {
	var data struct{ Answer payload }
	return &data.Answer, c.send(ctx, document(name), in{"input": input}, &data)
}

func (c *client) send(ctx context.Context, query string, variables in, into any) error {
	body, err := json.Marshal(in{"query": query, "variables": variables})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+"/graphql", bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.token)
	res, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	var answer struct {
		Data   json.RawMessage
		Errors []struct {
			Message    string
			Extensions struct {
				Code       string
				Violations []struct{ Code string }
			}
		}
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return fmt.Errorf("%w in %s", err, raw)
	}
	if len(answer.Errors) > 0 {
		first := answer.Errors[0]
		f := &failure{code: first.Extensions.Code, message: first.Message}
		for _, v := range first.Extensions.Violations {
			f.violations = append(f.violations, v.Code)
		}
		return f
	}
	return json.Unmarshal(answer.Data, into)
}

// transport keeps as many connections as there are clients.
var transport = func() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost, t.MaxIdleConns = 256, 1024
	return t
}()

// estate is what the tests work on, made through the API by a global administrator.
type estate struct {
	*client
	t        testing.TB
	made     int
	vendor   string
	contract string
}

func newEstate(t testing.TB, c *client) *estate {
	t.Helper()
	e := &estate{client: c, t: t}
	e.vendor = e.do("createVendor", in{"name": "Microsoft"}).Vendor.ID
	e.contract = e.do("createContract", in{"vendorId": e.vendor, "number": "EA-1", "name": "Enterprise Agreement"}).Contract.ID
	return e
}

func (e *estate) do(name string, input in) *payload {
	e.t.Helper()
	p, err := e.mutate(context.Background(), name, input)
	if err != nil {
		e.t.Fatalf("%s %v: %v", name, input, err)
	}
	return p
}

func (e *estate) fresh(what string) string {
	e.made++
	return fmt.Sprintf("%s %d", what, e.made)
}

func (e *estate) license(quantity int, plans ...string) string {
	e.t.Helper()
	services := make([]in, len(plans))
	for i, name := range plans {
		services[i] = in{"planId": fmt.Sprintf("%s-%d", name, e.made), "name": name}
	}
	product := e.do("createProduct", in{"vendorId": e.vendor, "name": e.fresh("product"), "sku": "SKU", "servicePlans": services}).Product.ID
	return e.do("createLicense", in{"contractId": e.contract, "productId": product, "quantity": quantity}).License.ID
}

func (e *estate) allot(parent, mode string, limit int) string {
	e.t.Helper()
	return e.do("createAllotment", with(target("parentId", parent), in{"name": e.fresh("share"), "limit": limit, "mode": mode})).Allotment.ID
}

func (e *estate) users(n int) []string {
	e.t.Helper()
	inputs := make([]in, n)
	for i := range inputs {
		inputs[i] = in{"userName": e.fresh("user")}
	}
	ids := make([]string, n)
	for i, u := range e.do("upsertUsers", in{"users": inputs}).Users {
		ids[i] = u.ID
	}
	return ids
}

func (e *estate) group(members ...string) string {
	e.t.Helper()
	group := e.do("upsertGroups", in{"groups": []in{{"name": e.fresh("group")}}}).Groups[0].ID
	if len(members) > 0 {
		e.do("addGroupMembers", in{"groupId": group, "userIds": members})
	}
	return group
}

// tree makes allotments of both modes down to depth 4 and gives all pools, the license first.
func (e *estate) tree(quantity int, plans ...string) []string {
	e.t.Helper()
	license := e.license(quantity, plans...)
	a := e.allot(license, "RESERVED", quantity*4/10)
	b := e.allot(a, "CEILING", quantity*3/10)
	c := e.allot(b, "RESERVED", quantity*2/10)
	d := e.allot(c, "CEILING", quantity/10)
	f := e.allot(license, "CEILING", quantity*5/10)
	g := e.allot(f, "CEILING", quantity*4/10)
	h := e.allot(g, "RESERVED", quantity/10)
	i := e.allot(h, "CEILING", quantity/20)
	return []string{license, a, b, c, d, f, g, h, i}
}

// target names a pool in an input, by allotmentId (or parentId) or licenseId.
func target(allotmentField, pool string) in {
	if strings.HasPrefix(pool, "alt_") {
		return in{allotmentField: pool}
	}
	return in{"licenseId": pool}
}

func with(parts ...in) in {
	all := in{}
	for _, part := range parts {
		for key, value := range part {
			all[key] = value
		}
	}
	return all
}
