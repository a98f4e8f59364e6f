// Package chaintest is the chain for tests: a fake one in memory that does what it is told, a real bitcoind on regtest,
// and one suite of tests that both pass, so that what is tested against the fake holds for the real one.
//
// It is never linked into the daemon.
package chaintest
