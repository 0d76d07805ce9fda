package licensing_test

import (
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/licensing"
)

func number(n int64) *int64 { return &n }

// pool makes a pool below a parent. A negative limit is none.
func pool(parent *licensing.Pool, mode licensing.Mode, limit int64) *licensing.Pool {
	p := &licensing.Pool{Parent: parent, Mode: mode, Key: licensing.PoolKey{License: 1}}
	if limit >= 0 {
		p.Limit, p.Ceiling = number(limit), number(limit)
	}
	if parent != nil {
		p.Key = licensing.PoolKey{License: parent.Key.License, Allotment: parent.Key.Allotment*10 + 1}
		if mode == licensing.Reserved {
			parent.Reserve(limit)
		}
	}
	return p
}

func license(limit int64) *licensing.Pool { return pool(nil, licensing.Reserved, limit) }

// WX-14, the pure part: every cap of a chain binds, and the lowest that has no room is named.
func TestBindingNamesThePoolThatBinds(t *testing.T) {
	l := license(275)
	emea := pool(l, licensing.Ceiling, 150)
	uk := pool(emea, licensing.Ceiling, 60)
	london := pool(uk, licensing.Ceiling, 25)
	london.Charge(10)
	uk.Charge(50)
	for _, c := range []struct {
		at   *licensing.Pool
		n    int64
		want *licensing.Pool
	}{{london, 1, uk}, {london, 16, london}, {uk, 1, uk}, {emea, 90, nil}, {emea, 91, emea}, {l, 215, nil}, {l, 216, l}} {
		if got := c.at.Binding(c.n); got != c.want {
			t.Errorf("%d more of %v: bound by %v, want %v", c.n, c.at.Key, got, c.want)
		}
	}
	if uk.Used != 60 || emea.Used != 60 || l.Used != 60 {
		t.Errorf("used %d, %d, %d; want 60 all along the chain", uk.Used, emea.Used, l.Used)
	}
}

func TestAReservedPoolTouchesOnlyItself(t *testing.T) {
	l := license(100)
	emea := pool(l, licensing.Ceiling, 80)
	uk := pool(emea, licensing.Reserved, 30)
	uk.Charge(20)
	if l.Used != 0 || l.Reserved != 30 || emea.Reserved != 30 || emea.Used != 0 || uk.Used != 20 {
		t.Errorf("license %d+%d, EMEA %d+%d, UK %d", l.Used, l.Reserved, emea.Used, emea.Reserved, uk.Used)
	}
	if got := emea.Binding(51); got != emea {
		t.Errorf("bound by %v, want EMEA: 50 are left of it", got)
	}
}

// What a reservation holds beyond its limit stays taken from its parent.
func TestCarveIsTheLimitOrWhatIsHeld(t *testing.T) {
	l := license(100)
	a := pool(l, licensing.Reserved, 40)
	a.Charge(30)
	a.SetLimit(number(20))
	if l.Reserved != 30 || a.OverBy() != 10 {
		t.Errorf("reserved %d, over by %d; want 30, 10", l.Reserved, a.OverBy())
	}
	a.Charge(-15)
	if l.Reserved != 20 || *a.Available() != 5 {
		t.Errorf("reserved %d, available %d; want 20, 5", l.Reserved, *a.Available())
	}
	a.SetLimit(number(50))
	if l.Reserved != 50 {
		t.Errorf("reserved %d, want 50", l.Reserved)
	}
}

// A nested reservation over its limit presses on every reservation above.
func TestCarvesPassOnUpwards(t *testing.T) {
	l := license(100)
	a := pool(l, licensing.Reserved, 40)
	b := pool(a, licensing.Reserved, 40)
	b.Charge(40)
	b.SetLimit(number(10))
	a.SetLimit(number(15))
	if a.Reserved != 40 || l.Reserved != 40 {
		t.Errorf("reserved %d, %d; want 40, 40", a.Reserved, l.Reserved)
	}
	if a.Binding(1) != a || b.Binding(1) != b {
		t.Error("nothing may be added")
	}
	b.Charge(-35)
	if a.Reserved != 10 || l.Reserved != 15 {
		t.Errorf("reserved %d, %d; want 10, 15", a.Reserved, l.Reserved)
	}
}

// A granted overage inside a reservation must find its units above.
func TestAGrantDrawsOnTheParent(t *testing.T) {
	l := license(10)
	a := pool(l, licensing.Reserved, 10)
	a.Charge(10)
	a.Grant(11)
	if got := a.Binding(1); got != l {
		t.Errorf("bound by %v, want the license", got)
	}
	l.SetLimit(number(11))
	if got := a.Binding(1); got != nil {
		t.Fatalf("bound by %v", got)
	}
	a.Charge(1)
	a.Revoke()
	if a.Binding(1) == nil || l.Reserved != 11 {
		t.Errorf("reserved %d, want 11 and nothing more", l.Reserved)
	}
}

// The ceiling that is written rises only with the limit or a grant, and comes down with use.
func TestTheCeilingThatIsWritten(t *testing.T) {
	ceiling := func(p *licensing.Pool) int64 {
		change, _ := p.Change()
		p.Ceiling = change.Ceiling
		p.Load()
		return *change.Ceiling
	}
	p := license(10).Load()
	p.Charge(10)
	for _, step := range []struct {
		what string
		do   func()
		want int64
	}{
		{"full", func() {}, 10},
		{"lowered", func() { p.SetLimit(number(4)) }, 10},
		{"released", func() { p.Charge(-3) }, 7},
		{"released below the limit", func() { p.Charge(-5) }, 4},
		{"granted", func() { p.Grant(6); p.Charge(4); p.Revoke() }, 6},
		{"taken without a grant", func() { p.Charge(1) }, 6}, // less than is held: the database refuses
	} {
		step.do()
		if got := ceiling(p); got != step.want {
			t.Errorf("%s: ceiling %d, want %d", step.what, got, step.want)
		}
	}
}

func TestStates(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	later := now.Add(time.Hour)
	for _, c := range []struct {
		used, limit  int64
		starts, ends *time.Time
		want         licensing.PoolState
	}{
		{0, 10, nil, nil, licensing.OK}, {10, 10, nil, nil, licensing.Full}, {11, 10, nil, nil, licensing.OverLimit}, {0, 0, nil, nil, licensing.Full},
		{5, -1, nil, nil, licensing.OK}, {11, 10, &later, nil, licensing.NotEffective}, {0, 10, &now, nil, licensing.OK}, {0, 10, nil, &now, licensing.NotEffective},
		{0, 10, nil, &later, licensing.OK},
	} {
		p := pool(nil, licensing.Reserved, c.limit)
		p.Used, p.StartsAt, p.EndsAt = c.used, c.starts, c.ends
		if got := p.State(now); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
		below := pool(p, licensing.Ceiling, 1)
		if got := below.State(now) == licensing.NotEffective; got != (c.want == licensing.NotEffective) {
			t.Errorf("%+v: what is below follows", c)
		}
	}
}

func TestShortage(t *testing.T) {
	p := license(10)
	p.Charge(8)
	v := licensing.Shortage(p, 5)
	if v.Code != licensing.InsufficientPool || *v.Limit != 10 || *v.Used != 8 || *v.Requested != 5 || *v.Available != 2 || *v.ShortBy != 3 {
		t.Errorf("%+v", v)
	}
}
