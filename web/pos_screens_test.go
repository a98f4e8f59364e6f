package web

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"satchel/auth"
	"satchel/internal/browser"
)

// serve gives the counter a real socket, and what is behind its public URL's path.
func (c *counter) serve() string {
	c.t.Helper()
	srv := httptest.NewServer(http.StripPrefix("/in", c.Handler()))
	c.t.Cleanup(func() {
		c.Stop()
		srv.CloseClientConnections()
		srv.Close()
	})
	return srv.URL + "/in"
}

// On a phone an amount is typed on the page's keypad, or on the phone's own where there is no JavaScript.
func TestTheKeypadOnScreens(t *testing.T) {
	c := newCounter(t)
	_, free := c.link(0, "EUR", "Coffee & cake")
	_, fixed := c.link(500, "JPY", "")
	host, b := c.serve(), browser.Start(t)
	phone, dark, plain := browser.Phone(), browser.Phone(), browser.Phone()
	dark.Dark, plain.NoScript = true, true
	small := browser.Phone()
	small.Width, small.Height = 320, 568
	for name, look := range map[string]browser.Look{"phone": phone, "phone-dark": dark, "plain": plain, "small": small, "desktop": {}} {
		look.Scale = 1
		tab := b.Open(look)
		for page, path := range map[string]string{"free": free, "fixed": fixed, "lost": "/pos/x"} {
			tab.Go(host + path)
			tab.Until(`document.querySelector("h1").checkVisibility()`)
			if page == "lost" {
				tab.Problems() // the console says that it is a 404
			}
			looksWell(t, tab, page+" on "+name, look.Touch && !look.NoScript)
			if page == "free" && browser.Eval[bool](tab, `document.documentElement.scrollHeight > innerHeight`) {
				t.Errorf("%s: the keypad does not fit on the screen", name)
			}
			if *pictures != "" && page == "free" && look.Touch && !look.NoScript && look.Width > 320 {
				save(t, filepath.Join(*pictures, "pos-"+name+".png"), tab.Shot())
			}
		}
		tab.Close()
	}
}

func TestTheKeypadIsTyped(t *testing.T) {
	c := newCounter(t)
	_, path := c.link(0, "EUR", "")
	host, b := c.serve(), browser.Start(t)
	tab := b.Open(browser.Phone())
	tab.Go(host + path + "?lang=de")
	press := func(keys ...string) {
		for _, k := range keys {
			tab.Click(`[data-key="` + k + `"]`)
		}
	}
	is := func(want string) {
		t.Helper()
		if got := browser.Eval[string](tab, `document.getElementById("amount").value`); got != want {
			t.Errorf("the amount is %q, want %q", got, want)
		}
	}
	press("0", "1", ",", ",", "5", "0", "9")
	is("1,50")
	press("delete", "delete", "delete", "delete", "delete")
	is("")
	press(",", "7", "delete", "2", "5")
	is("0,25")
	press("delete", "delete", "delete", "delete", "1", "2", ",", "5")
	is("12,5")
	tab.Click(".primary")
	tab.Says(".price", "12,50 EUR")
	if n := c.count(); n != 1 {
		t.Errorf("%d invoices", n)
	}
	for _, problem := range tab.Problems() {
		t.Error(problem)
	}
	tab.Close()

	tab = b.Open(browser.Look{NoScript: true})
	tab.Go(host + path)
	tab.Says("form", "EUR")
	tab.Click(`[name="open"]`)
	tab.Says(".card", "Send the amount you like")
	if n := c.count(); n != 2 {
		t.Errorf("%d invoices", n)
	}
}

// A browser that opens a token's till keeps an address without the token, and nothing that it asks for afterwards has it.
func TestATokenLeavesTheAddress(t *testing.T) {
	c := newCounter(t)
	token := c.token(auth.POS)
	host, tab := c.serve(), browser.Start(t).Open(browser.Phone())
	tab.Go(host + "/pos/" + token + "?lang=de")
	tab.Says("form", "Weiter")
	at := browser.Eval[string](tab, `location.href`)
	tab.Reload()
	tab.Says("form", "Weiter")
	tab.Click(`[data-key="5"]`)
	tab.Click(".primary")
	tab.Says(".price", "5,00 EUR")
	if from := browser.Eval[string](tab, `document.referrer`); from != "" {
		t.Errorf("the checkout page is told that it came from %s", from)
	}
	carried := 0
	for _, u := range append(tab.Requests(), at) {
		if strings.Contains(u, token) {
			carried++
		}
	}
	if carried != 1 {
		t.Errorf("the token is in %d addresses: %q", carried, tab.Requests())
	}
	for _, problem := range tab.Problems() {
		t.Error(problem)
	}
}
