package main

// call is a row of the table: a thing that shops do with the BitPay API.
type call struct {
	id    string // as the drivers name it
	title string
}

// calls lists the rows in the order of the table.
func calls() []call {
	return []call{
		{"pair-client", "pairing asked for by the client, approved by the operator"},
		{"pair-code", "pairing with a code of the operator"},
		{"pair-offer", "a merchant's token makes a code for another"},
		{"tokens", "`GET /tokens`"},
		{"create", "`POST /invoices`, merchant, signed"},
		{"create-pos", "`POST /invoices`, point of sale, signed"},
		{"create-bearer", "`POST /invoices`, point of sale, unsigned"},
		{"create-btc", "`POST /invoices` priced in bitcoin"},
		{"guid-twice", "the same `guid` again: the same invoice"},
		{"get", "`GET /invoices/:id`, merchant"},
		{"get-public", "`GET /invoices/:id`, public"},
		{"pay", "paid with coins, polled through paid, confirmed, complete"},
		{"list", "`GET /invoices` with filters"},
		{"ipn", "callbacks, plain"},
		{"ipn-extended", "callbacks, extended"},
		{"resend", "`POST /invoices/:id/notifications`"},
		{"update", "`PUT /invoices/:id`"},
		{"pay-test", "`PUT /invoices/pay/:id`"},
		{"cancel", "`DELETE /invoices/:id`"},
		{"guid", "`GET /invoices/guid/:guid`"},
		{"guid-cancel", "`DELETE /invoices/guid/:guid`"},
		{"adjust", "`POST /invoices/:id/adjustments`"},
		{"event-token", "`GET /invoices/:id/events`"},
		{"event-stream", "`GET /events`, streamed while the invoice is paid"},
		{"rates", "`GET /rates` after signed calls"},
		{"currencies", "`GET /currencies`"},
		{"wallets", "`GET /supportedWallets`"},
		{"session", "`POST /sessions`, and calls in the session"},
		{"session-expiry", "an expired session is replaced by the client"},
		{"user", "`GET /user`"},
		{"unpair", "`GET /clients`, `PUT /clients/:id`: the client unpairs"},
		{"cli", "its command line: keygen, pair, request, whoami, unpair"},
		{"schema", "every answer fits the client's own schema"},
		{"refused-token", "refused: a wrong token"},
		{"refused-key", "refused: a token of another key"},
		{"refused-invoice", "refused: an unknown invoice"},
		{"refused-price", "refused: an invoice without a price"},
		{"refused-code", "refused: a used pairing code"},
	}
}

// payments lists what wallets do by the payment protocols.
func payments() []call {
	return []call{
		{"wallet-options", "the choice of coins"},
		{"wallet-request", "how to pay, fetched, and its signature verified where there is one"},
		{"wallet-verify", "an unsigned transaction is found right"},
		{"wallet-pay", "a signed transaction is taken: the invoice is paid at once"},
		{"wallet-again", "the same transaction again: the same answer"},
		{"wallet-amount", "refused: a satoshi too few"},
		{"wallet-closed", "refused: an invoice that is paid"},
		{"wallet-unknown", "refused: an unknown invoice"},
		{"wallet-trust", "the client refuses a key that it does not know"},
	}
}
