package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// FuzzServe: whatever comes through the door is answered in the one shape that clients read, and never by a failure of
// ours.
func FuzzServe(f *testing.F) {
	s := newShop(f, nil)
	c, token := s.paired(7)
	id := s.make(`,"guid":"g"`)
	session := s.session()
	sign := func(target, body string) string {
		h := c.headers("https://pay.example"+target, body)
		return h[0] + ": " + h[1] + "\r\n" + h[2] + ": " + h[3]
	}
	f.Add("GET", "/tokens", sign("/tokens", ""), "")
	f.Add("GET", "/clients/"+string(c.sin(f)), sign("/clients/"+string(c.sin(f)), ""), "")
	f.Add("PUT", "/clients/x/", "Content-Type: application/json", `{"disabled":"maybe","label":7}`)
	f.Add("POST", "/clients", "Content-Type: application/json", `{"id":"`+string(c.sin(f))+`","label":"\u202e"}`)
	f.Add("POST", "/tokens", "", `{"id":"`+string(c.sin(f))+`","facade":"merchant","count":"1","guid":"1.5"}`)
	f.Add("POST", "/tokens", "X-Forwarded-For: 203.0.113.1", `{"id":"`+string(c.sin(f))+`","pairingCode":"aB3dE5g"}`)
	f.Add("POST", "/sessions", "", `{}`)
	f.Add("GET", "/user?sessionId="+session+"&requestNumber=1", "X-Identity: 04", "")
	f.Add("GET", "/rates?sessionId="+session+"&requestNumber=01", "", "")
	f.Add("POST", "/invoices", "Authorization: Bearer "+s.pos, `{"price":"1.00","currency":"USD","sessionId":"x","requestNumber":1e9}`)
	f.Add("POST", "/invoices/", sign("/invoices/", `{"price":1,"currency":"EUR","token":"`+token+`"}`), `{"price":1,"currency":"EUR","token":"`+token+`"}`)
	f.Add("GET", "/invoices/"+id+"?token="+token, "X-Forwarded-Proto: https\r\nX-Pubkey: zz\r\nX-Signature: 30", "")
	f.Add("DELETE", "/invoices/guid/g?token="+s.owner, "", "")
	f.Add("GET", "/invoices?dateStart=x&limit=-1&token="+s.owner, "", "")
	f.Add("HEAD", "//BTC/%2e%2e?%zz", "X-Request-Id: \x7f", "")
	f.Add("OPTIONS", "*", "", "")
	f.Add("GET", "http://evil.example/tokens", sign("/tokens", ""), "")
	f.Fuzz(func(t *testing.T, method, target, headers, body string) {
		text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: pay.example\r\nContent-Length: %d\r\n%s\r\n\r\n%s", method, target, len(body), headers, body)
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			return
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // what waits for events waits no longer
		defer cancel()
		req.RemoteAddr = "127.0.0.1:1"
		rec := httptest.NewRecorder()
		s.api.Handler().ServeHTTP(rec, req.WithContext(ctx))
		if rec.Code == http.StatusOK || rec.Code == http.StatusNoContent {
			return
		}
		var doc struct {
			Status, Code, Error, Message string
			Ready                        *bool
		}
		if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil || doc.Ready == nil && (doc.Status != "error" || doc.Code == "" || doc.Error == "" || doc.Error != doc.Message) {
			t.Fatalf("%q: %d %q", text, rec.Code, rec.Body)
		}
		if rec.Code == http.StatusInternalServerError && !strings.HasPrefix(doc.Error, "Unable to create token") && ctx.Err() == nil {
			t.Fatalf("%q: %d %q\n%s", text, rec.Code, rec.Body, s.logs)
		}
	})
}
