package bitpay

// WalletsDocument is the answer to GET /supportedWallets. BitPay lists brands there; here whatever pays to an address does,
// so the list has one entry, for all of them. protocols tells whether they may ask at /i/:id, too. What no wallet is known
// by, a picture or a fee of its keeper, is left out.
func WalletsDocument(protocols bool) Raw {
	e := newEncoder(256)
	e.open()
	e.openList("data")
	e.open()
	e.text("key", "bitcoin")
	e.text("displayName", "Bitcoin wallets")
	e.flag("payPro", protocols)
	e.openList("currencies")
	e.open()
	e.text("code", "BTC")
	e.flag("p2p", true)
	e.flag("dappBrowser", false)
	e.flag("payPro", protocols)
	e.openIn("qr")
	e.text("type", "BIP21")
	e.close()
	e.flag("walletConnect", false)
	e.close()
	e.closeList()
	e.close()
	e.closeList()
	e.close()
	return e.b
}
