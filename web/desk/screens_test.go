package desk

import (
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satchel/auth"
	"satchel/internal/browser"
)

// pictures is where pictures of the desk go; empty: they are only looked at.
var pictures = flag.String("screenshots", "", "write a picture of every page of the desk to this folder")

// onSocket gives an office's pages a real socket, so that a browser can open them.
func onSocket(t *testing.T) (*office, string) {
	t.Helper()
	return socketOf(t, func(change func(*Config)) *office { return newOffice(t, change) })
}

func socketOf(t *testing.T, open func(change func(*Config)) *office) (*office, string) {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	base := "http://" + srv.Listener.Addr().String()
	o := open(func(c *Config) { c.Base, c.Network = base, "regtest" })
	mux := http.NewServeMux()
	mux.Handle("/", o.Handler())
	mux.HandleFunc("/pos/{key}/code.svg", func(rw http.ResponseWriter, _ *http.Request) { // the point of sale draws it
		rw.Header().Set("Content-Type", "image/svg+xml")
		_, _ = io.WriteString(rw, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"/>`)
	})
	srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o.away.Load() {
			panic(http.ErrAbortHandler) // the connection ends without an answer
		}
		if o.still.Load() && r.Header.Get("Sec-Fetch-Dest") == "document" && r.Header.Get("Sec-Fetch-Site") != "cross-site" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		mux.ServeHTTP(w, r)
	})
	srv.Start()
	o.cut = srv.CloseClientConnections
	t.Cleanup(func() {
		o.Stop()
		srv.CloseClientConnections()
		srv.Close()
	})
	return o, base
}

// A picture of some pages, for the README.
func TestPictures(t *testing.T) {
	if *pictures == "" {
		return
	}
	o, base := onSocket(t)
	o.tame = true
	f := o.furnish(shopA)
	_, err := o.staff.Add(t.Context(), auth.NewOperator{Name: "alice", Role: auth.Owner, Merchant: shopA, Password: words})
	o.must(err)
	b := browser.Start(t)
	phone := browser.Phone()
	phone.Dark, phone.Scale = true, 1
	for screen, look := range map[string]browser.Look{"desktop": {}, "phone-dark": phone} {
		tab := b.Open(look)
		enters(tab, base, "alice")
		for name, path := range map[string]string{"overview": "", "invoice": "/invoices/" + string(f.late.ID)} {
			tab.Go(base + "/dashboard/m/" + string(shopA) + path)
			tab.Until(`document.querySelector("main h1")`)
			o.must(os.WriteFile(filepath.Join(*pictures, "desk-"+name+"-"+screen+".png"), tab.Shot(), 0o644))
		}
		tab.Close()
	}
}

// The page hears of a payment and shows it; what is decided by a click is done; it works without a script, too.
func TestTheDeskInABrowser(t *testing.T) {
	o, base := onSocket(t)
	_, err := o.staff.Add(t.Context(), auth.NewOperator{Name: "alice", Role: auth.Owner, Merchant: shopA, Password: words})
	o.must(err)
	inv := o.sells(shopA)
	o.expires(inv)
	tab := browser.Start(t).Open(browser.Look{})
	enters(tab, base, "alice")
	tab.Says("main", "Nothing waits for a decision.")
	tab.UntilRequest("/live")
	tab.Do(`document.querySelector(".brand").dataset.same = "yes"`)
	o.wait(time.Minute)
	o.pays(inv, 1, 1_000_000, 0)
	tab.Says(".need", "Paid too late: 0.01000000 BTC")
	tab.Says(".menu", "1")
	if !browser.Eval[bool](tab, `document.querySelector(".brand").dataset.same === "yes"`) {
		t.Error("the whole page was loaded again")
	}
	if shown := browser.Eval[string](tab, `document.querySelector(".need time").textContent`); strings.Contains(shown, "UTC") {
		t.Errorf("a time is not in the browser's zone: %s", shown)
	}
	if hover := browser.Eval[string](tab, `document.querySelector(".need time").title`); hover != "1 May 2026, 12:00:00 UTC" {
		t.Errorf("the hover says %q", hover)
	}
	tab.Click(".need .primary")
	tab.Says(".done", "The payment was accepted.")
	tab.Says("main", "Nothing waits for a decision.")
	tab.Go(base + "/dashboard/m/" + string(shopA) + "/invoices/" + string(inv.ID))
	tab.Says("h1", "paid")
	for _, problem := range tab.Problems() {
		t.Error(problem)
	}
}

