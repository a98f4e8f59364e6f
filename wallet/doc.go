// Package wallet turns the merchant's public key into addresses.
//
// It promises that a watch key cannot hold a private key: there is no field for one, every notation of one is
// recognised before anything else is read, and no error repeats any part of what was given. It derives what it knows
// itself (BIP32 along BIP44, 49, 84 and 86), and leaves every other public descriptor (BIP380) to the node: such a key
// says NeedsNode, and its scripts come from a NodeDeriver.
//
// It has no clock, no network and no storage. Which index comes next is the store's to know.
package wallet
