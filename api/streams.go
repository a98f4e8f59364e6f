package api

import (
	"net/http"
	"strings"
	"sync"

	"satchel/bitpay"
	"satchel/fault"
)

// Bounds of the streams at the desk, which count apart: whoever floods the checkout takes none from the merchant.
const (
	deskStreams          = 250
	deskStreamsPerCaller = 50
)

// streams counts what is open of a kind that holds a connection for as long as its client likes: in all, by caller and by
// invoice. Behind a proxy on this machine connections tell nobody apart, so this is where one client is kept from taking
// them all. Who is refused looks again by himself, and later.
type streams struct {
	max, perCaller, perInvoice int // a negative share: any

	mu       sync.Mutex
	open     int
	callers  map[caller]int
	invoices map[string]int
}

func newStreams(l Limits) *streams {
	return &streams{
		max: l.Streams, perCaller: l.StreamsPerCaller, perInvoice: l.StreamsPerInvoice,
		callers: make(map[caller]int), invoices: make(map[string]int),
	}
}

// take counts a stream of an invoice, "" for one of none; fault.TooMany when there are too many. The function gives the
// place back. A caller on loopback has no share of his own: it may be a proxy that names nobody.
func (s *streams) take(c caller, invoice string) (giveBack func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.open >= s.max,
		!c.exempt() && s.perCaller >= 0 && s.callers[c] >= s.perCaller,
		invoice != "" && s.perInvoice >= 0 && s.invoices[invoice] >= s.perInvoice:
		return nil, fault.New(fault.TooMany, "Too many streams are open").After(retryTooMany)
	}
	s.open++
	s.callers[c]++
	s.invoices[invoice]++
	return func() { s.giveBack(c, invoice) }, nil
}

func (s *streams) giveBack(c caller, invoice string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.callers[c]--; s.callers[c] == 0 {
		delete(s.callers, c)
	}
	if s.invoices[invoice]--; s.invoices[invoice] == 0 {
		delete(s.invoices, invoice)
	}
}

// counted serves pages, and as many of the streams among them, whose paths end so, as there is room for.
func (s *streams) counted(pages http.Handler, suffix string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if !strings.HasSuffix(req.URL.Path, suffix) {
			pages.ServeHTTP(w, req)
			return
		}
		giveBack, err := s.take(callerOf(req), req.URL.Query().Get("id"))
		if err != nil {
			tooMany(w, err)
			return
		}
		defer giveBack()
		pages.ServeHTTP(w, req)
	})
}

// tooMany refuses a call for a page or a stream.
func tooMany(w http.ResponseWriter, err error) {
	w.Header().Set("Retry-After", seconds(err, retryTooMany))
	write(w, http.StatusTooManyRequests, bitpay.Refusal(err))
}
