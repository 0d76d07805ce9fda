package bench

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ringfence/ringfence/internal/id"
)

// portfolio fills the database with 10,000 licenses of 500 contracts, 20,000 deployments and 50,000 allocations: 8,000 unlimited ones, no
// two to one deployment, 40,000 fixed ones of which a deployment may have many, and 2,000 custom reservations. One license in a
// hundred is unlimited. Each of them has a history of some days.
var portfolio = []string{
	`INSERT INTO vendors (name, created_at) SELECT 'Vendor ' || i, now() FROM generate_series(1, 50) i`,
	`INSERT INTO products (vendor_id, name, sku, kind, created_at)
		SELECT v.id, 'Product ' || v.id || ' ' || i, '', 'PERPETUAL', now() FROM vendors v, generate_series(1, 20) i WHERE v.name LIKE 'Vendor %'`,
	`INSERT INTO contracts (vendor_id, number, name, created_at)
		SELECT v.id, 'N-' || i, 'Contract ' || i, now() FROM vendors v, generate_series(1, 10) i WHERE v.name LIKE 'Vendor %'`,
	`INSERT INTO licenses (contract_id, product_id, quantity, unlimited_quantity, capacity, ceiling, used, reserved, waiting, errors, metric, created_at)
		SELECT c.id, p.id, CASE WHEN i % 20 = 5 THEN 0 ELSE 400 + (c.id * 7 + i) % 300 END, i % 20 = 5 AND c.id % 5 = 0,
			CASE WHEN i % 20 = 5 AND c.id % 5 = 0 THEN NULL WHEN i % 20 = 5 THEN 0 ELSE 400 + (c.id * 7 + i) % 300 END,
			CASE WHEN i % 20 = 5 AND c.id % 5 = 0 THEN NULL WHEN i % 20 = 5 THEN 0 ELSE 400 + (c.id * 7 + i) % 300 END, 0, 0, 0, 0,
			CASE WHEN i % 4 = 0 THEN 'INSTALLS' ELSE 'USERS' END, now()
		FROM contracts c JOIN products p ON p.vendor_id = c.vendor_id, generate_series(1, 20) i
		WHERE c.name LIKE 'Contract %' AND p.name LIKE 'Product %' || ' ' || i`,
	`INSERT INTO deployments (vendor_id, product, product_key, installs, users, observed_at, source, created_at)
		SELECT v.id, 'Deployed ' || i, 'deployed ' || i, (i * 31) % 200, (i * 17) % 300, now(), 'scan', now()
		FROM vendors v, generate_series(1, 400) i WHERE v.name LIKE 'Vendor %'`,
	`INSERT INTO allocations (license_id, type, deployment_id, name, quantity, unlimited, metric, created_at)
		SELECT l.id, CASE WHEN d.id IS NULL THEN 'CUSTOM_RESERVATION' ELSE 'TRACK_DEPLOYMENT' END, d.id, CASE WHEN d.id IS NULL THEN 'Purpose ' || i END,
			CASE WHEN i % 25 IN (3, 9, 14, 21) THEN NULL ELSE (i * 13) % 90 END, i % 25 IN (3, 9, 14, 21), l.metric, now()
		FROM generate_series(1, 50000) i
		JOIN (SELECT id, metric, ROW_NUMBER() OVER (ORDER BY id) AS n FROM licenses WHERE contract_id > 1) l ON l.n = 1 + (i::bigint * 7919) % 10000
		LEFT JOIN (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS n FROM deployments) d ON i % 25 <> 0
			AND d.n = CASE WHEN i % 25 IN (3, 9, 14, 21) THEN i / 25 * 4 + array_position('{3,9,14,21}'::int[], i % 25) ELSE 1 + (i::bigint * 104729) % 17000 END
		ORDER BY i`,
	`UPDATE licenses SET reserved = a.reserved, ceiling = CASE WHEN capacity IS NOT NULL THEN GREATEST(capacity, a.reserved) END
		FROM (SELECT l.id, COALESCE(SUM(a.quantity), 0) AS reserved FROM licenses l LEFT JOIN allocations a ON a.license_id = l.id GROUP BY l.id) a
		WHERE a.id = licenses.id AND licenses.contract_id > 1`,
	`INSERT INTO license_states (license_id, at, quantity, committed, capacity, used, reserved)
		SELECT id, now() - i * interval '1 day', quantity, committed, capacity, used, reserved FROM generate_series(3, 0, -1) i, licenses ORDER BY i DESC, id`,
	`INSERT INTO allocation_states (allocation_id, at, license_id, deployment_id, name, quantity, metric)
		SELECT id, now() - i * interval '1 day', license_id, COALESCE(deployment_id, 0), COALESCE(name, ''), quantity, metric
		FROM generate_series(1, 0, -1) i, allocations ORDER BY i DESC, id`,
	`INSERT INTO observations (deployment_id, observed_at, recorded_at, installs, users)
		SELECT id, now() - i * interval '1 day', now() - i * interval '1 day', installs + i, users + i FROM generate_series(9, 0, -1) i, deployments ORDER BY i DESC, id`,
	`VACUUM ANALYZE`,
}

