// Package app puts the parts together: configuration, building them leaves first, starting and stopping, and the commands of
// the program. Tests start the same app.
package app
