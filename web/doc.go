// Package web is what a payer sees: the checkout page, its live updates and its assets; and the page on which the operator
// decides about a client that asks for access.
//
//	GET /invoice?id=ID            the page: HTML, complete without JavaScript (it reloads itself then)
//	GET /invoice/stream?id=ID     server-sent events (WHATWG HTML, 9.2): a view at connect and after every change
//	GET /invoice/view?id=ID       one view as JSON, for a page whose stream was refused
//	GET /bitpay.js                what a shop's page loads to show an invoice in a window of its own; also /bitpay.min.js
//	GET /assets/NAME.HASH.EXT     stylesheet, script and icon; their names change with their content
//
//	GET /pos/KEY                  the point of sale: of a link (auth.Secret.PayLink), or of a token (auth.Secret.Till); a bearer
//	                              token of the facade pos leads to the latter
//	POST /pos/KEY                 its form: amount, open, once
//	GET /pos/KEY/code.svg         a link's QR code
//	GET /docs, /docs/NAME         package web/docs
//
//	GET /api-access-request?pairingCode=CODE[&key=KEY]   also /api-tokens and /dashboard/merchant/api-tokens
//	POST /api-access-request                              its form: pairingCode, key, decision, facade, merchant
//
// Other parameters are ignored, so that BitPay's "&view=modal" works. /i/ID is not served here.
//
// The page speaks the languages of words/, the one of &lang=CODE or else the browser's choice. A view is one JSON object;
// its members are those of the type view, its sentences in that language. A stream ends after a view with "final":true:
// nothing that a payer waits for can happen any more. It takes &due=SATS, the amount whose QR code the page already shows,
// and sends a code only with another amount. An event "beat" every 15 seconds keeps proxies awake, and tells a page that a
// proxy does not keep events back; a page that hears nothing asks for views instead, as it does when the hub's limit is
// reached (429 with Retry-After). A client that does not read is dropped.
//
// In a frame the script tells the parent what shops listen for: "loaded", "close", and {invoiceId, status} with the words of
// BitPay's invoice states. "paid" comes before any later one, and again before "close": some shops wait for that word,
// others keep only the last. bitpay.js gives the page window.bitpay: showInvoice(id), hideFrame, showFrame,
// onModalWillEnter(fn), onModalWillLeave(fn), onModalReceiveMessage(fn), setApiUrlPrefix(url), and enableTestMode, which
// does nothing, because this server is the one for tests as well. It believes messages of its own frame only, and asks no
// server but the one it came from: that of its script tag or, where it has none, the public URL that is written into it.
//
// The page shows what a payer may see and nothing else. Every text in it may be hostile: html/template writes it, the script
// sets it as text only, and the policy in the header lets no other script, style or host in. Any site may frame the page,
// because shops show it in a window of their own; it takes no input that a clickjacker could use.
//
// The approval page is the contrary: without a link's key it says only how to approve, with it who asks for what, and no
// site may frame it. The key (auth.Secret.Link) is the whole authority. It is in the form's body and in no cookie, so no
// other site can make a browser decide; it ends after minutes, and with the decision, which is made once.
//
// The point of sale makes invoices for anybody who has a link's address. Each caller's address holds a few open and each
// link a few more, so that nobody uses the wallet's addresses up; a form is taken from the page itself only. A form that
// is sent twice gives one invoice, and the next customer's gives another.
package web
