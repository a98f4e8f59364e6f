package api

import "net/http"

// cors lets pages of any origin call the API: it knows tokens and no cookies, so an origin proves nothing and is
// trusted with nothing.
func cors(h http.Header) {
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "X-Request-Id, Retry-After")
}

// preflight answers OPTIONS (Fetch standard, "CORS-preflight request") with BitPay's lists and our own headers.
func preflight(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", "HEAD,GET,POST,PUT,DELETE,OPTIONS")
	h.Set("Access-Control-Allow-Headers", "Content-Type,Authorization,Content-Length,X-Requested-With,Cache-Control,"+
		"X-Accept-Version,x-signature,x-pubkey,x-identity,x-request-id,x-bitpay-plugin-info,x-bitpay-platform-info,"+
		"x-bitpay-api-frame,x-bitpay-api-frame-version,x-paypro-version,bp_partner,bp_partner_version,cf-connecting-ip")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}
