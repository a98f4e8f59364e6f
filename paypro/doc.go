// Package paypro speaks the payment protocols by which a wallet asks how an invoice is paid and hands its transaction in,
// all of them on one URL: BIP 70 (unsigned), BIP 73, and BitPay's JSON Payment Protocol 1 and 2.
//
// It is pure. It reads what a wallet sent, judges a transaction against what was asked, writes the answers and signs
// them. Whether the node knows the transaction's coins, and takes it, others find out; here stand the words for their
// answers, for wallets know BitPay's texts by heart (JSON Payment Protocol, "Common Errors").
//
// Amounts are satoshis. The one number that is not an integer on the wire is a fee rate.
package paypro
