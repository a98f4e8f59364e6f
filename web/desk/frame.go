package desk

import (
	"crypto/rand"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"satchel/auth"
	"satchel/merchant"
	"satchel/money"
	"satchel/web/text"
)

//go:embed assets pages
var embedded embed.FS

// frame is what every page needs.
type frame struct {
	CSS, JS, Icon string
	LiveJS        string
	Nonce         string
	Banner        string // a warning that the money is not real
	Home, Root    string // where the desk and the merchant's pages are
	Self          string // the page itself, to load it again
	Page          string // its name, for the menu
	FormKey       string
	Who           string
	Owner         bool
	Shop          string
	Shops         []choice // to go to, where there are several
	Menu          []entry
	Done          string // what the form before did
	Live          string // where the page hears of changes; "": it does not
	Seen          uint64 // the last event that it shows
}

// sheet is a page: its frame, and what is its own.
type sheet struct {
	frame
	D any
}

// With gives a value together with the frame.
func (s sheet) With(v any) with { return with{s.frame, v} }

// choice is an answer to pick.
type choice struct {
	Value, Name string
	Picked      bool
}

// entry is a page of the menu.
type entry struct {
	Path, Name string
	Here       bool
	Badge      string
}

// menu lists the pages of a merchant: path, name, and the pages that are under it.
func menu() []struct{ path, name, pages string } {
	return []struct{ path, name, pages string }{
		{"", "Overview", "overview"},
		{"/invoices", "Invoices", "invoices invoice new"},
		{"/links", "Payment links", "links"},
		{"/callbacks", "Callbacks", "callbacks"},
		{"/events", "Events", "events"},
		{"/charts", "Charts", "charts"},
		{"/clients", "Clients", "clients"},
		{"/rates", "Rates", "rates"},
		{"/health", "Health", "health"},
		{"/settings", "Settings", "settings"},
	}
}

// livePages are those that are loaded again when something changed.
const livePages = " overview invoices invoice events callbacks health "

// maxBadge is the highest number of things that need a hand that the menu counts.
const maxBadge = 99

func (v *visit) frame(page string) (frame, error) {
	d := v.d
	f := frame{
		CSS: v.assetURL("desk.css"), JS: v.assetURL("desk.js"), Icon: v.assetURL("icon.svg"), Nonce: v.nonce, Home: d.prefix + home, Page: page,
		Self: d.prefix + v.req.URL.RequestURI(),
	}
	if d.cfg.Network != "mainnet" {
		f.Banner = text.Clean(d.cfg.Network, 20) + " – not real money"
	}
	if v.seat == "" {
		return f, nil
	}
	f.FormKey, f.Who, f.Owner = d.cfg.Secret.FormKey(v.seat), v.who.Name, v.who.May(auth.Owner)
	f.Done = doneText(v.req.URL.Query().Get("done"))
	if v.shop.ID == "" {
		return f, nil
	}
	f.Root, f.Shop = v.root(), shopName(v.shop)
	if len(v.shops) > 1 {
		for _, m := range v.shops {
			f.Shops = append(f.Shops, choice{Value: string(m.ID), Name: shopName(m), Picked: m.ID == v.shop.ID})
		}
	}
	if v.req.Method == http.MethodGet && strings.Contains(livePages, " "+page+" ") { // what a form answers with cannot be asked for again
		f.Live, f.Seen, f.LiveJS = f.Root+"/live", v.seen, v.assetURL("live.js")
	}
	needs, err := d.cfg.Store.Attention(v.ctx(), v.shop.ID, maxBadge+1)
	if err != nil {
		return f, err
	}
	for _, m := range menu() {
		e := entry{Path: f.Root + m.path, Name: m.name, Here: strings.Contains(" "+m.pages+" ", " "+page+" ")}
		if m.path == "" && len(needs) > 0 {
			e.Badge = fmt.Sprint(min(len(needs), maxBadge))
			if len(needs) > maxBadge {
				e.Badge += "+"
			}
		}
		f.Menu = append(f.Menu, e)
	}
	return f, nil
}

func (v *visit) assetURL(name string) string {
	return v.d.prefix + home + "/assets/" + v.d.files.Name(name)
}

// maxName bounds a merchant's name on a page, in characters.
const maxName = 60

func shopName(m merchant.Merchant) string {
	if name := text.Clean(m.Name, maxName); name != "" {
		return name
	}
	return string(m.ID)
}

// doneText says what a form did; "" for words that are none of ours.
func doneText(code string) string {
	return map[string]string{
		"accepted":  "The payment was accepted.",
		"returned":  "The payment was recorded as returned.",
		"marked":    "The invoice was marked.",
		"adjusted":  "The amount was accepted.",
		"cancelled": "The invoice was cancelled.",
		"notified":  "The callback is on its way again.",
		"resent":    "The delivery is on its way again.",
		"created":   "The invoice was made. Its link is below.",
		"linked":    "The link was made.",
		"unlinked":  "The link makes no more invoices.",
		"token":     "The token was made. It is shown for two minutes.",
		"offered":   "The pairing code was made.",
		"approved":  "The client was approved.",
		"refused":   "The request was refused.",
		"revoked":   "The token is worth nothing any more.",
		"set":       "The settings were saved. They hold for new invoices.",
		"password":  "Your password was changed. You were signed out everywhere else.",
	}[code]
}

// parsePages reads each page with the layout and the parts that all share.
func parsePages() (map[string]*template.Template, error) {
	shared, err := template.New("").Funcs(funcs()).ParseFS(embedded, "pages/layout.html", "pages/parts.html")
	if err != nil {
		return nil, err
	}
	list, err := fs.Glob(embedded, "pages/*.html")
	if err != nil {
		return nil, err
	}
	pages := map[string]*template.Template{}
	for _, file := range list {
		name := strings.TrimSuffix(path.Base(file), ".html")
		t, err := shared.Clone()
		if err != nil {
			return nil, err
		}
		if pages[name], err = t.ParseFS(embedded, file); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

// funcs are what templates write values with.
func funcs() template.FuncMap {
	return template.FuncMap{
		"when": when, "day": func(t time.Time) string { return t.UTC().Format("2006-01-02") },
		"btc": money.Sats.BTC, "price": text.Price, "clean": text.Clean, "fours": text.Fours, "short": short, "span": text.Span, "grouped": text.Grouped,
		"count": func(n int, noun string) string { return text.Count(int64(n), noun) },
		"nonce": rand.Text, "reason": reasonText, "megabytes": func(n int64) string { return fmt.Sprintf("%d.%d MB", n/1_000_000, n/100_000%10) },
	}
}

// with is a value with the page's frame, for parts that have links and forms in them.
type with struct {
	frame
	V any
}

// moment is a time as the page writes it; the script shows it in the browser's zone.
type moment struct{ ISO, UTC, Text string }

// when gives a time; nil for none.
func when(t time.Time) *moment {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &moment{ISO: t.Format(time.RFC3339Nano), UTC: t.Format("2 January 2006, 15:04:05 UTC"), Text: t.Format("2 Jan 2006, 15:04 UTC")}
}

// short shows the ends of a long id.
func short(id string) string {
	const ends = 8
	if len(id) <= 2*ends+3 {
		return id
	}
	return id[:ends] + "…" + id[len(id)-ends:]
}
