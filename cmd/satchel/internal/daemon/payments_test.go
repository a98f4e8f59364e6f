package daemon

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"satchel/chain"
	"satchel/fault"
	"satchel/money"
	"satchel/paypro"
)

// clerk is a node that says what a test wants.
type clerk struct {
	rate      money.SatPerVB
	rateErr   error
	asked     int
	chain     chain.Unspent // every input, in the chain
	mempool   chain.Unspent // and with the mempool
	spender   chain.TxID
	reason    string
	err       error // of everything but what has its own
	sendErr   error
	sent      int
	announced int
}

func (c *clerk) FeeFloor(ctx context.Context) (money.SatPerVB, error) {
	c.asked++
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return c.rate, c.rateErr
}

func (c *clerk) Unspent(_ context.Context, outputs []chain.Outpoint, mempool bool) ([]chain.Unspent, error) {
	list := make([]chain.Unspent, len(outputs))
	for i := range list {
		if list[i] = c.chain; mempool {
			list[i] = c.mempool
		}
	}
	return list, c.err
}

func (c *clerk) Spender(context.Context, []chain.Outpoint) (chain.TxID, bool, error) {
	return c.spender, c.spender != chain.TxID{}, c.err
}

func (c *clerk) Accepts(context.Context, []byte) (string, bool, error) {
	return c.reason, c.reason == "", c.err
}

func (c *clerk) Broadcast(context.Context, []byte) (chain.TxID, error) {
	c.sent++
	return chain.TxID{}, c.sendErr
}

// at is a clerk's desk, and a transaction of a hundred virtual bytes that pays 50,000 satoshis.
func at(c *clerk) (*payments, paypro.Tx) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return &payments{
		node: c, now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler),
		announce: func([]byte) error { c.announced++; return nil },
	}, paypro.Tx{ID: paypro.TxID{1}, Inputs: make([]paypro.Outpoint, 2), Outputs: []paypro.Output{{Sats: 50_000}}, Raw: make([]byte, 400)}
}

func TestWhatTheNodeSaysBecomesWhatTheWalletIsTold(t *testing.T) {
	good := chain.Unspent{Found: true, Sats: 30_000, Confirmations: 3}
	young := chain.Unspent{Found: true, Sats: 30_000}
	poor := chain.Unspent{Found: true, Sats: 25_010, Confirmations: 3}
	noInput, unconfirmed, notSent := paypro.ErrNoInput().Text, paypro.ErrUnconfirmed().Text, paypro.ErrBroadcast().Text
	const lowFee = "Transaction fee (200 sat/kb) is below the current minimum threshold (900 sat/kb)"
	refused := &chain.RPCError{Code: -26, Message: "no"}
	for name, c := range map[string]struct {
		clerk  clerk
		verify string // the text; "": it is right
		pay    string
		counts bool // the tracker is told
		sends  bool
	}{
		"right":                  {clerk{chain: good}, "", "", true, true},
		"nothing to spend":       {clerk{reason: "missing-inputs"}, noInput, noInput, false, false},
		"nothing in a block":     {clerk{mempool: young, reason: "missing-inputs"}, unconfirmed, unconfirmed, false, false},
		"a coinbase too young":   {clerk{chain: chain.Unspent{Found: true, Sats: 30_000, Confirmations: 99, Coinbase: true}}, unconfirmed, unconfirmed, false, false},
		"too low a fee":          {clerk{chain: poor}, lowFee, lowFee, false, false},
		"spent by another":       {clerk{chain: good, spender: chain.TxID{9}, reason: "txn-mempool-conflict"}, noInput, notSent, false, false},
		"spent by itself":        {clerk{chain: good, spender: chain.TxID{1}, reason: "txn-already-in-mempool"}, "", "", true, false},
		"in a block already":     {clerk{reason: "txn-already-known"}, noInput, "", true, false},
		"another witness":        {clerk{reason: "txn-same-nonwitness-data-in-mempool"}, noInput, "", true, false},
		"not final":              {clerk{chain: good, reason: "non-final"}, "", notSent, false, false},
		"refused after all":      {clerk{chain: good, sendErr: refused}, "", notSent, false, true},
		"mined in the meantime":  {clerk{chain: good, sendErr: &chain.RPCError{Code: -27}}, "", "", true, true},
		"away while it was sent": {clerk{chain: good, sendErr: chain.ErrUnreachable}, "", notSent, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			node := c.clerk
			node.rate = 1000
			p, tx := at(&node)
			says(t, p.Verify(t.Context(), tx, 100), c.verify)
			if node.sent+node.announced != 0 {
				t.Error("what was only to be looked at was sent")
			}
			says(t, p.Pay(t.Context(), tx), c.pay)
			if node.announced == 1 != c.counts || node.sent == 1 != c.sends {
				t.Errorf("announced %d, sent %d", node.announced, node.sent)
			}
		})
	}
}

