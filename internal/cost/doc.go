// Package cost is the arithmetic of money and time: what a unit of a license costs on a day, who held it how long, and how
// exact sums are rounded so that the parts add up to the whole. It is pure: no database, no clock, no floating point.
package cost
