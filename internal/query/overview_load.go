package query

import (
	"context"
	stdsql "database/sql"
	"time"

	"entgo.io/ent/dialect"

	"github.com/ringfence/ringfence/internal/fault"
	"github.com/ringfence/ringfence/internal/store"
)

// moment is the time an overview is asked for: now, what was answered at a time, or today's entitlements on the estate as it was
// before anything could be answered.
type moment struct {
	at        *time.Time
	beginning bool // before the service's first entry in the journal
}

// moment checks the time an overview is asked for.
func (s *session) moment(ctx context.Context, asOf *time.Time) (moment, error) {
	if asOf == nil {
		return moment{}, nil
	}
	// Times are kept in microseconds.
	at := asOf.UTC().Truncate(time.Microsecond)
	if at.After(s.now) {
		return moment{}, fault.Invalid("asOf", "asOf is a time that has passed")
	}
	m := moment{at: &at, beginning: true}
	return m, s.rows(ctx, sqlf("SELECT j.at FROM journals j WHERE j.id = 1"), func(rows *stdsql.Rows) error {
		var first store.Time
		err := rows.Scan(&first)
		m.beginning = at.Before(first.Time)
		return err
	})
}

// seed is the condition for the licenses an overview is about, as l; nil stands for the whole portfolio, with all deployments.
type seed = condition

// stand reads a position in one statement, so that its figures belong together: all of it, or what the licenses of the seed
// depend on. These are the deployments they track, and from there on what shares a ceiling: the licenses with unlimited
// allocations to these deployments, the deployments these track without limit, and so on.
func (s *session) stand(ctx context.Context, f *facts, m moment, about seed) (*standing, error) {
	parts := s.sources(f, m)
	licenses, dep, shares := "", "", ""
	if about != nil {
		licenses = ` WHERE id IN (SELECT id FROM seed UNION SELECT license_id FROM cover WHERE deployment_id IN (SELECT id FROM reach))`
		dep, shares = ` WHERE id IN (SELECT id FROM reach)`, ` WHERE deployment_id IN (SELECT id FROM reach)`
	}
	l := &reading{dialect: s.dialect}
	statement := func(b *builder) {
		parts.with(b, about)
		l.part(b, "licensed"+licenses, licenseColumns...)
		b.put(" UNION ALL ")
		l.part(b, "estate"+dep, deploymentColumns...)
		b.put(" UNION ALL ")
		l.part(b, "share"+shares, shareColumns...)
		if about != nil {
			b.put(" UNION ALL ")
			l.part(b, "share WHERE deployment_id IS NULL AND license_id IN (SELECT id FROM seed)", shareColumns...)
		}
	}
	if err := s.rows(ctx, statement, l.scan); err != nil {
		return nil, err
	}
	return l.standing(m), nil
}

// What is read of each row, as whole numbers. Flags are put together: 1 is the metric INSTALLS, 2 is unlimited, 4 may be seen.
var (
	licenseColumns = []string{
		"id", "contract_id", "vendor_id", "CASE WHEN metric = 'INSTALLS' THEN 1 ELSE 0 END + CASE WHEN capacity IS NULL THEN 2 ELSE 0 END + seen",
		"COALESCE(capacity, 0)", "quantity", "committed", "used", "reserved", "ends",
	}
	deploymentColumns = []string{"id", "vendor_id", "users", "installs", "seen"}
	shareColumns      = []string{
		"id", "license_id", "COALESCE(deployment_id, 0)", "COALESCE(quantity, 0)",
		"CASE WHEN metric = 'INSTALLS' THEN 1 ELSE 0 END + CASE WHEN quantity IS NULL THEN 2 ELSE 0 END + seen",
	}
)

const (
	flagInstalls int64 = 1 << iota
	flagUnlimited
	flagSeen
)

// sources are the statements that give licenses, deployments and allocations as they were at a moment. links tell at least which license
// tracked which deployment, covers where it did so without limit, and edges where it shared a ceiling.
type sources struct{ licenses, deployments, shares, links, covers, edges condition }

