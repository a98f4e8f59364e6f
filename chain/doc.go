// Package chain talks to one bitcoind: RPC and REST for the truth, ZMQ for wake-ups.
//
// It promises ordered steps (disconnect…, connect…) from any header chain we stored to the node's best one, a mempool
// view that says when it may be believed, and answers that come within their context or not at all. It keeps no state
// that matters: everything here can be lost and asked again. A ZMQ message is a hint and never a fact.
//
// It knows nothing of invoices. Which scripts are ours it learns from a Scripts table that its caller fills.
package chain
