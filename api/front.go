package api

import (
	"net/http"
	"strings"

	"satchel/bitpay"
	"satchel/fault"
)

// front is GET /: whoever looks at the server with a browser is led to the documentation, which says what this is and
// where its people sign in. No client of BitPay's calls it; a program that does learns that there is nothing.
func (a *API) front(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("Vary", "Accept")
	if !strings.Contains(strings.ToLower(strings.Join(req.Header.Values("Accept"), ",")), "text/html") {
		write(w, http.StatusNotFound, bitpay.Failure(bitpay.Code(fault.NotFound), "There is nothing at this path; the documentation is at /docs"))
		return
	}
	w.Header().Set("Location", a.base(req)+"/docs")
	w.WriteHeader(http.StatusFound)
}
