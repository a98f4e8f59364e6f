package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"
	btcwire "github.com/btcsuite/btcd/wire"

	"satchel/regtest"
)

// payer is a wallet that speaks the JSON Payment Protocol. It trusts the key of the shop and checks every
// answer in JSON with it, written from the protocol's description alone.
type payer struct {
	*shop
	key *btcec.PublicKey
}

func newPayer(t *testing.T, s *shop) *payer {
	t.Helper()
	p := &payer{shop: s}
	status, _, body := p.say(http.MethodGet, "/signingKeys/paymentProtocol.json", nil)
	var doc struct {
		Owner string   `json:"owner"`
		Keys  []string `json:"publicKeys"`
		Hosts []string `json:"validDomains"`
	}
	if err := json.Unmarshal(body, &doc); status != http.StatusOK || err != nil || len(doc.Keys) != 1 || len(doc.Hosts) != 1 || doc.Hosts[0] != "127.0.0.1" {
		t.Fatalf("%d %s", status, body)
	}
	raw, err := hex.DecodeString(doc.Keys[0])
	s.must(err)
	p.key, err = btcec.ParsePubKey(raw)
	s.must(err)
	return p
}

// say makes a call; the headers are pairs.
func (p *payer) say(method, path string, body []byte, headers ...string) (int, http.Header, []byte) {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), method, "http://"+p.api+path, io.MultiReader(bytes.NewReader(body)))
	p.must(err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	p.must(err)
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	p.must(err)
	if res.StatusCode == http.StatusOK && res.Header.Get("X-Signature-Type") != "" {
		p.verify(res.Header, answer)
	}
	return res.StatusCode, res.Header, answer
}

func (p *payer) verify(h http.Header, body []byte) {
	p.t.Helper()
	sum := sha256.Sum256(body)
	raw, err := hex.DecodeString(h.Get("Signature"))
	if err != nil || len(raw) != 64 || h.Get("Digest") != fmt.Sprintf("SHA-256=%x", sum) {
		p.t.Fatalf("headers %v", h)
	}
	var r, s btcec.ModNScalar
	if r.SetByteSlice(raw[:32]) || s.SetByteSlice(raw[32:]) || !ecdsa.NewSignature(&r, &s).Verify(sum[:], p.key) {
		p.t.Fatalf("the signature of %s is wrong", body)
	}
}

// asks fetches how to pay, by version 2.
func (p *payer) asks(inv order) (address string, sats int64, rate json.Number) {
	p.t.Helper()
	status, _, body := p.say(http.MethodPost, "/i/"+inv.ID, []byte(`{"chain":"BTC","currency":"BTC"}`),
		"Content-Type", "application/payment-request", "x-paypro-version", "2")
	var doc struct {
		Network      string `json:"network"`
		Instructions []struct {
			Rate    json.Number `json:"requiredFeeRate"`
			Outputs []struct {
				Amount  int64  `json:"amount"`
				Address string `json:"address"`
			} `json:"outputs"`
		} `json:"instructions"`
	}
	if err := json.Unmarshal(body, &doc); status != http.StatusOK || err != nil || doc.Network != "regtest" {
		p.t.Fatalf("%d %s", status, body)
	}
	out := doc.Instructions[0].Outputs[0]
	return out.Address, out.Amount, doc.Instructions[0].Rate
}

// draft makes a payment of satoshis to an address at 2 sat/vB, and sends nothing.
func (p *payer) draft(address string, sats int64) regtest.Draft {
	p.t.Helper()
	d, err := p.node.Draft(p.t.Context(), address, sats, 2)
	p.must(err)
	return d
}

func (p *payer) verifies(inv order, unsigned []byte) (int, string) {
	p.t.Helper()
	body := fmt.Sprintf(`{"chain":"BTC","currency":"BTC","transactions":[{"tx":"%x","weightedSize":141}]}`, unsigned)
	status, _, answer := p.say(http.MethodPost, "/i/"+inv.ID, []byte(body), "Content-Type", "application/payment-verification", "x-paypro-version", "2")
	return status, string(answer)
}

func (p *payer) pays(inv order, signed []byte) (int, string) {
	p.t.Helper()
	body := fmt.Sprintf(`{"chain":"BTC","currency":"BTC","transactions":[{"tx":"%x","weightedSize":141}]}`, signed)
	status, _, answer := p.say(http.MethodPost, "/i/"+inv.ID, []byte(body), "Content-Type", "application/payment", "x-paypro-version", "2")
	return status, string(answer)
}

const (
	received  = "Transaction received. Invoice will be marked as paid if the transaction is confirmed."
	gone      = "This invoice is no longer accepting payments"
	notSent   = "Error broadcasting payment to network"
	noInput   = "One or more input transactions for your transaction were not found on the blockchain. Make sure you're not trying to use unconfirmed change"
	youngCoin = "One or more input transactions for your transactions are not yet confirmed in at least one block. Make sure you're not trying to use unconfirmed change"
)

// refused wants a refusal, and that nothing came of it.
func (p *payer) refused(inv order, status int, text, want string, wantStatus int) {
	p.t.Helper()
	if status != wantStatus || text != want {
		p.t.Errorf("%d %q, want %d %q", status, text, wantStatus, want)
	}
	if is := p.get(inv.ID).Status; is != "new" {
		p.t.Errorf("the invoice is %s", is)
	}
}

// altered changes an unsigned transaction and signs it.
func (p *payer) altered(raw []byte, change func(*btcwire.MsgTx)) []byte {
	p.t.Helper()
	var tx btcwire.MsgTx
	p.must(tx.Deserialize(bytes.NewReader(raw)))
	change(&tx)
	var b bytes.Buffer
	p.must(tx.Serialize(&b))
	signed, err := p.node.Sign(p.t.Context(), b.Bytes())
	p.must(err)
	return signed
}

func outputOf(t *testing.T, n *regtest.Node, txid string, sats int64) uint32 {
	t.Helper()
	raw, err := n.WalletCall(t.Context(), "gettransaction", txid, true, true)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Decoded struct {
			Vout []struct {
				Value json.Number `json:"value"`
				N     uint32      `json:"n"`
			} `json:"vout"`
		} `json:"decoded"`
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	for _, out := range doc.Decoded.Vout {
		if out.Value.String() == fmt.Sprintf("0.%08d", sats) {
			return out.N
		}
	}
	t.Fatalf("%s", raw)
	return 0
}
