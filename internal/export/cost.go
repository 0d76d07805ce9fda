package export

import (
	"context"
	"time"

	"github.com/ringfence/ringfence/internal/query"
)

// costKinds are what was held over a period and what it cost.
var costKinds = []*kind{
	{
		name: "showback", about: "who held seats over a period and what they cost", input: "LicenseWhere", takes: []string{takesPeriod, takesBy},
		columns: []string{
			"from", "to", "kind", "department", "cost center", "vendor", "contract number", "product", "license", "user name", "user external id", "seat seconds",
			"seat days", "cost", "currency",
		},
		write: func(ctx context.Context, j *job) error {
			q, err := j.showback()
			if err != nil {
				return err
			}
			if q.By = query.ShowbackBy(j.By); j.By == "" {
				q.By = query.ByDepartment
			}
			rows, _, err := j.reader.Showbacks(ctx, q)
			if err != nil {
				return err
			}
			return each(j, rows, func(row *query.ShowbackRow) error { return j.showbackRow(ctx, q, row) })
		},
	},
	{
		name: "focus", about: "the same by license, department, cost center and month, in the columns of FOCUS " + FocusVersion, input: "LicenseWhere",
		takes: []string{takesPeriod}, columns: focusColumns(),
		write: func(ctx context.Context, j *job) error {
			q, err := j.showback()
			if err != nil {
				return err
			}
			charges, err := j.reader.Charges(ctx, q)
			if err != nil {
				return err
			}
			return each(j, charges, func(c *query.Charge) error { return j.focus(ctx, c) })
		},
	},
}

// perPage is how many rows of what is in memory anyway are written between two calls of Page.
const perPage = 1000

func each[T any](j *job, rows []T, write func(T) error) error {
	for i, row := range rows {
		if i%perPage == 0 {
			if err := j.paged(); err != nil {
				return err
			}
		}
		if err := write(row); err != nil {
			return err
		}
	}
	return nil
}

// showback reads the period and the conditions; without a period it is the present month up to today.
func (j *job) showback() (query.ShowbackQuery, error) {
	conditions, err := where[query.LicenseWhere](j)
	q := query.ShowbackQuery{From: j.From, To: j.To, Where: conditions}
	today := j.reader.Now()
	if q.From == "" && q.To == "" {
		q.From = time.Date(today.Year(), today.Month(), 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	}
	if q.To == "" {
		q.To = today.Format(time.DateOnly)
	}
	return q, err
}

func (j *job) showbackRow(ctx context.Context, q query.ShowbackQuery, row *query.ShowbackRow) error {
	license, err := row.License(ctx)
	if err != nil {
		return err
	}
	user, err := row.User(ctx)
	if err != nil {
		return err
	}
	var vendor, contract, product, name, external cell
	if license != nil {
		a, err := articleOf(ctx, license)
		if err != nil {
			return err
		}
		vendor, contract, product = word(a.vendor), word(a.contract), word(a.product)
	}
	if user != nil {
		name, external = maybe(user.UserName()), maybe(user.ExternalID())
	}
	return j.row(plain(q.From), plain(q.To), plain(row.Kind), maybe(row.Department), maybe(row.CostCenter), vendor, contract, product, entitlement(license), name,
		external, plain(row.SeatSeconds), plain(row.SeatDays), maybePlain(row.Cost), maybePlain(row.Currency))
}
