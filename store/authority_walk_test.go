package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/store/storetest"
)

// walk is a long random life of an authority, beside a model of it: a map of what was ever made.
type walk struct {
	*house
	r     *rand.Rand
	model map[auth.TokenID]*modelled
	codes []string // every one that there ever was
	ids   []auth.TokenID
}

type modelled struct {
	state   auth.GrantState
	sin     auth.SIN
	client  bool
	code    string
	expires time.Time
}

func (w *walk) of(code string) *modelled {
	for _, m := range w.model {
		if m.code == code && w.now().Before(m.expires) {
			return m
		}
	}
	return nil
}

func (w *walk) made(g auth.Grant, state auth.GrantState) {
	w.model[g.ID] = &modelled{state: state, sin: g.SIN, client: g.Pairing.Client, code: g.Pairing.Code, expires: g.Pairing.Expires}
	w.ids = append(w.ids, g.ID)
	if g.Pairing.Code != "" {
		w.codes = append(w.codes, g.Pairing.Code)
	}
}

func (w *walk) code() string {
	if len(w.codes) == 0 || w.r.IntN(10) == 0 {
		return "zzzzzzz"
	}
	return w.codes[w.r.IntN(len(w.codes))]
}

func (w *walk) sin() auth.SIN { return auth.SIN(fmt.Sprintf("Tf-%d", w.r.IntN(5))) }

// step does one thing, and tells what it was and whether it ended as the model says.
func (w *walk) step() (what string, right bool) {
	ctx := w.t.Context()
	switch w.r.IntN(9) {
	case 0:
		g, err := w.Pair(ctx, auth.PairRequest{SIN: w.sin(), Facade: auth.POS})
		w.made(g, auth.Inactive)
		return "pair", err == nil
	case 1:
		g, err := w.Offer(ctx, auth.OfferRequest{Merchant: storetest.Shop})
		w.made(g, auth.Unclaimed)
		return "offer", err == nil
	case 2:
		code, sin := w.code(), w.sin()
		m := w.of(code)
		_, err := w.Claim(ctx, auth.ClaimRequest{SIN: sin, Code: code})
		if m == nil || m.client {
			return "bad claim", errors.Is(err, auth.ErrPairing)
		}
		m.state, m.sin, m.code = auth.Active, sin, ""
		return "claim", err == nil
	case 3:
		code := w.code()
		m := w.of(code)
		_, err := w.Approve(ctx, code, storetest.Shop, 0)
		switch {
		case m == nil:
			return "bad approval", fault.Is(err, fault.NotFound)
		case !m.client:
			return "needless approval", fault.Is(err, fault.Conflict)
		}
		m.state, m.code = auth.Active, ""
		return "approve", err == nil
	case 4:
		code := w.code()
		m := w.of(code)
		err := w.Refuse(ctx, code)
		if m == nil {
			return "bad refusal", fault.Is(err, fault.NotFound)
		}
		m.state, m.code = 0, ""
		return "refuse", err == nil
	case 5:
		g, err := w.Issue(ctx, auth.IssueRequest{Merchant: storetest.Shop, Facade: auth.Merchant, SIN: w.sin()})
		w.made(g, auth.Active)
		return "issue", err == nil
	case 6:
		return w.revoke()
	case 7:
		return w.disable()
	default:
		w.wait(time.Duration(w.r.Int64N(int64(4 * time.Hour))))
		return "wait", true
	}
}

func (w *walk) revoke() (string, bool) {
	if len(w.ids) == 0 {
		return "nothing to revoke", true
	}
	id := w.ids[w.r.IntN(len(w.ids))]
	m := w.model[id]
	err := w.Revoke(w.t.Context(), storetest.Shop, id)
	if m.state == 0 || m.state == auth.Inactive || m.code != "" && !w.now().Before(m.expires) {
		if err == nil { // expired, and not taken away yet
			m.state, m.code = auth.Invalidated, ""
		}
		return "revoke what is not the shop's", err == nil && !m.client || fault.Is(err, fault.NotFound)
	}
	m.state, m.code = auth.Invalidated, ""
	return "revoke", err == nil
}

func (w *walk) disable() (string, bool) {
	sin, yes := w.sin(), true
	_, err := w.UpdateClient(w.t.Context(), sin, nil, &yes)
	for _, m := range w.model {
		switch {
		case m.sin != sin:
		case m.code != "":
			m.state, m.code = 0, ""
		case m.state == auth.Active:
			m.state = auth.Invalidated
		}
	}
	return "disable", err == nil || fault.Is(err, fault.NotFound)
}

// agrees compares every grant with the model.
func (w *walk) agrees() error {
	for id, m := range w.model {
		want, is := m.state, w.state(id)
		if m.code != "" && !w.now().Before(m.expires) {
			want = auth.Expired
		}
		if is != want && (want != auth.Expired || is != 0) {
			return fmt.Errorf("%s is %s, and should be %s", id, is, want)
		}
		if in := w.in(w.token(id)); in != (want == auth.Active) {
			return fmt.Errorf("%s is %s, and its token is good: %v", id, want, in)
		}
	}
	return nil
}

// token gives the token of an id.
func (w *walk) token(id auth.TokenID) string { return w.db.ServerSecret().Token(id) }

func TestARandomLifeAgreesWithItsModel(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			w := &walk{house: anyHouse(t), r: rand.New(rand.NewPCG(seed, 7)), model: map[auth.TokenID]*modelled{}}
			done := map[string]int{}
			for i := range 400 {
				what, right := w.step()
				done[what]++
				if !right {
					t.Fatalf("step %d, %s, ended otherwise than the model", i, what)
				}
				if i%8 != 7 {
					continue
				}
				if err := w.agrees(); err != nil {
					t.Fatalf("after step %d, %s: %v", i, what, err)
				}
			}
			for _, what := range []string{"claim", "approve", "refuse", "revoke", "disable", "bad claim", "bad approval"} {
				if done[what] == 0 {
					t.Errorf("no %s in %v", what, done)
				}
			}
		})
	}
}
