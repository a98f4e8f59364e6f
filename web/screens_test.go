package web

import (
	"bytes"
	"cmp"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
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
		look.Scale = 1 // for small pictures
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

// save writes a picture with the 256 colours that it has most of.
func save(t *testing.T, path string, picture []byte) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	few := image.NewPaletted(img.Bounds(), common(img))
	draw.Draw(few, few.Bounds(), img, img.Bounds().Min, draw.Src)
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, few); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func common(img image.Image) color.Palette {
	count := map[color.RGBA]int{}
	for y := range img.Bounds().Dy() {
		for x := range img.Bounds().Dx() {
			count[color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)]++
		}
	}
	list := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(count[b]-count[a], int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
	})
	var p color.Palette
	for _, c := range list[:min(len(list), 256)] {
		p = append(p, c)
	}
	return p
}
