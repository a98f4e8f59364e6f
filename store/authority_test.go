package store

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/store/storetest"
)

const till, desk = storetest.Till, storetest.Desk

// house is an authority on a real database, with a clock that the test moves.
type house struct {
	*auth.Authority
	t     *testing.T
	db    *DB
	moved atomic.Int64
}

func (h *house) now() time.Time { return storetest.Noon().Add(time.Duration(h.moved.Load())) }

func (h *house) wait(d time.Duration) { h.moved.Add(int64(d)) }

func newHouse(t *testing.T, db *DB, change func(*auth.Config)) *house {
	t.Helper()
	h := &house{t: t, db: db}
	cfg := auth.Config{Store: db, Secret: db.ServerSecret(), Now: h.now}
	if change != nil {
		change(&cfg)
	}
	var err error
	if h.Authority, err = auth.NewAuthority(cfg); err != nil {
		t.Fatal(err)
	}
	return h
}

func anyHouse(t *testing.T) *house {
	t.Helper()
	return newHouse(t, open(t, config(create(t))), nil)
}

func (h *house) must(g auth.Grant, err error) auth.Grant {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
	return g
}

func (h *house) pair(r auth.PairRequest) auth.Grant {
	h.t.Helper()
	if r.SIN == "" {
		r.SIN = till
	}
	return h.must(h.Pair(h.t.Context(), r))
}

func (h *house) offer() auth.Grant {
	h.t.Helper()
	return h.must(h.Offer(h.t.Context(), auth.OfferRequest{Merchant: storetest.Shop, Label: "offered"}))
}

