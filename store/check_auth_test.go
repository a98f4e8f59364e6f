package store

import (
	"context"
	"strings"
	"testing"

	"satchel/auth"
	"satchel/store/storetest"
)

// What hangs together and does not fit is found, with the record that it belongs to.
func TestCheckFindsWhatDoesNotFit(t *testing.T) {
	tillKey := keyHash(nil, string(till))
	for name, c := range map[string]struct {
		spoil func(x *txn, g auth.Grant, session string) error
		says  string
	}{
		"a client without record": {func(x *txn, _ auth.Grant, _ string) error { return x.remove(bClients, tillKey) }, "its client is missing"},
		"a client that denies": {func(x *txn, _ auth.Grant, _ string) error {
			return authTx{x}.PutClient(auth.Client{SIN: till})
		}, "says that it has none"},
		"a grant of nobody": {func(x *txn, g auth.Grant, _ string) error {
			g.Merchant, g.Pairing = "", auth.Pairing{}
			return x.save(bGrants, g.ID[:], fromGrant(&g, 0))
		}, "waits for no approval"},
		"a code that leads nowhere": {func(x *txn, _ auth.Grant, _ string) error {
			return x.put(bCodes, keyHash(nil, "zzzzzzz"), make([]byte, 8))
		}, "rows, and the records ask for"},
		"a lost request": {func(x *txn, _ auth.Grant, _ string) error {
			key, err := x.last(bAsked, nil)
			if err != nil {
				return err
			}
			return x.remove(bAsked, append([]byte(nil), key...))
		}, "its row in asked is missing"},
		"a lost answer":  {func(x *txn, _ auth.Grant, id string) error { return x.remove(bAnswers, keyHash(nil, id)) }, "another size"},
		"a lost session": {func(x *txn, _ auth.Grant, id string) error { return x.remove(bSessions, keyHash(nil, id)) }, "its session is missing"},
		"a wrong counter": {func(x *txn, _ auth.Grant, _ string) error {
			return x.put(bCounts, []byte(countSessions), key64(nil, 9))
		}, "it is 9"},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := Open(config(create(t)))
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- db.Run(ctx) }()
			t.Cleanup(func() {
				stop()
				if err := <-done; err != nil {
					t.Error(err)
				}
				_ = db.Close()
			})
			h := newHouse(t, db, nil)
			g := h.pair(auth.PairRequest{GUID: "g"})
			id := h.session()
			if _, _, err := h.ask(call(id, 1, "a", till), 200); err != nil {
				t.Fatal(err)
			}
			if problems, err := db.Check(t.Context()); err != nil || len(problems) > 0 {
				t.Fatalf("before: %v %v", problems, err)
			}
			if err := db.update(t.Context(), func(x *txn) error { return c.spoil(x, g, id) }); err != nil {
				t.Fatal(err)
			}
			problems, err := db.Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range problems {
				if strings.Contains(p.String(), c.says) {
					return
				}
			}
			t.Errorf("not found: %v", problems)
		})
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	db := open(b, config(create(b)))
	a, err := auth.NewAuthority(auth.Config{Store: db, Secret: db.ServerSecret(), Now: storetest.Noon})
	if err != nil {
		b.Fatal(err)
	}
	g, err := a.Issue(b.Context(), auth.IssueRequest{Merchant: storetest.Shop, Facade: auth.POS})
	if err != nil {
		b.Fatal(err)
	}
	token := a.Token(g)
	for b.Loop() {
		if _, err := a.Authenticate(b.Context(), auth.Call{Token: token}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSessionRequest(b *testing.B) {
	db := open(b, config(create(b)))
	a, err := auth.NewAuthority(auth.Config{Store: db, Secret: db.ServerSecret(), Now: storetest.Noon})
	if err != nil {
		b.Fatal(err)
	}
	id, err := a.OpenSession(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for n := uint64(1); b.Loop(); n++ {
		turn, err := a.Turn(b.Context(), auth.SessionCall{ID: id, Number: n})
		if err != nil {
			b.Fatal(err)
		}
		if err := turn.Finish(b.Context(), 200, []byte(`{"data":{}}`)); err != nil {
			b.Fatal(err)
		}
		turn.Release()
	}
}
