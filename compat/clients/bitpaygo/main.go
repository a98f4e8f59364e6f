// Command bitpaygo drives github.com/bitpay/bitpay-go: pairing, one kind of invoice, and signed posts to any path.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/bitpay/bitpay-go/client"
	"github.com/bitpay/bitpay-go/key_utils"
)

const patience = 20 * time.Second

// shop is a shop that uses the client.
type shop struct {
	client  *client.Client
	control string
	code    string // a claimed pairing code
	first   string // the id of an invoice
	tokens  map[string]string
}

func main() {
	s := &shop{client: newClient(), control: os.Getenv("COMPAT_CONTROL"), tokens: map[string]string{}}
	for _, step := range []struct {
		call string
		run  func() error
	}{
		{"pair-client", s.pairClient},
		{"pair-code", s.pairCode},
		{"pair-offer", s.pairOffer},
		{"tokens", s.ownTokens},
		{"create", func() error { return s.create("merchant", 10, "USD") }},
		{"create-pos", func() error { return s.create("pos", 12.34, "EUR") }},
		{"create-btc", func() error { return s.create("pos", 0.00023, "BTC") }},
		{"get-public", s.getPublic},
		{"pay", s.pay},
		{"ipn", s.callbacks},
		{"resend", s.resend},
		{"adjust", s.adjust},
		{"refused-token", s.refusedToken},
		{"refused-key", s.refusedKey},
		{"refused-invoice", s.refusedInvoice},
		{"refused-price", s.refusedPrice},
		{"refused-code", s.refusedCode},
	} {
		report(step.call, step.run)
	}
}

func newClient() *client.Client {
	pem := key_utils.GeneratePem()
	return &client.Client{Pem: pem, ApiUri: os.Getenv("COMPAT_API"), ClientId: key_utils.GenerateSinFromPem(pem)}
}

// report makes a call and prints what came of it. The client panics on answers that it did not expect.
func report(call string, run func() error) {
	err := func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("panic: %v", p)
			}
		}()
		return run()
	}()
	line := struct {
		Call string `json:"call"`
		OK   bool   `json:"ok"`
		Note string `json:"note,omitempty"`
	}{Call: call, OK: err == nil}
	if err != nil {
		line.Note = err.Error()
	}
	text, _ := json.Marshal(line) //nolint:errchkjson // strings and a bool
	fmt.Println("CELL " + string(text))
}

func (s *shop) pairClient() error {
	token, err := s.client.PairWithFacade("merchant")
	if err != nil {
		return err
	}
	if len(token.PairingCode) != 7 || token.PairingExpiration-token.DateCreated != 86_400_000 {
		return fmt.Errorf("code %q, valid for %f ms", token.PairingCode, token.PairingExpiration-token.DateCreated)
	}
	s.client.Token = token
	if _, err := s.client.CreateInvoice(10, "USD"); err == nil {
		return errors.New("the token works before the operator has approved it")
	}
	if err := s.ask("approve", map[string]any{"code": token.PairingCode}, nil); err != nil {
		return err
	}
	s.tokens["merchant"] = token.Token
	_, err = s.client.CreateInvoice(10, "USD")
	return err
}

func (s *shop) pairCode() error {
	var offer struct {
		Code string `json:"pairingCode"`
	}
	if err := s.ask("offer", map[string]any{"facade": "pos"}, &offer); err != nil {
		return err
	}
	s.code = offer.Code
	return s.claim(s.code)
}

func (s *shop) claim(code string) error {
	token, err := s.client.PairWithCode(code)
	if err != nil {
		return err
	}
	if token.Facade != "pos" {
		return fmt.Errorf("facade %q", token.Facade)
	}
	s.tokens["pos"] = token.Token
	return nil
}

// pairOffer is what the client's own tests do: a merchant's token makes a code, and the client claims it.
func (s *shop) pairOffer() error {
	var tokens []client.Token
	err := s.post("tokens", map[string]string{"token": s.tokens["merchant"], "facade": "pos", "id": s.client.ClientId}, &tokens)
	if err != nil {
		return err
	}
	return s.claim(tokens[0].PairingCode)
}

func (s *shop) ownTokens() error {
	list, err := s.client.GetTokens()
	if err != nil {
		return err
	}
	if len(list) < 2 { // the client swallows the server's errors here
		return fmt.Errorf("it got %v", list)
	}
	have := map[string]bool{}
	for _, one := range list {
		for _, token := range one {
			have[token] = true
		}
	}
	for facade, token := range s.tokens {
		if !have[token] {
			return fmt.Errorf("the %s token is not among %d", facade, len(list))
		}
	}
	return nil
}

func (s *shop) create(facade string, price float64, currency string) error {
	s.client.Token = client.Token{Token: s.tokens[facade]}
	inv, err := s.client.CreateInvoice(price, currency)
	if err != nil {
		return err
	}
	if inv.Price != price || inv.Currency != currency || inv.Status != "new" || inv.Id == "" || inv.Token == "" || inv.BtcPrice == "" {
		return fmt.Errorf("it got %+v", inv)
	}
	if facade == "merchant" {
		s.first = inv.Id
	}
	return nil
}

func (s *shop) getPublic() error {
	inv, err := s.client.GetInvoice(s.first)
	if err == nil && (inv.Id != s.first || inv.Price != 10) {
		err = fmt.Errorf("it got %+v", inv)
	}
	return err
}

// toPay is what the client's own type leaves out.
type toPay struct {
	Address string           `json:"bitcoinAddress"`
	Totals  map[string]int64 `json:"paymentTotals"`
}

