package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	"github.com/btcsuite/btcd/btcutil"
	"github.com/btcsuite/btcd/btcutil/base58"
)

// bitpayClient is a program with a key of its own, which signs its calls as BitPay's SDKs do: over the whole URL and the
// body. It is written from BitPay's documents alone, so that it agrees with the daemon by following them.
type bitpayClient struct {
	t    *testing.T
	base string
	key  *btcec.PrivateKey
}

func newBitpayClient(t *testing.T, s *shop) *bitpayClient {
	t.Helper()
	key, err := btcec.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return &bitpayClient{t: t, base: "http://" + s.api, key: key}
}

// sin is the client's id: base58check(0x0f, 0x02 ‖ RIPEMD-160(SHA-256(public key))).
func (c *bitpayClient) sin() string {
	return base58.CheckEncode(append([]byte{0x02}, btcutil.Hash160(c.key.PubKey().SerializeCompressed())...), 0x0f)
}

// call sends a body, or none where it is nil.
func (c *bitpayClient) call(method, path string, body map[string]any, signed bool) (int, map[string]any) {
	c.t.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			c.t.Fatal(err)
		}
	}
	req, err := http.NewRequestWithContext(c.t.Context(), method, c.base+path, bytes.NewReader(text))
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Accept-Version", "2.0.0")
	if signed {
		sum := sha256.Sum256(append([]byte(c.base+path), text...))
		req.Header.Set("X-Identity", hex.EncodeToString(c.key.PubKey().SerializeCompressed()))
		req.Header.Set("X-Signature", hex.EncodeToString(ecdsa.Sign(c.key, sum[:]).Serialize()))
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	return decodeAnswer(c.t, res)
}

// asks is POST /tokens: the request for a token, or the claim of one.
func (c *bitpayClient) asks(more map[string]any) map[string]any {
	c.t.Helper()
	body := map[string]any{"id": c.sin()}
	maps.Copy(body, more)
	status, doc := c.call(http.MethodPost, "/tokens", body, false)
	if status != http.StatusOK {
		c.t.Fatalf("POST /tokens: %d %v", status, doc)
	}
	return doc["data"].([]any)[0].(map[string]any)
}

// method is what a token's policy says: "inactive" until it is approved, then "require".
func method(token map[string]any) string {
	return token["policies"].([]any)[0].(map[string]any)["method"].(string)
}

// sells makes an invoice with a token, which a customer pays, and polls it until it is complete.
func (c *bitpayClient) sells(s *shop, token string) {
	c.t.Helper()
	status, doc := c.call(http.MethodPost, "/invoices", map[string]any{"token": token, "price": 12.5, "currency": "USD"}, true)
	if status != http.StatusOK {
		c.t.Fatalf("POST /invoices: %d %v", status, doc)
	}
	inv := doc["data"].(map[string]any)
	id := inv["id"].(string)
	s.pay(inv["bitcoinAddress"].(string), sats(c.t, inv["btcDue"].(string)))
	becomes := func(want string) {
		c.t.Helper()
		s.eventually("the client sees "+want, func() bool {
			status, doc := c.call(http.MethodGet, "/invoices/"+id+"?token="+token, nil, true)
			if status != http.StatusOK {
				c.t.Fatalf("GET /invoices: %d %v", status, doc)
			}
			return doc["data"].(map[string]any)["status"] == want
		})
	}
	becomes("paid")
	s.mine(6)
	becomes("complete")
}

// cannotSell shows that a token is worth nothing, signed or not.
func (c *bitpayClient) cannotSell(token string) {
	c.t.Helper()
	for _, signed := range []bool{true, false} {
		status, doc := c.call(http.MethodPost, "/invoices", map[string]any{"token": token, "price": 12.5, "currency": "USD"}, signed)
		if text, _ := doc["error"].(string); status != http.StatusUnauthorized || !strings.Contains(text, "Invalid token") {
			c.t.Errorf("signed %v: %d %v", signed, status, doc)
		}
	}
}