// state reads a grant's state; 0: it is gone.
func (h *house) state(id auth.TokenID) auth.GrantState {
	h.t.Helper()
	g, ok, err := h.db.Grant(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	if !ok {
		return 0
	}
	return g.State(h.now())
}

// in tells whether the bearer of a token is let in.
func (h *house) in(token string) bool {
	h.t.Helper()
	p, err := h.Authenticate(h.t.Context(), auth.Call{Token: token})
	if err != nil && !errors.Is(err, auth.ErrToken) && !errors.Is(err, auth.ErrUnsigned) {
		h.t.Fatal(err)
	}
	return err == nil && p.Merchant() != "" || errors.Is(err, auth.ErrUnsigned) // good, for a signature
}

func kind(t *testing.T, err error, want fault.Kind) {
	t.Helper()
	if !fault.Is(err, want) {
		t.Errorf("got %v, want kind %d", err, want)
	}
}

func TestClientsCodeWaitsForApproval(t *testing.T) {
	h := anyHouse(t)
	g := h.pair(auth.PairRequest{Label: " till\n1 "})
	token := h.Token(g)
	if g.State(h.now()) != auth.Inactive || len(g.Pairing.Code) != 7 || g.Pairing.Expires.Sub(g.Created).Milliseconds() != 86_400_000 ||
		g.Label != "till1" || g.Merchant != "" || h.in(token) {
		t.Fatalf("%+v", g)
	}
	if _, err := h.Claim(t.Context(), auth.ClaimRequest{SIN: till, Code: g.Pairing.Code}); !errors.Is(err, auth.ErrPairing) {
		t.Fatalf("a client approved itself: %v", err)
	}
	kind(t, h.Revoke(t.Context(), "", g.ID), fault.NotFound)
	_, err := h.Approve(t.Context(), g.Pairing.Code, storetest.Shop, 0)
	kind(t, err, fault.Invalid) // neither asked for a facade
	_, err = h.Approve(t.Context(), g.Pairing.Code, "nobody", auth.POS)
	kind(t, err, fault.NotFound)
	h.wait(auth.PairingTime - 1)
	if open, err := h.Pairings(t.Context()); err != nil || len(open) != 1 || open[0] != g {
		t.Fatalf("%+v %v", open, err)
	}
	if got, err := h.PairingByCode(t.Context(), g.Pairing.Code); err != nil || got != g {
		t.Fatalf("%+v %v", got, err)
	}
	approved := h.must(h.Approve(t.Context(), g.Pairing.Code, storetest.Shop, auth.Merchant))
	if approved.ID != g.ID || approved.Facade != auth.Merchant || approved.Merchant != storetest.Shop || approved.Pairing != (auth.Pairing{}) ||
		h.Token(approved) != token || !h.in(token) {
		t.Fatalf("%+v", approved)
	}
	_, err = h.Approve(t.Context(), g.Pairing.Code, storetest.Shop, 0)
	kind(t, err, fault.NotFound)
	kind(t, h.Refuse(t.Context(), g.Pairing.Code), fault.NotFound)
	if open, err := h.Pairings(t.Context()); err != nil || len(open) != 0 {
		t.Fatalf("%+v %v", open, err)
	}
	if c, err := h.Client(t.Context(), till); err != nil || !c.Approved || !c.Paired || c.Label != "till1" {
		t.Fatalf("%+v %v", c, err)
	}
}

func TestMerchantsCodeIsClaimedOnce(t *testing.T) {
	h := anyHouse(t)
	g := h.offer()
	if g.State(h.now()) != auth.Unclaimed || g.Facade != auth.POS || h.in(h.Token(g)) {
		t.Fatalf("%+v", g)
	}
	_, err := h.Approve(t.Context(), g.Pairing.Code, storetest.Shop, 0)
	kind(t, err, fault.Conflict)
	_, err = h.Claim(t.Context(), auth.ClaimRequest{Code: g.Pairing.Code})
	kind(t, err, fault.Invalid)
	h.wait(auth.PairingTime - 1)
	got := h.must(h.Claim(t.Context(), auth.ClaimRequest{SIN: till, Code: g.Pairing.Code}))
	if got.ID != g.ID || got.SIN != till || got.Label != "offered" || got.State(h.now()) != auth.Active || !h.in(h.Token(g)) {
		t.Fatalf("%+v", got)
	}
	for name, code := range map[string]string{
		"used": g.Pairing.Code, "unknown": "zzzzzzz", "none": "", "long": strings.Repeat("z", 1<<16), "another case": strings.ToUpper(g.Pairing.Code),
	} {
		if _, err := h.Claim(t.Context(), auth.ClaimRequest{SIN: desk, Code: code}); !errors.Is(err, auth.ErrPairing) {
			t.Errorf("%s: %v", name, err)
		}
	}
	named := h.must(h.Claim(t.Context(), auth.ClaimRequest{SIN: desk, Code: h.offer().Pairing.Code, Label: "desk"}))
	if named.Label != "desk" {
		t.Errorf("label %q", named.Label)
	}
	if _, err := h.Client(t.Context(), "Tfunknown"); !fault.Is(err, fault.NotFound) {
		t.Errorf("an unknown client: %v", err)
	}
}

func TestExpiredCodesAreGone(t *testing.T) {
	h := anyHouse(t)
	waiting, offered := h.pair(auth.PairRequest{Facade: auth.POS, GUID: "g"}), h.offer()
	h.wait(auth.PairingTime)
	if _, err := h.Claim(t.Context(), auth.ClaimRequest{SIN: desk, Code: offered.Pairing.Code}); !errors.Is(err, auth.ErrPairing) {
		t.Errorf("claimed after a day: %v", err)
	}
	_, err := h.Approve(t.Context(), waiting.Pairing.Code, storetest.Shop, 0)
	kind(t, err, fault.NotFound)
	_, err = h.PairingByCode(t.Context(), waiting.Pairing.Code)
	kind(t, err, fault.NotFound)
	if open, err := h.Pairings(t.Context()); err != nil || len(open) != 0 {
		t.Errorf("%+v %v", open, err)
	}
	if h.state(waiting.ID) != auth.Expired || h.state(offered.ID) != auth.Expired {
		t.Error("they are not expired")
	}
	fresh := h.pair(auth.PairRequest{SIN: desk})
	if h.state(waiting.ID) != 0 || h.state(offered.ID) != 0 || h.state(fresh.ID) != auth.Inactive {
		t.Error("a new pairing did not take the expired ones away")
	}
	_, err = h.Client(t.Context(), till)
	kind(t, err, fault.NotFound)
	if again := h.pair(auth.PairRequest{Facade: auth.POS, GUID: "g"}); again.ID == waiting.ID {
		t.Error("the guid of an expired pairing gives what is gone")
	}
}

func TestRefusedCodesAreGone(t *testing.T) {
	h := anyHouse(t)
	waiting, offered := h.pair(auth.PairRequest{}), h.offer()
	for _, g := range []auth.Grant{waiting, offered} {
		if err := h.Refuse(t.Context(), g.Pairing.Code); err != nil {
			t.Fatal(err)
		}
		kind(t, h.Refuse(t.Context(), g.Pairing.Code), fault.NotFound)
		if h.state(g.ID) != 0 || h.in(h.Token(g)) {
			t.Error("a refused grant is there")
		}
	}
	offered = h.offer()
	if err := h.Revoke(t.Context(), storetest.Shop, offered.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Claim(t.Context(), auth.ClaimRequest{SIN: till, Code: offered.Pairing.Code}); !errors.Is(err, auth.ErrPairing) {
		t.Errorf("a revoked offer was claimed: %v", err)
	}
}

func TestBadWishesAreRefused(t *testing.T) {
	h := anyHouse(t)
	for name, err := range map[string]error{
		"pair without id": second(h.Pair(t.Context(), auth.PairRequest{Facade: auth.POS})),
		"pair as user":    second(h.Pair(t.Context(), auth.PairRequest{SIN: till, Facade: auth.User})),
		"pair as public":  second(h.Pair(t.Context(), auth.PairRequest{SIN: till, Facade: auth.Public})),
		"offer public":    second(h.Offer(t.Context(), auth.OfferRequest{Merchant: storetest.Shop, Facade: auth.Public})),
		"issue nothing":   second(h.Issue(t.Context(), auth.IssueRequest{Merchant: storetest.Shop})),
	} {
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	kind(t, second(h.Offer(t.Context(), auth.OfferRequest{Merchant: "nobody"})), fault.NotFound)
	kind(t, second(h.Issue(t.Context(), auth.IssueRequest{Merchant: "nobody", Facade: auth.POS})), fault.NotFound)
}

func second(_ auth.Grant, err error) error { return err }

func TestIssuedTokensAreUsableAtOnce(t *testing.T) {
	h := anyHouse(t)
	bearer := h.must(h.Issue(t.Context(), auth.IssueRequest{Merchant: storetest.Shop, Facade: auth.POS, Label: "till"}))
	bound := h.must(h.Issue(t.Context(), auth.IssueRequest{Merchant: storetest.Shop, Facade: auth.Merchant, SIN: till}))
	if !h.in(h.Token(bearer)) || !h.in(h.Token(bound)) {
		t.Fatal("an issued token is refused")
	}
	if _, err := h.Authenticate(t.Context(), auth.Call{Token: h.Token(bound)}); !errors.Is(err, auth.ErrUnsigned) {
		t.Errorf("a bound token without its signature: %v", err)
	}
	kind(t, h.Revoke(t.Context(), storetest.Other, bearer.ID), fault.NotFound)
	for range 2 {
		if err := h.Revoke(t.Context(), storetest.Shop, bearer.ID); err != nil {
			t.Fatal(err)
		}
		h.wait(time.Hour)
	}
	g, _, err := h.db.Grant(t.Context(), bearer.ID)
	if err != nil || !g.Revoked.Equal(storetest.Noon()) || h.in(h.Token(bearer)) {
		t.Errorf("%+v %v", g, err)
	}
	if c, err := h.Client(t.Context(), till); err != nil || !c.Approved {
		t.Errorf("%+v %v", c, err)
	}
}

// parallel runs fn n times at once and counts how it ends.
func parallel[T comparable](n int, fn func(i int) (T, error)) (made map[T]int, errs []error) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	made = map[T]int{}
	for i := range n {
		wg.Go(func() {
			v, err := fn(i)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, err)
			} else {
				made[v]++
			}
		})
	}
	wg.Wait()
	return made, errs
}