// with names the sources, and for a seed the deployments that depend on it.
func (p *sources) with(b *builder, about seed) {
	b.write("WITH RECURSIVE licensed AS NOT MATERIALIZED (?), estate AS NOT MATERIALIZED (?), share AS NOT MATERIALIZED (?)", p.licenses, p.deployments, p.shares)
	if about != nil {
		b.write(`, link AS NOT MATERIALIZED (?), cover AS NOT MATERIALIZED (?), edge AS NOT MATERIALIZED (?), seed(id) AS (SELECT l.id FROM licensed l WHERE ?), reach(id) AS (
			SELECT o.deployment_id FROM link o WHERE o.license_id IN (SELECT id FROM seed) AND o.deployment_id IS NOT NULL
			UNION SELECT n.deployment_id FROM reach JOIN edge o ON o.deployment_id = reach.id JOIN edge n ON n.license_id = o.license_id)`,
			p.links, p.covers, p.edges, about)
	}
	b.put(" ")
}

// sources gives where everything is read from. What was answered at a time is in the histories.
func (s *session) sources(f *facts, m moment) *sources {
	p := &sources{
		licenses: sqlf(`SELECT l.id, l.contract_id, c.vendor_id, l.metric, l.capacity, l.quantity, l.committed, l.used, l.reserved, `+ends+`, ?
			FROM licenses l JOIN contracts c ON c.id = l.contract_id`, s.seen(f, kindLicense, "l")),
		deployments: sqlf(`SELECT d.id, d.vendor_id, d.users, d.installs, ? FROM deployments d`, s.seen(f, kindDeployment, "d")),
		shares:      sqlf(`SELECT a.id, a.license_id, a.deployment_id, a.quantity, a.metric, ? FROM allocations a`, s.seen(f, kindAllocation, "a")),
		links:       sqlf(`SELECT a.license_id, a.deployment_id FROM allocations a`),
		covers:      sqlf(`SELECT a.license_id, a.deployment_id FROM allocations a WHERE a.quantity IS NULL`),
		edges: sqlf(`SELECT a.license_id, a.deployment_id FROM allocations a JOIN licenses l ON l.id = a.license_id
			WHERE a.quantity IS NULL AND l.capacity IS NOT NULL`),
	}
	switch {
	case m.at == nil:
	case m.beginning:
		p.deployments = sqlf(`SELECT d.id, d.vendor_id, COALESCE(o.users, 0) AS users, COALESCE(o.installs, 0) AS installs, ? FROM deployments d
			LEFT JOIN observations o ON o.id = (SELECT p.id FROM observations p WHERE p.deployment_id = d.id AND p.observed_at <= ?
				ORDER BY p.observed_at DESC, p.id DESC LIMIT 1)`, s.seen(f, kindDeployment, "d"), *m.at)
	default:
		s.past(p, f, *m.at)
	}
	return p
}

