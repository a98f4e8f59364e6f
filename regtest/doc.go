// Package regtest runs a private bitcoind on regtest: for the demo, for our tests, and for the tests of those who build
// on Satchel.
//
// A node has a folder and ports of its own, starts in well under a second, knows no peers, and is gone when Stop
// returns or when the process that started it dies, however it dies. It serves what a good node for Satchel serves:
// REST, and one ZMQ address per topic. Its wallet is made when it is first needed, since a loaded wallet delays a
// node's notifications.
//
// It is for regtest only; nothing here can touch coins that are worth anything.
package regtest
