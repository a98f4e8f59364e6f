package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// post sends a document and gives status and answer.
func post(t *testing.T, url string, doc any) (int, string) {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(answer)
}

// decoded is post for answers that must be good.
func decoded(t *testing.T, url string, doc, answer any) {
	t.Helper()
	status, text := post(t, url, doc)
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", url, status, text)
	}
	if err := json.Unmarshal([]byte(text), answer); err != nil {
		t.Fatalf("%s: %s: %s", url, err, text)
	}
}

// The operator, the customer, the miner and the receiver do over the control server what the drivers will ask for.
func TestTheOtherHands(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "satchel")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "satchel/cmd/satchel").CombinedOutput(); err != nil {
		t.Fatalf("%s\n%s", err, out)
	}
	w, err := newWorld(t.Context(), binary, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}()
	c, err := newControl(t.Context(), w)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()

	var token struct {
		Token string `json:"token"`
	}
	decoded(t, c.url+"/token", ask{Facade: "pos"}, &token)
	var made struct {
		Data struct {
			ID      string           `json:"id"`
			Address string           `json:"bitcoinAddress"`
			Totals  map[string]int64 `json:"paymentTotals"`
		} `json:"data"`
	}
	decoded(t, "http://"+w.api+"/invoices", map[string]any{"token": token.Token, "price": 12, "currency": "EUR", "fullNotifications": true}, &made)
	var paid struct {
		TxID string `json:"txid"`
	}
	decoded(t, c.url+"/pay", ask{Address: made.Data.Address, Satoshis: made.Data.Totals["BTC"]}, &paid)
	var hashes []string
	decoded(t, c.url+"/mine", ask{Blocks: 1}, &hashes)
	if len(paid.TxID) != 64 || len(hashes) != 1 {
		t.Errorf("transaction %q, blocks %v", paid.TxID, hashes)
	}
	for _, status := range []string{"paid", "confirmed"} {
		var callbacks []ipn
		decoded(t, c.url+"/ipn", ask{Invoice: made.Data.ID, Status: status, Count: 1}, &callbacks)
		if len(callbacks) != 1 || callbacks[0].Status != status {
			t.Errorf("%s: %+v", status, callbacks)
		}
	}
	if status, text := post(t, c.url+"/approve", ask{Code: "1111111"}); status != http.StatusInternalServerError || !strings.Contains(text, "pairing approve") {
		t.Errorf("a wrong code: %d %s", status, text)
	}
	if status, text := post(t, c.url+"/token", ask{Facade: "nonsense"}); status != http.StatusInternalServerError || !strings.Contains(text, "nonsense") {
		t.Errorf("a wrong facade: %d %s", status, text)
	}
	var draft struct {
		Unsigned, Signed, Script string
		Size                     int
	}
	decoded(t, c.url+"/draft", ask{Address: made.Data.Address, Satoshis: 70_000}, &draft)
	if len(draft.Signed) <= len(draft.Unsigned) || draft.Size <= len(draft.Unsigned)/2 || len(draft.Script) != 44 {
		t.Errorf("%+v", draft)
	}
	throughTheFront(t, w.front, made.Data.ID)
	if !strings.Contains(w.logTail(), "msg=ready") {
		t.Errorf("the log ends with\n%s", w.logTail())
	}
}

// throughTheFront looks at an invoice over TLS, where the daemon calls itself by that address, and nobody trusts it who was
// not told to.
func throughTheFront(t *testing.T, f *front, id string) {
	t.Helper()
	text, err := os.ReadFile(f.certificate)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatal("no certificate")
	}
	for _, trust := range []*x509.CertPool{nil, pool} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust, MinVersion: tls.VersionTLS12}}
		defer transport.CloseIdleConnections()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, f.url+"/invoices/"+id, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := (&http.Client{Transport: transport}).Do(req)
		if trust == nil {
			if err == nil {
				res.Body.Close()
				t.Error("a stranger trusts the certificate")
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil || !strings.Contains(string(body), `"BIP73":"`+f.url+"/i/"+id) {
			t.Errorf("%s %v", body, err)
		}
	}
}

func TestADaemonThatDoesNotStartIsTold(t *testing.T) {
	dir := t.TempDir()
	w := &world{binary: "/bin/false", dir: dir, api: "127.0.0.1:1"}
	if err := w.serve(t.Context()); err == nil || !strings.Contains(err.Error(), "the daemon has ended") {
		t.Errorf("error %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestTheReceiverTakesOnlySignedCallbacks(t *testing.T) {
	s, err := newSink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	if status, _ := post(t, s.url, map[string]string{"id": "a", "status": "paid"}); status != http.StatusBadRequest {
		t.Errorf("unsigned: %d", status)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := s.wait(ctx, ask{Invoice: "a", Count: 1}); err == nil || !strings.Contains(err.Error(), "0 of 1") || !strings.Contains(err.Error(), "verify callback") {
		t.Errorf("error %v", err)
	}
}

func TestTheReceiverFindsBothFormats(t *testing.T) {
	s := &sink{news: make(chan struct{})}
	s.arrived = []callback{{invoice: "a", status: "paid", body: []byte(`1`)}, {invoice: "a", status: "paid", event: "invoice_paidInFull", body: []byte(`2`)}, {invoice: "b", body: []byte(`3`)}}
	for _, c := range []struct {
		want ask
		got  string
	}{
		{ask{Invoice: "a"}, "[1 2]"},
		{ask{Invoice: "a", Status: "paid", Count: 2}, "[1 2]"},
		{ask{Invoice: "a", Event: "invoice_paidInFull"}, "[2]"},
		{ask{Invoice: "a", Status: "complete"}, "[]"},
	} {
		list, err := s.wait(t.Context(), c.want)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%s", list); got != c.got {
			t.Errorf("%+v: %s, want %s", c.want, got, c.got)
		}
	}
}