// enters signs in as a person does.
func enters(tab *browser.Page, base, name string) {
	tab.Go(base + "/dashboard")
	tab.Says("h1", "Sign in")
	tab.Do(`document.querySelector("#name").value = "` + name + `"; document.querySelector("#password").value = "` + words + `"`)
	tab.Click("button.primary")
	tab.Says(".ready", "Ready for payments")
}

// cutWords is an expression for the words of drawings that reach over their edge.
const cutWords = `[...document.querySelectorAll("svg text")].filter(word => {
	const at = word.getBoundingClientRect(), all = word.ownerSVGElement.getBoundingClientRect();
	return at.left < all.left || at.right > all.right;
}).map(word => word.textContent).join(", ")`

// hereIsSeen is an expression for whether the menu shows the page that one is on.
const hereIsSeen = `[...document.querySelectorAll(".menu [aria-current]")].every(here => {
	const at = here.getBoundingClientRect();
	return at.left >= 0 && at.right <= innerWidth;
})`

// Every page on every screen: nothing goes wrong, nothing is cut off, and everybody can use it.
func TestEveryPageOnEveryScreen(t *testing.T) {
	o, base := onSocket(t)
	f := o.furnish(shopA)
	_, err := o.staff.Add(t.Context(), auth.NewOperator{Name: "alice", Role: auth.Owner, Password: words})
	o.must(err)
	root := base + "/dashboard/m/" + string(shopA)
	pages := map[string]string{
		"overview": "", "invoices": "/invoices", "late": "/invoices/" + string(f.late.ID), "hostile": "/invoices/" + string(f.hostile.ID), "complete": "/invoices/" + string(f.complete.ID),
		"new": "/new", "callbacks": "/callbacks", "events": "/events", "charts": "/charts?days=7", "charts-month": "/charts", "charts-quarter": "/charts?days=90", "clients": "/clients", "links": "/links?made=" + f.link.ID.String(), "rates": "/rates", "health": "/health",
		"settings": "/settings", "settings-own": "/../" + string(shopB) + "/settings", "nowhere": "/none",
	}
	b := browser.Start(t)
	looks := map[string]browser.Look{"phone": browser.Phone(), "desktop": {}}
	for name, look := range map[string]browser.Look{"phone": browser.Phone(), "desktop": {}} {
		look.Dark = true
		looks[name+"-dark"] = look
	}
	looks["forced"] = browser.Look{Forced: true}
	for screen, look := range looks {
		look.Scale = 1
		tab := b.Open(look)
		shoot := func(name string, audited bool) {
			if browser.Eval[bool](tab, `document.documentElement.scrollWidth > innerWidth`) {
				t.Errorf("%s on %s: wider than the screen", name, screen)
			}
			if cut := browser.Eval[string](tab, cutWords); cut != "" {
				t.Errorf("%s on %s: cut off in a drawing: %s", name, screen, cut)
			}
			if !browser.Eval[bool](tab, hereIsSeen) {
				t.Errorf("%s on %s: the menu does not show where one is", name, screen)
			}
			problems := tab.Problems()
			if audited {
				problems = append(problems, tab.Audit()...)
			}
			for _, problem := range problems {
				if name != "nowhere" || !strings.Contains(problem, "404") {
					t.Errorf("%s on %s: %s", name, screen, problem)
				}
			}
		}
		tab.Go(base + "/dashboard")
		shoot("sign-in", true)
		enters(tab, base, "alice")
		for name, path := range pages {
			tab.Go(root + path)
			tab.Until(`document.querySelector("main h1")`)
			shoot(name, look.Touch || name == "overview")
		}
		tab.Go(base + "/dashboard/account")
		shoot("account", look.Touch)
		tab.Close()
	}
}
