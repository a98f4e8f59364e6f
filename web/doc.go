// Package web is what a payer sees: the checkout page, its live updates and its assets; and the page on which the operator
// decides about a client that asks for access.
//
//	GET /invoice?id=ID            the page: HTML, complete without JavaScript (it reloads itself then)
//	GET /invoice/stream?id=ID     server-sent events (WHATWG HTML, 9.2): a view at connect and after every change
//	GET /invoice/view?id=ID       one view as JSON, for a page whose stream was refused
//	GET /assets/NAME.HASH.EXT     stylesheet, script and icon; their names change with their content
//
//	GET /api-access-request?pairingCode=CODE[&key=KEY]   also /api-tokens and /dashboard/merchant/api-tokens
//	POST /api-access-request                              its form: pairingCode, key, decision, facade, merchant
//
// Other parameters are ignored, so that BitPay's "&view=modal" works. /i/ID is not served here.
//
// A view is one JSON object; its members are those of the type view. A stream ends after a view with "final":true: nothing
// that a payer waits for can happen any more. It takes &due=SATS, the amount whose QR code the page already shows, and
// sends a code only with another amount. A comment every 15 seconds keeps proxies awake. A client that does not
// read is dropped. Over the hub's limit the answer is 429 with Retry-After, and the script asks for views instead.
//
// In a frame the script tells the parent what bitpay.js listens for: "loaded", "close", and {invoiceId, status} with the
// words of BitPay's invoice states, "paid" always among them before a later one.
//
// The page shows what a payer may see and nothing else. Every text in it may be hostile: html/template writes it, the script
// sets it as text only, and the policy in the header lets no other script, style or host in. Any site may frame the page,
// because shops show it in a window of their own; it takes no input that a clickjacker could use.
//
// The approval page is the contrary: without a link's key it says only how to approve, with it who asks for what, and no
// site may frame it. The key (auth.Secret.Link) is the whole authority. It is in the form's body and in no cookie, so no
// other site can make a browser decide; it ends after minutes, and with the decision, which is made once.
package web
