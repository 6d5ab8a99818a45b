// Package sched decides who is served next: the requests of all clients wait here, and an executor is given only what it can start now.
//
// A Scheduler belongs to one gateway. It knows tenants (whom a request is from), streams (a tenant's connections) and pools (an executor's
// replicas and the requests that wait for them). A request's way:
//
//	stream.Next     waits until the stream may take another request in: bounded in number and bytes, fair between tenants
//	request.Admit   notes its size and deadline; refuses at once what could not be answered in time
//	request.Acquire waits, at each executor on its way, for a slot of a replica: one pick gives request and replica together
//	grant.Done      gives the slot back, and says what really happened
//	request.Close   makes room for the stream's next request
//
// Slots are shared by start-time fair queueing in executor-seconds: each tenant has an account per executor, charged with a guess when one of its
// requests starts and corrected when it ends; the tenant that has had least goes next. Tenants come first, a tenant's streams second (in turn), and a
// stream's requests stay in order. A tenant that was idle may be served up to four service times before those that were not, so that a
// polite client hardly waits behind any number of floods. Identities that nobody vouches for weigh together as much as one tenant, and share one such credit.
//
// How many slots a replica has is configured, or learned from throughput (learn.go). Nothing here runs on a goroutine of its own: every decision is made by
// the goroutine that brings the news.
package sched
