package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/btcsuite/btcd/btcutil/base58"
	"go.uber.org/goleak"

	"satchel/auth"
	"satchel/fault"
	"satchel/invoice"
	"satchel/live"
	"satchel/merchant"
	"satchel/money"
	"satchel/paypro"
	"satchel/rate"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	shopID  = merchant.ID("shop")
	otherID = merchant.ID("other")
)

// fake is everything behind the API: func fields for what a test wants otherwise, and a map for the rest.
type fake struct {
	mu       sync.Mutex
	requests []invoice.Request // that reached the service
	made     map[invoice.ID]invoice.Invoice
	grants   map[auth.TokenID]auth.Grant
	receipts map[invoice.ID][]invoice.Receipt

	create  func(invoice.Request) (invoice.Invoice, error)
	byGUID  func(invoice.Creation) (invoice.Invoice, bool, error)
	grant   func(auth.TokenID) (auth.Grant, bool, error)
	rate    func(code string) (money.Rate, money.Evidence, error)
	reasons []string
	degrade []string
	help    string
	tip     int32
	now     time.Time
}

func newFake() *fake {
	return &fake{
		made: map[invoice.ID]invoice.Invoice{}, grants: map[auth.TokenID]auth.Grant{}, receipts: map[invoice.ID][]invoice.Receipt{},
		now: time.Date(2019, 1, 1, 12, 0, 0, 0, time.UTC), tip: 100,
	}
}

func (f *fake) Create(_ context.Context, r invoice.Request) (invoice.Invoice, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests = append(f.requests, r)
	if f.create != nil {
		return f.create(r)
	}
	inv := invoice.Invoice{
		Ref: invoice.Ref{Merchant: r.Merchant.ID, Seq: uint64(len(f.requests))}, ID: invoice.ID("Hq7mZk3VtWc9sXyB2nLdRe"), Order: r.Order,
		Quote:   money.Quote{Price: r.Price, Rate: parseRate("4000"), Due: 250_000},
		Address: invoice.Address{Text: "bcrt1qexample"}, Created: f.now, Expires: f.now.Add(15 * time.Minute),
		State: invoice.State{Status: invoice.New}, Terms: invoice.Terms{Speed: merchant.Medium},
	}
	f.made[inv.ID] = inv
	return inv, nil
}

func (f *fake) created() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.requests)
}

func (f *fake) Merchant(_ context.Context, id merchant.ID) (merchant.Merchant, error) {
	return merchant.Merchant{ID: id, Name: "Shop of " + string(id), Settings: merchant.Settings{MaxOpen: 77}}, nil
}

func (f *fake) ByGUID(_ context.Context, c invoice.Creation) (invoice.Invoice, bool, error) {
	if f.byGUID != nil {
		return f.byGUID(c)
	}
	return invoice.Invoice{}, false, nil
}

func (f *fake) InvoiceByGUID(context.Context, merchant.ID, string) (invoice.Invoice, error) {
	return invoice.Invoice{}, fault.New(fault.NotFound, "nothing")
}

func (f *fake) ShowInvoices(context.Context, merchant.ID, invoice.Filter, int) ([]invoice.Shown, error) {
	return nil, nil
}

func (f *fake) Events(context.Context, merchant.ID, uint64, int) ([]invoice.Logged, error) {
	return nil, nil
}

func (f *fake) Cancel(context.Context, merchant.ID, invoice.ID, invoice.Once) (invoice.Invoice, error) {
	return invoice.Invoice{}, invoice.ErrNotCancellable
}

func (f *fake) Provide(context.Context, merchant.ID, invoice.ID, invoice.Contact, invoice.Once) (invoice.Invoice, error) {
	return invoice.Invoice{}, nil
}

func (f *fake) Adjust(context.Context, merchant.ID, invoice.ID, invoice.Adjustment, invoice.Once) (invoice.Invoice, error) {
	return invoice.Invoice{}, nil
}

func (f *fake) Keep(context.Context, merchant.ID, invoice.ID, invoice.TxID, invoice.Draft) (invoice.Invoice, error) {
	return invoice.Invoice{}, errUnknown
}

func (f *fake) Notify(context.Context, merchant.ID, invoice.ID, invoice.Once) error { return nil }

func (f *fake) Invoice(_ context.Context, m merchant.ID, id invoice.ID) (invoice.Invoice, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	inv, ok := f.made[id]
	if !ok {
		return inv, fault.New(fault.NotFound, "no invoice %s", id)
	}
	if inv.Ref.Merchant != m {
		return invoice.Invoice{}, fault.New(fault.NotFound, "the invoice is somebody else's")
	}
	return inv, nil
}

func (f *fake) Receipts(_ context.Context, _ merchant.ID, id invoice.ID, limit int) ([]invoice.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.receipts[id]
	return list[:min(limit, len(list))], nil
}

func (f *fake) PublicInvoice(_ context.Context, id invoice.ID) (invoice.Public, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	inv, ok := f.made[id]
	if !ok {
		return invoice.Public{}, fault.New(fault.NotFound, "nothing")
	}
	inv.Order.Buyer, inv.Order.NotificationURL = invoice.Buyer{}, ""
	return invoice.Public{Invoice: inv, Merchant: "Shop", Receipts: f.receipts[id], Tip: f.tip}, nil
}

