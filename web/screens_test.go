package web

import (
	"bytes"
	"flag"
	"image/png"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"satchel/internal/browser"
	"satchel/invoice"
	"satchel/money"
)

// pictures is where `make screenshots` wants them; empty: they are only looked at.
var pictures = flag.String("screenshots", "", "write a picture of every state of the checkout page to this folder")

// states are invoices in everything that a payer can meet.
func states() map[string]invoice.Public {
	return map[string]invoice.Public{
		"new":       sample(),
		"partial":   paid(invoice.New, 10_000, 0),
		"seen":      paid(invoice.Paid, 17_148, 0),
		"confirmed": paid(invoice.Confirmed, 17_148, 3),
		"complete":  paid(invoice.Complete, 17_148, 6),
		"over":      paid(invoice.Paid, 20_000, 0),
		"short":     paid(invoice.Expired, 10_000, 0),
		"expired":   paid(invoice.Expired, 0, 0),
		"invalid":   paid(invoice.Invalid, 17_148, 0),
		"late": change(func(p *invoice.Public, inv *invoice.Invoice) {
			inv.State.Status, inv.State.Exception, inv.Sums.Late = invoice.Expired, invoice.PaidLate, 17_148
			p.Receipts = []invoice.Receipt{receipt(17_148, 0)}
		}),
		"closing": change(func(_ *invoice.Public, inv *invoice.Invoice) { inv.Expires = noon().Add(-1) }),
		"cancelled": change(func(_ *invoice.Public, inv *invoice.Invoice) {
			inv.State.Status, inv.State.Cancelled = invoice.Expired, true
		}),
		"declined": paid(invoice.Declined, 0, 0),
		"any":      change(func(_ *invoice.Public, inv *invoice.Invoice) { inv.Quote = money.Quote{Price: money.Fiat{Code: "USD"}} }),
	}
}

// serveOn gives the pages of a world a real socket.
func serveOn(t *testing.T, w *world) string {
	t.Helper()
	srv := httptest.NewServer(w.Handler())
	t.Cleanup(func() {
		w.Stop()
		srv.CloseClientConnections()
		srv.Close()
	})
	return srv.URL
}

// Every state on every screen: nothing goes wrong, nothing is cut off, and everybody can use it.
func TestEveryStateOnEveryScreen(t *testing.T) {
	b := browser.Start(t)
	looks := map[string]browser.Look{"phone": browser.Phone(), "desktop": {}}
	for name, look := range map[string]browser.Look{"phone": browser.Phone(), "desktop": {}} {
		look.Dark = true
		looks[name+"-dark"] = look
	}
	for screen, look := range looks {
		look.Scale = 1
		tab := b.Open(look)
		for name, p := range states() {
			tab.Go(serveOn(t, newWorld(t, 10, p)) + "/invoice?id=" + anID)
			tab.Until(`document.querySelector("h2").checkVisibility()`)
			looksWell(t, tab, name+" on "+screen, look.Touch) // what is audited is the same on a desktop
			if *pictures != "" {
				save(t, filepath.Join(*pictures, "checkout-"+name+"-"+screen+".png"), tab.Shot())
			}
		}
		tab.Close()
	}
}

// looksWell checks what holds for every page.
func looksWell(t *testing.T, tab *browser.Page, what string, audited bool) {
	t.Helper()
	if browser.Eval[bool](tab, `document.documentElement.scrollWidth > innerWidth`) {
		t.Errorf("%s: wider than the screen", what)
	}
	problems := tab.Problems()
	if audited {
		problems = append(problems, tab.Audit()...)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", what, problem)
	}
}

// save writes a picture as small as PNG gets.
func save(t *testing.T, path string, picture []byte) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}
