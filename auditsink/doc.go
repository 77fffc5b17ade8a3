// Package auditsink carries an audit log to where it is kept: it owns the
// record as every destination receives it, the contract of a [Sink], the URLs
// that sinks are opened by, and the [Relay] that feeds one. It needs a log to
// read from, a [Source], and knows nothing else of this project.
//
// To write a sink, implement [Sink], and [Resumer] if the destination can be
// asked what it holds; register an [Opener] with a [Mux]; and run package
// sinktest over it.
//
// # Durability
//
// A record is delivered when Deliver has returned nil for it, and a relay's
// place in the log moves only after that. A relay that dies in between delivers
// again: every record reaches a sink at least once, in order, and a sink that
// is a Resumer, exactly once.
//
// # Errors
//
// A relay retries for ever, and skips nothing. A sink that fails holds up
// itself: no other sink, and nothing that writes to the log.
//
// # Concurrency
//
// Of all relays of one name, on any number of servers, the one that holds the
// lease delivers. Package level functions and a Mux are safe for concurrent
// use once everything is registered.
package auditsink