func (s *shop) send(id string, more int64) error {
	var due toPay
	res, err := http.Get(s.client.ApiUri + "/invoices/" + id) //nolint:noctx // bounded by the program that started this one
	if err != nil {
		return err
	}
	if err := decode(res, &due); err != nil {
		return err
	}
	return s.ask("pay", map[string]any{"address": due.Address, "satoshis": due.Totals["BTC"] + more}, nil)
}

func (s *shop) pay() error {
	if err := s.send(s.first, 0); err != nil {
		return err
	}
	if err := s.becomes(s.first, "paid"); err != nil {
		return err
	}
	for _, step := range []struct {
		blocks int
		status string
	}{{1, "confirmed"}, {5, "complete"}} {
		if err := s.mine(step.blocks); err != nil {
			return err
		}
		if err := s.becomes(s.first, step.status); err != nil {
			return err
		}
	}
	return nil
}

func (s *shop) mine(blocks int) error { return s.ask("mine", map[string]any{"blocks": blocks}, nil) }

func (s *shop) becomes(id, status string) error {
	var seen string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		inv, err := s.client.GetInvoice(id)
		if err != nil {
			return err
		}
		if seen = inv.Status; seen == status {
			return nil
		}
	}
	return fmt.Errorf("it is %s, not %s", seen, status)
}

func (s *shop) callbacks() error {
	for _, status := range []string{"paid", "confirmed", "complete"} {
		var list []struct {
			ID string `json:"id"`
		}
		if err := s.ask("ipn", map[string]any{"invoice": s.first, "status": status, "count": 1}, &list); err != nil {
			return err
		}
		if inv, err := s.client.GetInvoice(list[0].ID); err != nil || inv.Id != s.first {
			return fmt.Errorf("the callback's invoice: %+v, %w", inv, err)
		}
	}
	return nil
}

func (s *shop) resend() error {
	var before, after []json.RawMessage
	if err := s.ask("ipn", map[string]any{"invoice": s.first}, &before); err != nil {
		return err
	}
	var said string
	if err := s.post("invoices/"+s.first+"/notifications", map[string]string{"token": s.tokens["merchant"]}, &said); err != nil {
		return err
	}
	if said != "Success" {
		return fmt.Errorf("it said %q", said)
	}
	return s.ask("ipn", map[string]any{"invoice": s.first, "count": len(before) + 1}, &after)
}

func (s *shop) adjust() error {
	s.client.Token = client.Token{Token: s.tokens["merchant"]}
	inv, err := s.client.CreateInvoice(10, "USD")
	if err != nil {
		return err
	}
	if err := s.send(inv.Id, 1000); err != nil {
		return err
	}
	if err := s.until(inv.Id, "paidOver"); err != nil {
		return err
	}
	var said string
	body := map[string]string{"token": s.tokens["merchant"], "type": "acceptOverpayment"}
	if err := s.post("invoices/"+inv.Id+"/adjustments", body, &said); err != nil {
		return err
	}
	if said != "Success" {
		return fmt.Errorf("it said %q", said)
	}
	return nil
}

// until waits for an exception, which the client's own type cannot hold.
func (s *shop) until(id, exception string) error {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		res, err := http.Get(s.client.ApiUri + "/invoices/" + id) //nolint:noctx // bounded by the program that started this one
		if err != nil {
			return err
		}
		var doc struct {
			Exception any `json:"exceptionStatus"`
		}
		if err := decode(res, &doc); err != nil {
			return err
		}
		if doc.Exception == exception {
			return nil
		}
	}
	return fmt.Errorf("it is not %s", exception)
}

func (s *shop) refusedToken() error {
	s.client.Token = client.Token{Token: "BgZVpv7oWdvDJMCK3Lz3EuNM5cDnsBK7kXMWCp7UQqXd"}
	_, err := s.client.CreateInvoice(10, "USD")
	return refused(err, "Invalid token")
}

func (s *shop) refusedKey() error {
	stranger := newClient()
	stranger.Token = client.Token{Token: s.tokens["merchant"]}
	_, err := stranger.CreateInvoice(10, "USD")
	return refused(err, "Invalid token")
}

func (s *shop) refusedInvoice() error {
	_, err := s.client.GetInvoice("1111111111111111111111")
	return refused(err, "not found")
}

func (s *shop) refusedPrice() error {
	s.client.Token = client.Token{Token: s.tokens["merchant"]}
	_, err := s.client.CreateInvoice(-1, "USD")
	return refused(err, "price")
}

func (s *shop) refusedCode() error {
	_, err := newClient().PairWithCode(s.code)
	return refused(err, "Unable to create token")
}

func refused(err error, text string) error {
	if err == nil {
		return errors.New("it was not refused")
	}
	if !strings.Contains(strings.ToLower(err.Error()), strings.ToLower(text)) {
		return fmt.Errorf("the error says %w, wanted %q", err, text)
	}
	return nil
}

// post signs and posts with the client, and decodes the answer's data.
func (s *shop) post(path string, body map[string]string, data any) error {
	res, err := s.client.Post(path, body)
	if err != nil {
		return err
	}
	return decode(res, data)
}

func decode(res *http.Response, data any) error {
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", res.Status, text)
	}
	return json.Unmarshal(text, &struct{ Data any }{data})
}

// ask reaches the operator, the customer and the miner.
func (s *shop) ask(name string, document map[string]any, answer any) error {
	body, err := json.Marshal(document)
	if err != nil {
		return err
	}
	res, err := http.Post(s.control+"/"+name, "application/json", bytes.NewReader(body)) //nolint:noctx // bounded by the server
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", name, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}
