// Package tracker is the only place where chain facts become changes of invoices. One goroutine owns the tip, the view
// of the mempool and expiry, so that "paid" and "expired" cannot race.
//
// ZMQ is a hint, RPC is the truth, the store is the memory. Every step of the chain, what it does to invoices, and the
// events that announce it are one commit. What is absent is believed gone only when it was proved: the node is not
// behind us, its mempool is loaded, and the snapshot was taken at our tip.
//
// Every round does the same, whatever woke it: follow the chain, credit what is new, compare the mempool where that is
// due, and let time pass. A crash between any two steps is healed by the next round.
package tracker
