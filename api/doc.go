// Package api answers the BitPay REST API over HTTP, and /healthz, /readyz and /metrics.
//
// One table (routes.go) says which path does what for whom. Around every handler, once, stand the request id, CORS,
// the limits of size, time and rate, the reading of the body, the proof of token and signature, the turn in a session,
// the translation of errors, the log and the metrics. A handler gets checked values, makes one call of the domain, and gives a finished document.
//
// The payment protocols of /i/:id (paypro.go) are wallets' and not shops': they answer in their own forms, and send a
// browser to the checkout page.
//
// It never redirects elsewhere, never answers anything but JSON on its other own paths, and never tells a client the cause of our own
// failures. It sees the store and the services only through small interfaces that stand above the handlers that need
// them; amounts and documents are made in bitpay.
package api
