package web

import (
	"context"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"satchel/auth"
	"satchel/live"
	"satchel/merchant"
	"satchel/store"
	"satchel/store/storetest"
)

// aSIN is a client's id.
const aSIN = auth.SIN("Tf3yr5tYvccKNVrE26BrPs6LWZRh8woHwjR")

// office is a Web with its approval page, on a real store.
type office struct {
	*Web
	t     *testing.T
	db    *store.DB
	auth  *auth.Authority
	clock *clockwork
}

func shopOf(id merchant.ID, name string) merchant.Merchant {
	return merchant.Merchant{ID: id, Name: name, Created: noon(), Secrets: merchant.Secrets{Webhook: "whsec_x"}}
}

func newOffice(t *testing.T, others ...merchant.Merchant) *office {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	o := &office{t: t, clock: &clockwork{now: noon()}}
	path := filepath.Join(t.TempDir(), "satchel.db")
	must(store.Create(path, "regtest", shopOf("first", "Tea & Biscuits")))
	db, err := store.Open(store.Config{Path: path, Render: storetest.Render, Derivers: storetest.Derivers{}, Now: o.clock.read})
	must(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	t.Cleanup(func() {
		if problems, err := db.Check(context.Background()); err != nil || len(problems) > 0 {
			t.Errorf("check: %v %v", problems, err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, m := range others {
		must(db.PutMerchant(t.Context(), m))
	}
	o.db = db
	o.auth, err = auth.NewAuthority(auth.Config{Store: db, Secret: db.ServerSecret(), Now: o.clock.read})
	must(err)
	o.Web, err = New(Config{
		Store: db, Hub: live.New(1), Now: o.clock.read, Base: "https://pay.example", Network: "mainnet", Log: slog.New(slog.DiscardHandler),
		Access: &Access{Store: db, Pairings: o.auth, Secret: db.ServerSecret()},
	})
	must(err)
	return o
}

// asks is a client's request.
func (o *office) asks(f auth.Facade, label string) auth.Grant {
	o.t.Helper()
	g, err := o.auth.Pair(o.t.Context(), auth.PairRequest{SIN: aSIN, Facade: f, Label: label})
	if err != nil {
		o.t.Fatal(err)
	}
	return g
}

// key is a link's key for a request, from now on.
func (o *office) key(g auth.Grant) string {
	return o.db.ServerSecret().Link(g.ID, g.Pairing.Code, o.clock.read().Add(auth.LinkLife))
}

// opens gives status and text of the page of a code and a key.
func (o *office) opens(code, key string) (int, string) {
	o.t.Helper()
	q := url.Values{"pairingCode": {code}, "key": {key}}
	return o.fetch(accessPath + "?" + q.Encode())
}

func (o *office) fetch(target string) (int, string) {
	o.t.Helper()
	rec := httptest.NewRecorder()
	o.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, target, http.NoBody))
	res := rec.Result()
	return res.StatusCode, body(o.t, res)
}

// answers posts the form of a page, with changed members, and goes where it is led.
func (o *office) answers(g auth.Grant, key, decision string, more ...string) (int, string) {
	o.t.Helper()
	form := url.Values{"pairingCode": {g.Pairing.Code}, "key": {key}, "decision": {decision}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	rec := o.posts(form)
	if rec.Code != http.StatusSeeOther {
		return rec.Code, rec.Body.String()
	}
	status, text := o.fetch(rec.Header().Get("Location"))
	if status != http.StatusOK {
		o.t.Errorf("led to a page that answers %d", status)
	}
	return rec.Code, text
}

func (o *office) posts(form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, accessPath, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	o.Handler().ServeHTTP(rec, r)
	return rec
}

// grant reads a grant as it stands.
func (o *office) grant(id auth.TokenID) (auth.Grant, bool) {
	o.t.Helper()
	g, ok, err := o.db.Grant(o.t.Context(), id)
	if err != nil {
		o.t.Fatal(err)
	}
	return g, ok
}

// says wants every text on a page.
func says(t *testing.T, page string, texts ...string) {
	t.Helper()
	plain := html.UnescapeString(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, ""))
	for _, want := range texts {
		if !strings.Contains(plain, want) {
			t.Errorf("%q is not in\n%s", want, page)
		}
	}
}

// single is a store of one grant, whatever is asked.
type single struct {
	grant auth.Grant
	err   error
}

func (s single) Grant(context.Context, auth.TokenID) (auth.Grant, bool, error) {
	return s.grant, true, s.err
}

func (s single) Merchants(context.Context) ([]merchant.Merchant, error) {
	return []merchant.Merchant{shopOf("first", "Tea & Biscuits")}, nil
}

// onlyOne gives a Web whose store holds one grant as it is, or fails.
func onlyOne(t *testing.T, g auth.Grant, err error) (*office, string) {
	t.Helper()
	secret, clock := auth.Secret{1}, &clockwork{now: noon()}
	w, fail := New(Config{
		Store: &memory{}, Hub: live.New(1), Now: clock.read, Base: "https://pay.example/shop/", Network: "mainnet", Log: slog.New(slog.DiscardHandler),
		Access: &Access{Store: single{g, err}, Secret: secret},
	})
	if fail != nil {
		t.Fatal(fail)
	}
	return &office{Web: w, t: t, clock: clock}, secret.Link(g.ID, g.Pairing.Code, noon().Add(time.Minute))
}
