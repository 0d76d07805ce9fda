package cost

import (
	"math/big"
	"slices"

	"github.com/shopspring/decimal"
	"golang.org/x/text/currency"
)

// Places gives how many digits behind the point amounts of a currency have (ISO 4217): 2 for EUR, 0 for JPY, 3 for KWD; 2 for a
// code that is not known.
func Places(code string) int32 {
	unit, err := currency.ParseISO(code)
	if err != nil {
		return 2
	}
	scale, _ := currency.Standard.Rounding(unit)
	return int32(scale)
}

// Round rounds an exact amount to a number of places, half away from zero.
func Round(amount *big.Rat, places int32) decimal.Decimal {
	return decimal.NewFromBigInt(nearest(scaled(amount, places)), -places)
}

// Apportion rounds exact parts so that they add up to their rounded sum: each is rounded down, and what is then missing goes in
// single smallest units to the parts that lost most, the earlier first where two lost the same (the method of the largest
// remainder). No part is off by a smallest unit or more.
func Apportion(parts []*big.Rat, places int32) []decimal.Decimal {
	sum := new(big.Rat)
	whole := make([]*big.Int, len(parts))
	lost := make([]*big.Rat, len(parts))
	missing := new(big.Int)
	for i, exact := range parts {
		sum.Add(sum, exact)
		up := scaled(exact, places)
		whole[i] = new(big.Int).Div(up.Num(), up.Denom()) // towards minus infinity, as the denominator is positive
		lost[i] = up.Sub(up, new(big.Rat).SetInt(whole[i]))
		missing.Sub(missing, whole[i])
	}
	missing.Add(missing, nearest(scaled(sum, places)))
	order := make([]int, len(parts))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return lost[b].Cmp(lost[a]) })
	for _, i := range order[:min(missing.Int64(), int64(len(order)))] {
		whole[i].Add(whole[i], big.NewInt(1))
	}
	rounded := make([]decimal.Decimal, len(parts))
	for i, n := range whole {
		rounded[i] = decimal.NewFromBigInt(n, -places)
	}
	return rounded
}

func scaled(amount *big.Rat, places int32) *big.Rat {
	factor := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
	return new(big.Rat).Mul(amount, new(big.Rat).SetInt(factor))
}

func nearest(amount *big.Rat) *big.Int {
	// floor((2n + d) / 2d) is half up; mirrored for what is negative, half away from zero.
	twice := new(big.Int).Lsh(new(big.Int).Abs(amount.Num()), 1)
	n := twice.Add(twice, amount.Denom()).Div(twice, new(big.Int).Lsh(amount.Denom(), 1))
	if amount.Sign() < 0 {
		n.Neg(n)
	}
	return n
}
