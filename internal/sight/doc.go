// Package sight reads what the directory and the allotments say about a principal, as far as lists depend on it, and writes the
// conditions for what they may see. Both the reading side and the commands see by it, so they cannot differ.
package sight
