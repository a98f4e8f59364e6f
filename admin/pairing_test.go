package admin

import (
	"context"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
	"satchel/store"
	"satchel/store/storetest"
)

const aSIN = auth.SIN("Tf3yr5tYvccKNVrE26BrPs6LWZRh8woHwjR")

func noon() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }

// still is a clock that stands until it is set.
type still struct{ now time.Time }

func (s *still) Now() time.Time                                   { return s.now }
func (s *still) Offset() time.Duration                            { return s.now.Sub(noon()) }
func (s *still) Advance(_ context.Context, d time.Duration) error { s.now = s.now.Add(d); return nil }

// desk is an Operator on a real store.
type desk struct {
	*Operator
	t     *testing.T
	auth  *auth.Authority
	db    *store.DB
	clock *still
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	d := &desk{t: t, clock: &still{noon()}}
	path := filepath.Join(t.TempDir(), "satchel.db")
	must(store.Create(path, "regtest", merchant.Merchant{ID: "first", Name: "Tea", Created: noon(), Secrets: merchant.Secrets{Webhook: "whsec_x"}}))
	db, err := store.Open(store.Config{Path: path, Render: storetest.Render, Derivers: storetest.Derivers{}, Now: d.clock.Now})
	must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	d.db = db
	d.auth, err = auth.NewAuthority(auth.Config{Store: db, Secret: db.ServerSecret(), Now: d.clock.Now})
	must(err)
	d.Operator = NewOperator(Config{
		Store: db, Pairings: d.auth, Merchant: "first", Secret: db.ServerSecret(), Clock: d.clock, Base: "https://pay.example/shop",
	})
	return d
}

func (d *desk) asks(f auth.Facade, label string) auth.Grant {
	d.t.Helper()
	g, err := d.auth.Pair(d.t.Context(), auth.PairRequest{SIN: aSIN, Facade: f, Label: label})
	if err != nil {
		d.t.Fatal(err)
	}
	return g
}

// says wants a refusal of a kind that says what to do.
func says(t *testing.T, err error, kind fault.Kind, text string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(err.Error(), text) {
		t.Errorf("%v does not say %q", err, text)
	}
}

func TestOfferAndList(t *testing.T) {
	d := newDesk(t)
	_, err := d.createPairing(t.Context(), "first", PairingRequest{Facade: "user"})
	says(t, err, fault.Invalid, "pos or merchant")
	offer, err := d.createPairing(t.Context(), "first", PairingRequest{Facade: "payroll", Label: " till 3 "})
	if err != nil || len(offer.Code) != 7 || offer.Facade != "payout" || offer.Label != "till 3" || !offer.Expires.Equal(noon().Add(24*time.Hour)) {
		t.Fatalf("%+v %v", offer, err)
	}
	d.clock.now = noon().Add(time.Minute)
	g := d.asks(0, "Garden shop")
	d.clock.now = noon().Add(3 * time.Minute)
	list, err := d.listPairings(t.Context(), Of{})
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v %v", list, err)
	}
	if p := list[0]; p.Code != offer.Code || p.State != "unclaimed" || p.Merchant != "first" || p.Age != 180 || p.SIN != "" || p.Token != "" {
		t.Errorf("%+v", p)
	}
	if p := list[1]; p.Code != g.Pairing.Code || p.State != "inactive" || p.Merchant != "" || p.Age != 120 || p.SIN != string(aSIN) || p.Label != "Garden shop" || p.Facade != "" {
		t.Errorf("%+v", p)
	}
	for _, call := range []func(context.Context, PairingByCode) error{
		func(ctx context.Context, r PairingByCode) error {
			_, err := d.approvePairing(ctx, "first", r)
			return err
		},
		func(ctx context.Context, r PairingByCode) error { _, err := d.linkPairing(ctx, r); return err },
	} {
		says(t, call(t.Context(), PairingByCode{Code: offer.Code}), fault.Conflict, "give it to the client")
	}
	if _, err := d.refusePairing(t.Context(), PairingByCode{Code: offer.Code}); err != nil {
		t.Errorf("an offer cannot be taken back: %v", err)
	}
	d.clock.now = noon().Add(48 * time.Hour)
	if list, err := d.listPairings(t.Context(), Of{}); err != nil || len(list) != 0 {
		t.Errorf("%+v %v", list, err)
	}
}

