// Package demo loads the demo organization, Contoso, by running the same operations as everybody else: people, groups, contracts,
// licenses, allotments with delegates, full pools with queues, and errors to look at. It is the same at every start.
package demo
