package config

import (
	"slices"
	"strings"
	"testing"
)

// One mistake is one line that names its key, however much depends on it.
func TestOneMistakeIsOneProblem(t *testing.T) {
	for text, want := range map[string]string{
		"[invoices]\nwindow = \"20m\"\nspeed = \"high\"\n[invoices.more]\nx = 1\n": "invoices: unknown section; did you mean invoice?",
		"Network = \"regtest\"\n":                                      "Network: unknown key; did you mean network?",
		"network = 5\n":                                                `network: must be a text in quotes, such as "regtest"`,
		"colour = \"blue\"\n":                                          "colour: unknown key",
		"listen = \"127.0.0.1:1\"\n":                                   "listen: unknown key",
		"[notify]\nwindow = \"15m\"\n":                                 "notify.window: unknown key; did you mean invoice.window?",
		"[invoice]\ntolerancy = \"1 sat\"\n":                           "invoice.tolerancy: unknown key; did you mean invoice.tolerance?",
		"[invoice]\ntolerance = 0\n":                                   `invoice.tolerance: must be a text in quotes, such as "0 sat"`,
		"[invoice]\ntolerance = \"5\"\n":                               `invoice.tolerance: "5" has no unit: write "1000 sat" or "0.01 BTC"; or a share, such as "0.5%"`,
		"[invoice]\nwindow = \"15 minutes\"\n":                         `invoice.window: "15 minutes" is not a duration such as 15m`,
		"[invoice]\nmax_open = \"many\"\n":                             "invoice.max_open: must be a whole number without quotes",
		"[invoice]\nmax_open = 1.5\n":                                  "invoice.max_open: must be a whole number without quotes",
		"invoice = 15\n":                                               "invoice: must be a section, [invoice]",
		"[[invoice]]\nwindow = \"15m\"\n":                              "invoice: must be a section, [invoice]",
		"[api]\nlisten = \"127.0.0.1:99999\"\n":                        `api.listen: "127.0.0.1:99999" is not host:port, such as 127.0.0.1:8350`,
		"[metrics]\nlisten = \"127.0.0.1:8350\"\n":                     "metrics.listen: 127.0.0.1:8350 is the address of api.listen",
		"public_url = [1, \"https://a.example\"]\n":                    "public_url: must be a text or an array of texts",
		"public_url = []\n":                                            "public_url: at least one is needed",
		"public_url = \"https://a.example/#top\"\n":                    `public_url: "https://a.example/#top" has more than a host and a path, or no usable host`,
		"[node]\nzmq = \"tcp://127.0.0.1:1\"\n":                        `node.zmq: must be an array of texts, such as ["one", "two"]`,
		"[merchant]\nfull_notifications = \"no\"\n":                    "merchant.full_notifications: must be true or false, without quotes",
		"[notify]\nallow_private = 1\n":                                "notify.allow_private: must be true or false, without quotes",
		"[rates]\nsources = []\n":                                      "rates.sources: is empty, and so is rates.fixed: there would be no price",
		"[rates]\nsources = \"kraken\"\n":                              `rates.sources: must be an array of texts, such as ["one", "two"]`,
		"[rates]\nsources = [\"kraken\", \"bitstmp\", \"bitfinex\"]\n": `rates.sources: "bitstmp" is unknown: use coinbase, kraken, bitstamp, bitfinex, coingecko, fixed`,
		"[rates]\nsources = [\"kraken\", \"coinbase\"]\n":              "rates.min_sources: 3 can never be met: the sources have 2 votes (an aggregate has one beside two exchanges)",
		"[rates]\nmin_sources = 0\n":                                   "rates.min_sources: must be at least 1",
		"[rates]\nspread = \"60 %\"\n":                                 "rates.spread: must be from 0 % to under 50 %",
		"[rates]\nspread = \"lots\"\n":                                 `rates.spread: "lots" is not a plain decimal number`,
		"[rates]\nsources = []\nfixed = {USD = 50000}\n":               `rates.fixed.USD: must be a text in quotes, such as "50000"`,
		"[rates]\nsources = []\nfixed = \"50000\"\n":                   `rates.fixed: must be a table of texts, such as {USD = "50000"}`,
		"[rates]\nfixed = {USD = \"dear\"}\nsources = [\"kraken\"]\n":  `rates.fixed: USD = "dear": an ISO 4217 currency and a positive decimal are needed`,
	} {
		_, problems := Parse(text+minimal, "/")
		if !slices.Equal(problems, []string{want}) {
			t.Errorf("of\n%s\nit says\n  %s\nwant\n  %s", text, strings.Join(problems, "\n  "), want)
		}
	}
	for text, want := range map[string]string{
		"[walet]\nkey = \"x\"\n":          "walet: unknown section; did you mean wallet?",
		"[wallet]\nkye = \"x\"\n":         "wallet.kye: unknown key; did you mean wallet.key?",
		"[wallet]\nkey = 5\n":             "wallet.key: must be a text in quotes",
		"network = \"mainnet\"\nwallet=1": "wallet: must be a section, [wallet]",
	} {
		if _, problems := Parse(text, "/"); !slices.Equal(problems, []string{want}) {
			t.Errorf("of\n%s\nit says\n  %s\nwant\n  %s", text, strings.Join(problems, "\n  "), want)
		}
	}
}