func (f *fake) Grant(_ context.Context, id auth.TokenID) (auth.Grant, bool, error) {
	if f.grant != nil {
		return f.grant(id)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	g, ok := f.grants[id]
	return g, ok, nil
}

// ReadAuth and UpdateAuth are a store's; see shop.
func (f *fake) ReadAuth(context.Context, func(auth.View) error) error { return errNoStore }

func (f *fake) UpdateAuth(context.Context, func(auth.Tx) error) error { return errNoStore }

var errNoStore = errors.New("there is no store behind this test")

// authority proves calls against the grants of a store.
func authority(tb testing.TB, store auth.Store, now func() time.Time) *auth.Authority {
	tb.Helper()
	a, err := auth.NewAuthority(auth.Config{Store: store, Secret: secret(), Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func (f *fake) Rate(code string) (money.Rate, money.Evidence, error) {
	if f.rate != nil {
		return f.rate(code)
	}
	if code == "BTC" {
		return parseRate("1"), money.Evidence{}, nil
	}
	return parseRate("61234.56"), money.Evidence{}, nil
}

func (f *fake) All() []rate.Listed {
	usd, _ := money.Lookup("USD")
	return []rate.Listed{{Currency: money.BTC(), Rate: parseRate("1")}, {Currency: usd, Rate: parseRate("61234.56")}}
}

func parseRate(s string) money.Rate {
	r, err := money.ParseRate(s)
	if err != nil {
		panic(err)
	}
	return r
}

func secret() auth.Secret { return auth.Secret{1, 2, 3} }

// token makes a token of a facade, and its grant.
func (f *fake) token(m merchant.ID, facade auth.Facade, change func(*auth.Grant)) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := auth.Grant{ID: auth.TokenID{byte(len(f.grants) + 1)}, Merchant: m, Facade: facade}
	if change != nil {
		change(&g)
	}
	f.grants[g.ID] = g
	return secret().Token(g.ID)
}

// parent finds the grant behind a token; of none, the parent of what everybody may see.
func parent(token string) auth.TokenID {
	var id auth.TokenID
	copy(id[:], base58.Decode(token))
	return id
}

// world is a running API.
type world struct {
	*fake
	t    testing.TB
	api  *API
	url  string
	pos  string // a token of the shop's till
	logs *lockedBuffer
	bank *bankNode
	seen *seen // what was exchanged, for tests of the document
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func start(t testing.TB, change func(*Config)) *world {
	t.Helper()
	f := newFake()
	w := &world{fake: f, t: t, logs: &lockedBuffer{}, pos: f.token(shopID, auth.POS, nil)}
	cfg := Config{
		Invoices: f, Store: f, Rates: f, Auth: authority(t, f, func() time.Time { return f.now }), Secret: secret(), Hub: live.New(10),
		Tip: func() int32 { return f.tip }, Ready: func() ([]string, []string) { return f.reasons, f.degrade }, Help: func() string { return f.help },
		PublicURLs: []string{"https://pay.example/", "http://localhost:8350"},
		Now:        func() time.Time { return f.now }, Log: slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	w.bank = &bankNode{}
	cfg.PayPro = &PayPro{Node: w.bank, Key: signingKey(t), Network: paypro.Regtest, Owner: "The Shop"}
	if change != nil {
		change(&cfg)
	}
	var err error
	if w.api, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(nil)
	srv.Config = w.api.Server("")
	srv.Start()
	t.Cleanup(srv.Close)
	w.url = srv.URL
	return w
}

// reply is an answer, read.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) json(t testing.TB) map[string]any {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal([]byte(r.body), &doc); err != nil {
		t.Fatalf("the answer is not JSON: %v\n%s", err, r.body)
	}
	return doc
}

// send makes a call. The headers are pairs of name and value.
func (w *world) send(method, path, body string, headers ...string) reply {
	w.t.Helper()
	var src io.Reader = http.NoBody
	if body != "" {
		src = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, src)
	if err != nil {
		w.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	return w.do(req)
}

func (w *world) do(req *http.Request) reply {
	w.t.Helper()
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	r := reply{res.StatusCode, res.Header, string(b)}
	w.held(req, r)
	return r
}

func (w *world) post(body string, headers ...string) reply {
	w.t.Helper()
	return w.send(http.MethodPost, "/invoices", body, headers...)
}

// refused holds an answer against the one shape of errors, and gives its text.
func (r reply) refused(t testing.TB, status int) string {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	if ct := r.header.Get("Content-Type"); ct != "application/json; charset=utf-8" {
		t.Errorf("the content type is %q", ct)
	}
	doc := r.json(t)
	code, _ := doc["code"].(string)
	data, there := doc["data"]
	text, _ := doc["error"].(string)
	if len(doc) != 5 || doc["status"] != "error" || len(code) != 6 || !there || data != nil || text == "" || doc["message"] != text {
		t.Fatalf("clients cannot read %s", r.body)
	}
	return text
}