// past reads from the histories. The last state by then is looked for one by one: a history may be much longer than the list of what has
// one. What was removed tells with its last state what it belonged to.
func (s *session) past(p *sources, f *facts, at time.Time) {
	p.deployments = sqlf(`SELECT d.id, d.vendor_id, o.users, o.installs, ? FROM deployments d
		JOIN observations o ON o.id = (SELECT p.id FROM observations p WHERE p.deployment_id = d.id AND p.recorded_at <= ?
			ORDER BY p.observed_at DESC, p.id DESC LIMIT 1)`, s.seen(f, kindDeployment, "d"), at)
	p.licenses = sqlf(`SELECT k.id, k.contract_id, COALESCE(c.vendor_id, 0) AS vendor_id, k.metric, h.capacity, h.quantity, h.committed, h.used, h.reserved, `+ends+`, ?
		FROM (SELECT n.id, n.contract_id, n.metric FROM licenses n UNION ALL SELECT g.license_id, g.contract_id, g.metric FROM license_states g WHERE g.deleted) k
		JOIN license_states h ON NOT h.deleted AND h.id = (SELECT p.id FROM license_states p WHERE p.license_id = k.id AND p.at <= ? ORDER BY p.id DESC LIMIT 1)
		LEFT JOIN licenses l ON l.id = k.id LEFT JOIN contracts c ON c.id = k.contract_id`, s.seen(f, kindLicense, "l"), at)
	const ever = `(SELECT n.id, n.license_id, n.deployment_id FROM allocations n
		UNION ALL SELECT g.allocation_id, g.license_id, NULLIF(g.deployment_id, 0) FROM allocation_states g WHERE g.deleted) k`
	p.shares = sqlf(`SELECT k.id, k.license_id, k.deployment_id, h.quantity, h.metric, ? FROM `+ever+`
		JOIN allocation_states h ON NOT h.deleted AND h.id = (SELECT p.id FROM allocation_states p WHERE p.allocation_id = k.id AND p.at <= ? ORDER BY p.id DESC LIMIT 1)
		LEFT JOIN allocations a ON a.id = k.id`, s.seen(f, kindAllocation, "a"), at)
	p.links = sqlf(`SELECT k.license_id, k.deployment_id FROM ` + ever)
	// More than what depended on the seed then does no harm, and is found much sooner.
	const covers = `SELECT k.license_id, k.deployment_id FROM ` + ever + ` WHERE k.deployment_id IS NOT NULL
		AND EXISTS (SELECT 1 FROM allocation_states u WHERE u.allocation_id = k.id AND u.quantity IS NULL)`
	p.covers = sqlf(covers)
	p.edges = sqlf(covers + ` AND EXISTS (SELECT 1 FROM license_states c WHERE c.license_id = k.license_id AND c.capacity IS NOT NULL)`)
}

// seen is 4 for what the principal may see.
func (s *session) seen(f *facts, kind, alias string) condition {
	where := s.visible(f, kind, alias)
	if where == nil {
		where = always
	} else {
		where = and(sqlf(alias+".id IS NOT NULL"), where) // what a row would say that is no more, the condition does not
	}
	return sqlf("CASE WHEN ? THEN 4 ELSE 0 END AS seen", where)
}

// ends is the last day of the license l or of its contract c, as the number YYYYMMDD; no day is later than all.
const ends = `CAST(REPLACE(CASE WHEN COALESCE(l.ends_on, '9999-12-31') < COALESCE(c.ends_on, '9999-12-31') THEN COALESCE(l.ends_on, '9999-12-31')
	ELSE COALESCE(c.ends_on, '9999-12-31') END, '-', '') AS BIGINT) AS ends`

// reading collects the numbers of a statement with several parts. Each part is one row: a column of numbers is one text, because
// tens of thousands of rows would take longer to hand over than to find.
type reading struct {
	dialect string
	parts   [][][]int64
}

// widest is how many columns the widest part has.
const widest = 10

// part selects columns of a source, each as the list of its numbers.
func (l *reading) part(b *builder, from string, columns ...string) {
	n := len(l.parts)
	l.parts = append(l.parts, make([][]int64, len(columns)))
	b.put("SELECT " + string(rune('0'+n)))
	for i := range widest {
		switch {
		case i >= len(columns):
			b.put(", ''")
		case l.dialect == dialect.Postgres:
			b.put(", COALESCE(array_agg((" + columns[i] + ")::bigint)::text, '')")
		default:
			b.put(", COALESCE(group_concat(" + columns[i] + "), '')")
		}
	}
	b.put(" FROM " + from)
}

func (l *reading) scan(rows *stdsql.Rows) error {
	var n int
	texts := make([]stdsql.RawBytes, widest)
	into := []any{&n}
	for i := range texts {
		into = append(into, &texts[i])
	}
	if err := rows.Scan(into...); err != nil {
		return err
	}
	for i := range l.parts[n] {
		l.parts[n][i] = numbers(texts[i])
	}
	return nil
}
