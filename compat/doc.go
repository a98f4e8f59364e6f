// Command compat runs real BitPay clients, as their makers published them, against the built daemon on a real regtest
// node, and writes the table of what works to RESULT.md.
//
// Each client has a driver in clients/ that calls it as a shop would and prints one line a call. Whatever needs
// another hand (an operator's approval, a customer's coins, a miner, a look at the callbacks that arrived) the driver
// asks from a small control server here, which uses the daemon's own commands and the node.
//
// Wallets reach the daemon through a front that speaks TLS (front.go), for these clients speak nothing else; it belongs to
// the harness, as a merchant's web server belongs to the merchant.
//
// A cell is ok only if its driver says so; a call of which a driver says nothing has failed. The command ends with an
// error when any cell has failed.
package main