// says wants a refusal with a text, or none.
func says(t *testing.T, err error, text string) {
	t.Helper()
	if text == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if r, ok := errors.AsType[*paypro.Refusal](err); !ok || r.Text != text {
		t.Errorf("%v, want %s", err, text)
	}
}

// What the node has is told from what it would take, and from what it would not.
func TestWhatTheNetworkHas(t *testing.T) {
	for reason, want := range map[string]bool{
		"": false, "txn-already-in-mempool": true, "txn-already-known": true, "txn-same-nonwitness-data-in-mempool": true,
		"missing-inputs": false, "txn-mempool-conflict": false,
	} {
		c := &clerk{reason: reason}
		p, tx := at(c)
		if got, err := p.Has(t.Context(), tx); got != want || err != nil || c.sent+c.announced != 0 {
			t.Errorf("%q: %v %v", reason, got, err)
		}
	}
}

// A node that does not answer is no reason to refuse a payment for good.
func TestANodeThatIsAwayIsSaidToBe(t *testing.T) {
	p, tx := at(&clerk{err: chain.ErrUnreachable})
	_, unknown := p.Has(t.Context(), tx)
	for _, err := range []error{p.Verify(t.Context(), tx, 100), p.Pay(t.Context(), tx), unknown} {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("%v", err)
		}
	}
}

// Fee rates are asked for now and then, and a node that is away is not asked by everybody.
func TestFeeRatesAreKeptForAWhile(t *testing.T) {
	c := &clerk{rateErr: chain.ErrUnreachable}
	p, _ := at(c)
	clock := p.now()
	p.now = func() time.Time { return clock }
	want := func(rate money.SatPerVB, asked int) {
		t.Helper()
		if got := p.FeeRate(t.Context()); got != rate || c.asked != asked {
			t.Errorf("%v after %d questions, want %v after %d", got, c.asked, rate, asked)
		}
	}
	want(leastRate, 1)
	want(leastRate, 1)
	clock = clock.Add(ratesEvery)
	c.rate, c.rateErr = 7000, nil
	want(7000, 2)
	c.rate = 9000
	want(7000, 2)
	clock = clock.Add(ratesEvery)
	want(9000, 3)
	clock = clock.Add(ratesEvery)
	c.rateErr = chain.ErrUnreachable
	want(9000, 4)
	clock = clock.Add(-time.Hour) // a clock that was set back
	want(9000, 5)
}

// What a wallet was told stays good enough while it makes its payment.
func TestACallerWhoLeavesKeepsNobodyFromTheRate(t *testing.T) {
	c := &clerk{rate: 5000}
	p, _ := at(c)
	gone, leave := context.WithCancel(t.Context())
	leave()
	p.FeeRate(gone)
	if got := p.FeeRate(t.Context()); got != c.rate {
		t.Errorf("the next caller is told %s, the node says %s", got, c.rate)
	}
}

func TestARateThatWasToldIsGoodEnough(t *testing.T) {
	c := &clerk{rate: 100, chain: chain.Unspent{Found: true, Sats: 25_010, Confirmations: 1}}
	p, tx := at(c)
	clock := p.now()
	p.now = func() time.Time { return clock }
	if rate := p.FeeRate(t.Context()); rate != 100 {
		t.Fatal(rate)
	}
	c.rate = 50_000
	clock = clock.Add(14 * time.Minute)
	if err := p.Pay(t.Context(), tx); err != nil {
		t.Error(err)
	}
	clock = clock.Add(2 * time.Hour)
	says(t, p.Pay(t.Context(), tx), "Transaction fee (200 sat/kb) is below the current minimum threshold (45000 sat/kb)")
}