// overviewPage is the first page of the overview of the portfolio.
const overviewPage = `{ portfolioOverview {
	metric entitled allocated available deployed headroom utilization uncovered overBy allocatedNotInUse inUseNotAllocated
	byMetric { metric entitled allocated available deployed headroom utilization uncovered overBy allocatedNotInUse inUseNotAllocated }
	rowPage(first: 20, orderBy: {field: UNCOVERED, direction: DESC}) { nodes { label metric deployed allocated uncovered } }
} }`

// handWritten is one statement that answers the same JSON. It may count on no deployment having two unlimited allocations in one
// metric, and it knows nothing of who may see what.
const handWritten = `WITH fixed AS (
	SELECT deployment_id, metric, SUM(quantity) AS units FROM allocations WHERE deployment_id IS NOT NULL AND quantity IS NOT NULL GROUP BY 1, 2
), need AS (
	SELECT a.id, a.license_id, a.deployment_id, a.metric,
		GREATEST(0, CASE a.metric WHEN 'USERS' THEN d.users ELSE d.installs END - COALESCE(f.units, 0)) AS units
	FROM allocations a JOIN deployments d ON d.id = a.deployment_id
	LEFT JOIN fixed f ON f.deployment_id = a.deployment_id AND f.metric = a.metric WHERE a.quantity IS NULL
), covered AS (
	SELECT n.deployment_id, n.metric, CASE WHEN l.capacity IS NULL THEN n.units ELSE LEAST(n.units, GREATEST(0, GREATEST(0, l.capacity - l.used - l.reserved)
		- COALESCE(SUM(n.units) OVER (PARTITION BY n.license_id ORDER BY n.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0))) END AS units
	FROM need n JOIN licenses l ON l.id = n.license_id
), tracked AS (
	SELECT deployment_id, metric, SUM(units) AS allocated FROM (SELECT * FROM fixed UNION ALL SELECT * FROM covered) x GROUP BY 1, 2
), line AS (
	SELECT d.id, d.product, t.metric, t.allocated, CASE t.metric WHEN 'USERS' THEN d.users ELSE d.installs END AS deployed
	FROM tracked t JOIN deployments d ON d.id = t.deployment_id
	UNION ALL
	SELECT d.id, d.product, m.metric, 0, CASE m.metric WHEN 'USERS' THEN d.users ELSE d.installs END
	FROM deployments d CROSS JOIN (VALUES ('USERS'), ('INSTALLS')) m(metric)
	WHERE CASE m.metric WHEN 'USERS' THEN d.users ELSE d.installs END > 0 AND NOT EXISTS (SELECT 1 FROM tracked t WHERE t.deployment_id = d.id)
), owned AS (
	SELECT metric, BOOL_OR(capacity IS NULL) AS endless, SUM(quantity + committed) FILTER (WHERE capacity IS NOT NULL) AS entitled,
		SUM(GREATEST(0, capacity - used - reserved)) AS available, COALESCE(SUM(GREATEST(0, used + reserved - capacity)), 0) AS over_by
	FROM licenses GROUP BY 1
), used AS (
	SELECT metric, SUM(allocated) AS allocated, SUM(deployed) AS deployed, SUM(GREATEST(0, deployed - allocated)) AS uncovered,
		SUM(GREATEST(0, allocated - deployed)) AS idle FROM line GROUP BY 1
), custom AS (
	SELECT metric, SUM(quantity) AS allocated FROM allocations WHERE deployment_id IS NULL GROUP BY 1
), total AS (
	SELECT o.metric, CASE WHEN NOT endless THEN entitled END AS entitled, u.allocated + COALESCE(c.allocated, 0) AS allocated,
		CASE WHEN NOT endless THEN available END AS available, deployed, CASE WHEN NOT endless THEN GREATEST(0, entitled - deployed) END AS headroom,
		CASE WHEN NOT endless AND entitled > 0 THEN deployed::float8 / entitled::float8 END AS utilization, uncovered, over_by AS "overBy",
		idle AS "allocatedNotInUse", uncovered AS "inUseNotAllocated"
	FROM owned o JOIN used u ON u.metric = o.metric LEFT JOIN custom c ON c.metric = o.metric
)
SELECT json_build_object('portfolioOverview', (SELECT to_jsonb(t) FROM total t WHERE metric = 'USERS') || jsonb_build_object(
	'byMetric', (SELECT jsonb_agg(to_jsonb(t) ORDER BY metric DESC) FROM total t),
	'rowPage', jsonb_build_object('nodes', (SELECT jsonb_agg(to_jsonb(r)) FROM (
		SELECT product AS label, metric, deployed, allocated, GREATEST(0, deployed - allocated) AS uncovered FROM line
		ORDER BY GREATEST(0, deployed - allocated) DESC, id DESC, metric LIMIT 20) r))))`

