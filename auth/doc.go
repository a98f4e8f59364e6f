// Package auth turns what a caller presents into a Principal: the only proof of who may do what (BitPay API, "Tokens",
// "Facades", "Sessions").
//
// Tokens are opaque base58 strings that the server can recompute: the id of a grant, and a keyed hash. The store holds
// the grant and never the string. The string of a grant is the same before and after its approval, and whatever the
// approver picked; what it allows is read from the grant on every call. Resource tokens hang on their grant in the same
// way, and nothing of them is stored.
//
// A pairing code makes a grant usable: the client's code waits until somebody approves it, the merchant's until a client
// claims it. It is used once. A grant changes together with its code, its client and the guid that asked for it, in one
// commit.
//
// It knows merchants, and nothing of invoices, HTTP or storage.
package auth
