// Package remedy finds the smallest changes that would have a refused request allowed. What it offers was tried: the change and then
// the request, in a transaction that was rolled back.
package remedy
