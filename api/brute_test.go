package api

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcutil/base58"

	"satchel/auth"
	"satchel/store/storetest"
)

// straight makes a call without a socket, from an address.
func (s *shop) straight(addr, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	req := httptest.NewRequestWithContext(s.t.Context(), method, target, strings.NewReader(body))
	req.RemoteAddr, req.Host = addr+":1", "pay.example"
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	s.api.Handler().ServeHTTP(rec, req)
	return rec
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return base58.Encode(b)
}

// TestGuessing: ten thousand guesses of everything that can be guessed find nothing, from one address or from many, and a
// good client beside them is served all the time.
func TestGuessing(t *testing.T) {
	s := newShop(t, nil)
	c, token := s.paired(7)
	id := s.make("")
	offer, err := s.api.cfg.Auth.Offer(t.Context(), auth.OfferRequest{Merchant: storetest.Shop})
	if err != nil {
		t.Fatal(err)
	}
	sin := string(newClient(8).sin(t))
	path := "/invoices/" + id + "?token=" + token
	good := c.headers("https://pay.example"+path, "")
	near := func(i int) string { // a good token, of which one character is another
		b, c := []byte(s.owner), "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"[i%58]
		if b[i%len(b)] == c {
			return "x"
		}
		b[i%len(b)] = c
		return string(b)
	}
	guesses := map[string]func(i int, addr string) *httptest.ResponseRecorder{
		"tokens": func(_ int, addr string) *httptest.ResponseRecorder {
			return s.straight(addr, http.MethodGet, "/invoices?token="+random(40), "")
		},
		"tokens near a good one": func(i int, addr string) *httptest.ResponseRecorder {
			return s.straight(addr, http.MethodGet, "/invoices?token="+near(i), "")
		},
		"codes": func(_ int, addr string) *httptest.ResponseRecorder {
			return s.straight(addr, http.MethodPost, "/tokens", `{"id":"`+sin+`","pairingCode":"`+random(6)[:7]+`"}`)
		},
		"invoices": func(_ int, addr string) *httptest.ResponseRecorder {
			return s.straight(addr, http.MethodGet, "/invoices/"+random(16), "")
		},
		"sessions": func(_ int, addr string) *httptest.ResponseRecorder {
			return s.straight(addr, http.MethodGet, "/rates?requestNumber=1&sessionId="+random(16), "")
		},
	}
	const tries = 10_000
	for what, guess := range guesses {
		for i := range tries {
			addr := "203.0.113.1"
			if i%2 == 0 {
				addr = fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)
			}
			if rec := guess(i, addr); rec.Code < 400 {
				t.Fatalf("%s: guess %d is answered with %d %s", what, i, rec.Code, rec.Body)
			}
			if i%100 > 0 {
				continue
			}
			if rec := s.straight("198.51.100.7", http.MethodGet, path, "", good...); rec.Code != http.StatusOK {
				t.Fatalf("%s: after %d guesses a good client gets %d %s", what, i, rec.Code, rec.Body)
			}
		}
	}
	if _, err := s.api.cfg.Auth.PairingByCode(t.Context(), offer.Pairing.Code); err != nil {
		t.Errorf("the offer is gone: %v", err)
	}
	list, err := s.api.cfg.Auth.Pairings(t.Context())
	if err != nil || len(list) != 1 {
		t.Errorf("%d pairings, %v", len(list), err)
	}
}