// BenchmarkOverview asks for the first page of the portfolio over HTTP: totals, and the 20 rows with the most uncovered units. Beside it,
// in turn, one hand-written statement that answers the same JSON.
func BenchmarkOverview(b *testing.B) {
	s := newStage(b)
	for _, statement := range portfolio {
		s.run(statement)
	}
	ours := func() json.RawMessage { return s.ask(overviewPage) }
	theirs := func() json.RawMessage {
		var text []byte
		must(b, s.db.QueryRow(handWritten).Scan(&text))
		return text
	}
	same(b, ours(), theirs())
	at := fmt.Sprintf("(asOf: %q)", time.Now().UTC().Format(time.RFC3339Nano))
	past := strings.Replace(overviewPage, "portfolioOverview", "portfolioOverview"+at, 1)
	same(b, s.ask(past), theirs())
	for b.Loop() {
		var service, statement, licenses, license, then, licenseThen []time.Duration
		for i := range int64(30) {
			service, statement = append(service, timed(ours)), append(statement, timed(theirs))
			licenses = append(licenses, timed(func() json.RawMessage { return s.ask(licensesPage) }))
			then = append(then, timed(func() json.RawMessage { return s.ask(past) }))
			license = append(license, timed(func() json.RawMessage { return s.ask(fmt.Sprintf(licensePage, id.Of(id.License, 100*i+2), "")) }))
			licenseThen = append(licenseThen, timed(func() json.RawMessage { return s.ask(fmt.Sprintf(licensePage, id.Of(id.License, 100*i+2), at)) }))
		}
		b.ReportMetric(median(service), "page-ms")
		b.ReportMetric(median(statement), "statement-ms")
		b.ReportMetric(median(service)/median(statement), "ratio")
		b.ReportMetric(median(licenses), "licenses-ms")
		b.ReportMetric(median(license), "license-ms")
		b.ReportMetric(median(then), "as-of-ms")
		b.ReportMetric(median(licenseThen), "license-as-of-ms")
	}
}

// licensesPage are the 20 licenses with the most uncovered units, and licensePage is the overview of one.
const (
	licensesPage = `{ licenseOverviews(first: 20, orderBy: {field: UNCOVERED, direction: DESC}) { nodes { license { product { name } } overview {
		entitled allocated available deployed uncovered rows(first: 5) { label deployed allocated uncovered } } } } }`
	licensePage = `{ node(id: "%s") { ... on License { overview%s { entitled allocated available deployed uncovered rows { label deployed allocated uncovered } } } } }`
)

// median gives the middle one, in milliseconds.
func median(all []time.Duration) float64 {
	slices.Sort(all)
	return float64(all[len(all)/2].Microseconds()) / 1000
}

func timed(f func() json.RawMessage) time.Duration {
	begin := time.Now()
	f()
	return time.Since(begin)
}

// same fails unless two texts are the same JSON.
func same(b *testing.B, ours, theirs json.RawMessage) {
	b.Helper()
	var left, right any
	must(b, json.Unmarshal(ours, &left))
	must(b, json.Unmarshal(theirs, &right))
	if !reflect.DeepEqual(left, right) {
		b.Fatalf("the answers differ\nours   %s\ntheirs %s", ours, theirs)
	}
}
