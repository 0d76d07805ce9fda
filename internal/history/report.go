package history

import "time"

// Direction is how a request is decided otherwise.
type Direction string

// The directions, the dangerous first.
const (
	Looser    Direction = "LOOSER"    // denied then, allowed now, or for more users
	Stricter  Direction = "STRICTER"  // allowed then, denied now, or for fewer users
	Gone      Direction = "GONE"      // about something that is not there, because what made it is denied now
	Failed    Direction = "FAILED"    // cannot be decided now, because of what was decided otherwise before (a name that is still taken, say)
	Otherwise Direction = "OTHERWISE" // allowed or denied as then, for other reasons or with other numbers
	Same      Direction = ""
)

// Report tells what would be different had the candidate been the policy all the time. Lists are cut to the most important; More tells
// how many are left out. Then is what happened, Now what would have happened.
type Report struct {
	Revision    string        `json:"revision"` // of the candidate
	From        time.Time     `json:"from"`
	Until       time.Time     `json:"until"`
	Counts      Counts        `json:"counts"`
	Differences []*Difference `json:"differences"`
	// SameCourse tells that every seat of every user came, moved, waited and went at the same times.
	SameCourse bool      `json:"sameCourse"`
	Changes    Pair      `json:"changes"` // of seats
	Licenses   []License `json:"licenses"`
	Users      []User    `json:"users"`
	MoreUsers  int       `json:"moreUsers"`
	Pools      []Pool    `json:"pools"`
	MorePools  int       `json:"morePools"`
	Costs      []Cost    `json:"costs"`
	Seconds    float64   `json:"seconds"` // how long it took
}

// Counts counts what was run again.
type Counts struct {
	Requests  int `json:"requests"`
	Own       int `json:"own"` // steps that the service took by itself
	Different int `json:"different"`
	// Unknown are imports that were denied and would have to be read to be judged: the file of a denied import is not kept.
	Unknown int `json:"unknown"`
	// Skipped are denials from before requests were recorded.
	Skipped int `json:"skipped"`
}

// Difference are requests of one kind that are decided otherwise in one way.
type Difference struct {
	Direction Direction `json:"direction"`
	Action    string    `json:"action"`
	Was       string    `json:"was"` // allowed, or the code of the first reason against it
	Is        string    `json:"is"`
	Count     int       `json:"count"`
	Examples  []Example `json:"examples"`
}

// Example is one request.
type Example struct {
	Decision  string    `json:"decision"`
	At        time.Time `json:"at"`
	Principal string    `json:"principal"`
}

// Pair is a number then and now.
type Pair struct {
	Then int64 `json:"then"`
	Now  int64 `json:"now"`
}

// License tells how the seats of a license stand at the end, and what became of it in between.
type License struct {
	ID      string `json:"id"` // empty for one that only the candidate has let be
	Name    string `json:"name"`
	Active  Pair   `json:"active"`
	Waiting Pair   `json:"waiting"`
	Errors  Pair   `json:"errors"`
	Gained  int64  `json:"gained"` // users who hold a seat now and did not then
	Lost    int64  `json:"lost"`
	// Waited is how long users waited, added up, and LongestWait the longest, in seconds.
	Waited      Pair `json:"waited"`
	LongestWait Pair `json:"longestWait"`
	// Overage is the most by which it was over what was bought, and OverageHours the units over it times hours.
	Overage      Pair   `json:"overage"`
	OverageHours Pair   `json:"overageHours"`
	Cost         Amount `json:"cost"`
}

// Amount is money then and now, as decimal numbers; empty without a price.
type Amount struct {
	Then     string `json:"then,omitempty"`
	Now      string `json:"now,omitempty"`
	Currency string `json:"currency,omitempty"`
}

// User is somebody who stands otherwise with a license at the end, or waited longer or shorter, in seconds.
type User struct {
	ID      string `json:"id"`
	License string `json:"license"`
	Then    string `json:"then"` // ACTIVE, WAITING, ERROR, or empty
	Now     string `json:"now"`
	Waited  Pair   `json:"waited"`
}

// Pool is a license or an allotment whose peak is another one.
type Pool struct {
	ID     string    `json:"id"`
	Name   string    `json:"name"`
	Peak   Pair      `json:"peak"`
	ThenAt time.Time `json:"thenAt"`
	NowAt  time.Time `json:"nowAt"`
}

// Cost is what the seats of all licenses of one currency cost.
type Cost struct {
	Currency string `json:"currency"`
	Then     string `json:"then"`
	Now      string `json:"now"`
}

// Nothing tells that nothing at all is different, as far as can be told (Counts.Unknown).
func (r *Report) Nothing() bool {
	return r.Counts.Different == 0 && r.SameCourse && len(r.Users) == 0 && len(r.Pools) == 0
}
