package store

import (
	"errors"
	"fmt"
	"testing"

	"satchel/auth"
	"satchel/fault"
	"satchel/store/storetest"
)

func TestDisablingAClientRevokesAllItHas(t *testing.T) {
	h := anyHouse(t)
	issued := h.must(h.Issue(t.Context(), auth.IssueRequest{Merchant: storetest.Shop, Facade: auth.POS, SIN: till}))
	elsewhere := h.must(h.Issue(t.Context(), auth.IssueRequest{Merchant: storetest.Other, Facade: auth.Merchant, SIN: till}))
	waiting := h.pair(auth.PairRequest{})
	others := h.must(h.Issue(t.Context(), auth.IssueRequest{Merchant: storetest.Shop, Facade: auth.POS, SIN: desk}))
	yes, no, label := true, false, "old\ttill"
	c, err := h.UpdateClient(t.Context(), till, &label, &yes)
	if err != nil || !c.Disabled || c.Approved || c.Label != "oldtill" {
		t.Fatalf("%+v %v", c, err)
	}
	if h.in(h.Token(issued)) || h.in(h.Token(elsewhere)) || h.state(waiting.ID) != 0 || !h.in(h.Token(others)) {
		t.Fatal("a disabled client has rights, or another one has none")
	}
	if _, err = h.UpdateClient(t.Context(), till, nil, &no); err != nil || h.in(h.Token(issued)) {
		t.Fatalf("enabled again, it has its old rights: %v", err)
	}
	if _, err = h.UpdateClient(t.Context(), till, nil, &yes); err != nil {
		t.Fatal(err)
	}
	again := h.pair(auth.PairRequest{Facade: auth.POS})
	if c, err := h.Client(t.Context(), till); err != nil || !c.Disabled {
		t.Fatalf("asking alone enabled it: %+v %v", c, err)
	}
	if c, err := h.UpdateClient(t.Context(), till, &label, nil); err != nil || !c.Disabled || h.state(again.ID) != auth.Inactive {
		t.Fatalf("a new label is more than that: %+v %v", c, err)
	}
	h.must(h.Approve(t.Context(), again.Pairing.Code, storetest.Shop, 0))
	if c, err := h.Client(t.Context(), till); err != nil || c.Disabled || !c.Approved || !h.in(h.Token(again)) {
		t.Fatalf("approved again: %+v %v", c, err)
	}
	_, err = h.UpdateClient(t.Context(), "Tfnobody", &label, nil)
	kind(t, err, fault.NotFound)
	h.pair(auth.PairRequest{SIN: "Tfnew"})
	if c, err := h.UpdateClient(t.Context(), "Tfnew", nil, &yes); err != nil || !c.Disabled {
		t.Fatalf("%+v %v", c, err)
	}
	_, err = h.Client(t.Context(), "Tfnew")
	kind(t, err, fault.NotFound)
}

func TestRegisteredClientsHaveNothing(t *testing.T) {
	h := anyHouse(t)
	c, err := h.RegisterClient(t.Context(), till, "till")
	if err != nil || c.Label != "till" || c.Approved || c.Disabled {
		t.Fatalf("%+v %v", c, err)
	}
	if again, err := h.RegisterClient(t.Context(), till, "mine now"); err != nil || again != c {
		t.Fatalf("a stranger renamed it: %+v %v", again, err)
	}
	_, err = h.RegisterClient(t.Context(), "", "")
	kind(t, err, fault.Invalid)
	g := h.pair(auth.PairRequest{Facade: auth.POS})
	h.must(h.Approve(t.Context(), g.Pairing.Code, storetest.Shop, 0))
	if c, err := h.Client(t.Context(), till); err != nil || c.Label != "till" || !c.Approved {
		t.Fatalf("%+v %v", c, err)
	}
}

// What anybody can make is capped, and what is old makes room.
func TestCaps(t *testing.T) {
	h := anyHouse(t)
	const most = 10_000
	err := h.db.UpdateAuth(t.Context(), func(tx auth.Tx) error {
		for i := range most {
			sin := auth.SIN(fmt.Sprintf("waiting-%d", i))
			g := auth.Grant{ID: auth.TokenID{1, byte(i), byte(i >> 8)}, SIN: sin, Created: h.now()}
			g.Pairing = auth.Pairing{Code: string(sin), Expires: h.now().Add(auth.PairingTime), Client: true}
			err := errors.Join(
				tx.PutGrant(g, auth.Request{}), tx.PutClient(auth.Client{SIN: sin, Paired: true}),
				tx.PutClient(auth.Client{SIN: auth.SIN(fmt.Sprintf("idle-%d", i)), Created: h.now()}),
				tx.PutSession(auth.Session{ID: fmt.Sprintf("session-%d", i), Next: 1, Used: h.now()}, nil),
			)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h.wait(auth.SessionTime)
	_, err = h.OpenSession(t.Context())
	kind(t, err, fault.TooMany)
	_, err = h.Pair(t.Context(), auth.PairRequest{SIN: till})
	kind(t, err, fault.TooMany)
	_, err = h.RegisterClient(t.Context(), till, "")
	kind(t, err, fault.TooMany)
	g := h.offer() // a merchant still gets in
	h.must(h.Claim(t.Context(), auth.ClaimRequest{SIN: till, Code: g.Pairing.Code}))
	h.wait(1)
	if _, err := h.OpenSession(t.Context()); err != nil {
		t.Errorf("no room beside idle sessions: %v", err)
	}
	h.wait(auth.PairingTime)
	h.pair(auth.PairRequest{SIN: desk})
	if _, err = h.RegisterClient(t.Context(), "Tfnew", ""); err != nil {
		t.Errorf("no room beside old clients: %v", err)
	}
	if _, err := h.Client(t.Context(), till); err != nil {
		t.Errorf("a paired client made room: %v", err)
	}
}

func TestFullDiskPairsNobodyAndStillRevokes(t *testing.T) {
	cfg := config(create(t))
	h := newHouse(t, open(t, cfg), nil)
	g := h.must(h.Issue(t.Context(), auth.IssueRequest{Merchant: storetest.Shop, Facade: auth.POS}))
	h.db.unwritable(fault.New(fault.Unavailable, "full"))
	for name, err := range map[string]error{
		"pair":  second(h.Pair(t.Context(), auth.PairRequest{SIN: till})),
		"offer": second(h.Offer(t.Context(), auth.OfferRequest{Merchant: storetest.Shop})),
		"issue": second(h.Issue(t.Context(), auth.IssueRequest{Merchant: storetest.Shop, Facade: auth.POS})),
	} {
		if !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := h.RegisterClient(t.Context(), till, "")
	kind(t, err, fault.Unavailable)
	_, err = h.OpenSession(t.Context())
	kind(t, err, fault.Unavailable)
	if err := h.Revoke(t.Context(), storetest.Shop, g.ID); err != nil || h.in(h.Token(g)) {
		t.Errorf("a full disk keeps a token alive: %v", err)
	}
}