func TestApproveGivesWhatWasAsked(t *testing.T) {
	d := newDesk(t)
	for _, c := range []struct {
		asked      auth.Facade
		said, want string
		err        string
	}{
		{auth.Merchant, "", "merchant", ""},
		{auth.Merchant, "merchant", "merchant", ""},
		{auth.POS, "merchant", "", "leave --facade away"},
		{auth.Payout, "payroll", "payout", ""},
		{0, "", "", "--facade pos or merchant"},
		{0, "user", "", "is not pos or merchant"},
		{0, "pos", "pos", ""},
	} {
		g := d.asks(c.asked, "")
		p, err := d.approvePairing(t.Context(), "first", PairingByCode{Code: g.Pairing.Code, Facade: c.said})
		if c.err != "" {
			says(t, err, fault.Invalid, c.err)
			continue
		}
		now, _, _ := d.db.Grant(t.Context(), g.ID)
		if err != nil || p.Facade != c.want || p.State != "active" || p.Token != g.ID.String() || p.Merchant != "first" || now.Facade.String() != c.want {
			t.Errorf("%+v: %+v %v", c, p, err)
		}
		_, err = d.approvePairing(t.Context(), "first", PairingByCode{Code: g.Pairing.Code})
		says(t, err, fault.NotFound, "satchel pairing list")
	}
}

func TestRefuseEndsARequest(t *testing.T) {
	d := newDesk(t)
	g := d.asks(auth.POS, "till")
	p, err := d.refusePairing(t.Context(), PairingByCode{Code: g.Pairing.Code})
	if err != nil || p.State != "invalidated" || p.Code != g.Pairing.Code || p.Label != "till" || p.Token != "" {
		t.Fatalf("%+v %v", p, err)
	}
	for _, code := range []string{g.Pairing.Code, "", "zzzzzzz", strings.Repeat("x", 10_000)} {
		_, err := d.refusePairing(t.Context(), PairingByCode{Code: code})
		says(t, err, fault.NotFound, "satchel pairing list")
		_, err = d.linkPairing(t.Context(), PairingByCode{Code: code})
		says(t, err, fault.NotFound, "satchel pairing list")
	}
}

// A link opens the request that it was made for, for 15 minutes, and never longer than the request waits.
func TestLinkOpensItsRequest(t *testing.T) {
	d := newDesk(t)
	g := d.asks(auth.POS, "till")
	open := func() (PairingLink, auth.TokenID, time.Time) {
		t.Helper()
		link, err := d.linkPairing(t.Context(), PairingByCode{Code: g.Pairing.Code})
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(link.URL)
		if err != nil || !strings.HasPrefix(link.URL, "https://pay.example/shop/api-access-request?") || u.Query().Get("pairingCode") != g.Pairing.Code {
			t.Fatalf("%s %v", link.URL, err)
		}
		id, end, err := d.db.ServerSecret().ReadLink(u.Query().Get("key"), g.Pairing.Code, link.Expires.Add(-time.Second))
		if err != nil {
			t.Fatal(err)
		}
		return link, id, end
	}
	link, id, end := open()
	if id != g.ID || !end.Equal(noon().Add(auth.LinkLife)) || !link.Expires.Equal(end) {
		t.Errorf("%v %v %v", id, end, link)
	}
	d.clock.now = noon().Add(24*time.Hour - time.Minute)
	if _, _, end := open(); !end.Equal(noon().Add(24 * time.Hour)) {
		t.Errorf("it outlives the request: %v", end)
	}
}

// With --merchant a command keeps to that merchant's offers; a client's request is everybody's until it is decided.
func TestANamedMerchantSeesNoOffersOfOthers(t *testing.T) {
	d := newDesk(t)
	if err := d.db.PutMerchant(t.Context(), merchant.Merchant{ID: "second", Name: "Bicycles", Created: noon(), Secrets: merchant.Secrets{Webhook: "whsec_y"}}); err != nil {
		t.Fatal(err)
	}
	offer, err := d.createPairing(t.Context(), "first", PairingRequest{Facade: "pos"})
	if err != nil {
		t.Fatal(err)
	}
	g := d.asks(auth.POS, "till")
	for name, want := range map[string]int{"": 2, "first": 2, "Tea": 2, "second": 1, "Bicycles": 1} {
		list, err := d.listPairings(t.Context(), Of{Merchant: name})
		if err != nil || len(list) != want {
			t.Errorf("%q: %+v %v", name, list, err)
		}
	}
	other := PairingByCode{Of: Of{Merchant: "second"}, Code: offer.Code}
	_, err = d.refusePairing(t.Context(), other)
	says(t, err, fault.NotFound, "another merchant's")
	link, err := d.linkPairing(t.Context(), PairingByCode{Of: Of{Merchant: "Bicycles"}, Code: g.Pairing.Code})
	if err != nil || !strings.HasSuffix(link.URL, "&merchant=second&pairingCode="+g.Pairing.Code) {
		t.Errorf("%v %v", link, err)
	}
	nobody := PairingByCode{Of: Of{Merchant: "third"}, Code: g.Pairing.Code}
	_, err = d.listPairings(t.Context(), nobody.Of)
	says(t, err, fault.Invalid, "satchel merchant list")
	_, err = d.refusePairing(t.Context(), nobody)
	says(t, err, fault.Invalid, "satchel merchant list")
	_, err = d.linkPairing(t.Context(), nobody)
	says(t, err, fault.Invalid, "satchel merchant list")
}