func TestOneOfManyClaimsWins(t *testing.T) {
	h := anyHouse(t)
	code := h.offer().Pairing.Code
	won, errs := parallel(50, func(i int) (auth.SIN, error) {
		g, err := h.Claim(t.Context(), auth.ClaimRequest{SIN: auth.SIN(fmt.Sprintf("Tf%033d", i)), Code: code})
		return g.SIN, err
	})
	if len(won) != 1 || len(errs) != 49 {
		t.Fatalf("%d won, %d lost", len(won), len(errs))
	}
	for _, err := range errs {
		if !errors.Is(err, auth.ErrPairing) {
			t.Errorf("got %v", err)
		}
	}
	waiting := h.pair(auth.PairRequest{})
	ends, errs := parallel(50, func(i int) (string, error) {
		if i%2 == 0 {
			return "refused", h.Refuse(t.Context(), waiting.Pairing.Code)
		}
		_, err := h.Approve(t.Context(), waiting.Pairing.Code, storetest.Shop, auth.POS)
		return "approved", err
	})
	if len(ends) != 1 || len(errs) != 49 {
		t.Fatalf("one request was decided as %v", ends)
	}
}

// Equal requests with one guid make one grant, in parallel and after a crash between the effect and its answer.
func TestRepeatedRequestsGiveTheSameGrant(t *testing.T) {
	path := create(t)
	wishes := map[string]func(h *house, guid string, body byte) (auth.Grant, error){
		"pair": func(h *house, guid string, body byte) (auth.Grant, error) {
			return h.Pair(h.t.Context(), auth.PairRequest{SIN: till, GUID: guid, Digest: [32]byte{body}})
		},
		"offer": func(h *house, guid string, body byte) (auth.Grant, error) {
			return h.Offer(h.t.Context(), auth.OfferRequest{Merchant: storetest.Shop, GUID: guid, Digest: [32]byte{body}})
		},
	}
	made := map[string]auth.Grant{}
	codes := map[string]string{}
	t.Run("first", func(t *testing.T) {
		h := newHouse(t, open(t, config(path)), nil)
		code := h.offer().Pairing.Code
		wishes["claim"] = func(h *house, guid string, body byte) (auth.Grant, error) {
			return h.Claim(h.t.Context(), auth.ClaimRequest{SIN: desk, Code: code, GUID: guid, Digest: [32]byte{body}})
		}
		for name, wish := range wishes {
			got, errs := parallel(50, func(int) (auth.Grant, error) { return wish(h, "g-"+name, 1) })
			if len(got) != 1 || len(errs) != 0 {
				t.Fatalf("%s: %d grants and %v", name, len(got), errs)
			}
			for g := range got {
				made[name], codes[g.Pairing.Code] = g, name
			}
		}
	})
	h := newHouse(t, open(t, config(path)), nil)
	for name, wish := range wishes {
		if again := h.must(wish(h, "g-"+name, 1)); again != made[name] {
			t.Errorf("%s again: %+v, want %+v", name, again, made[name])
		}
		_, err := wish(h, "g-"+name, 2)
		kind(t, err, fault.Conflict)
	}
	delete(wishes, "claim") // its code is used up
	for name, wish := range wishes {
		one, two := h.must(wish(h, "1546300800000", 1)), h.must(wish(h, "1546300800000", 2))
		if one.ID == two.ID || h.must(wish(h, "1546300800000", 1)).ID != one.ID {
			t.Errorf("%s: two requests of one millisecond are not two", name)
		}
		if a, b := h.must(wish(h, "", 1)), h.must(wish(h, "", 1)); a.ID == b.ID {
			t.Errorf("%s: requests without a guid are one", name)
		}
	}
	approved := h.must(h.Approve(t.Context(), made["pair"].Pairing.Code, storetest.Shop, auth.POS))
	if again := h.must(wishes["pair"](h, "g-pair", 1)); again != approved {
		t.Errorf("a repetition after the approval: %+v", again)
	}
}

// A code or an id that is in use is thrown again.
func TestNewCodesAreNobodyElses(t *testing.T) {
	throws := []string{"aaaaaaa", "aaaaaaa", "aaaaaaa", "bbbbbbb"}
	ids := byte(0)
	h := newHouse(t, open(t, config(create(t))), func(c *auth.Config) {
		c.NewCode = func() string {
			code := throws[0]
			throws = throws[1:]
			return code
		}
		c.NewID = func() auth.TokenID { ids++; return auth.TokenID{ids / 2} }
	})
	one, two := h.pair(auth.PairRequest{}), h.pair(auth.PairRequest{SIN: desk})
	if one.Pairing.Code != "aaaaaaa" || two.Pairing.Code != "bbbbbbb" || one.ID == two.ID {
		t.Fatalf("%+v %+v", one, two)
	}
}
