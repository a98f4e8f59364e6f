package desk

import (
	"flag"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satchel/auth"
	"satchel/internal/browser"
)

// pictures is where pictures of the desk go; empty: they are only looked at.
var pictures = flag.String("screenshots", "", "write a picture of every page of the desk to this folder")

// onSocket gives an office's pages a real socket, so that a browser can open them.
func onSocket(t *testing.T) (*office, string) {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	base := "http://" + srv.Listener.Addr().String()
	o := newOffice(t, func(c *Config) { c.Base, c.Network = base, "regtest" })
	srv.Config.Handler = o.Handler()
	srv.Start()
	t.Cleanup(func() {
		o.Stop()
		srv.CloseClientConnections()
		srv.Close()
	})
	return o, base
}

// enters signs in as a person does.
func enters(tab *browser.Page, base, name string) {
	tab.Go(base + "/dashboard")
	tab.Says("h1", "Sign in")
	tab.Do(`document.querySelector("#name").value = "` + name + `"; document.querySelector("#password").value = "` + words + `"`)
	tab.Click("button.primary")
	tab.Says(".ready", "Ready for payments")
}

// Every page on every screen: nothing goes wrong, nothing is cut off, and everybody can use it.
func TestEveryPageOnEveryScreen(t *testing.T) {
	o, base := onSocket(t)
	f := o.furnish(shopA)
	_, err := o.staff.Add(t.Context(), auth.NewOperator{Name: "alice", Role: auth.Owner, Password: words})
	o.must(err)
	root := base + "/dashboard/m/" + string(shopA)
	pages := map[string]string{
		"overview": "", "invoices": "/invoices", "late": "/invoices/" + string(f.late.ID), "hostile": "/invoices/" + string(f.hostile.ID), "complete": "/invoices/" + string(f.complete.ID),
		"new": "/new", "callbacks": "/callbacks", "events": "/events", "charts": "/charts?days=7", "clients": "/clients", "rates": "/rates", "health": "/health",
		"settings": "/settings", "settings-own": "/../" + string(shopB) + "/settings", "nowhere": "/none",
	}
	b := browser.Start(t)
	looks := map[string]browser.Look{"phone": browser.Phone(), "desktop": {}}
	for name, look := range map[string]browser.Look{"phone": browser.Phone(), "desktop": {}} {
		look.Dark = true
		looks[name+"-dark"] = look
	}
	for screen, look := range looks {
		look.Scale = 1
		tab := b.Open(look)
		shoot := func(name string, audited bool) {
			if browser.Eval[bool](tab, `document.documentElement.scrollWidth > innerWidth`) {
				t.Errorf("%s on %s: wider than the screen", name, screen)
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
			if *pictures != "" {
				o.must(os.WriteFile(filepath.Join(*pictures, "desk-"+name+"-"+screen+".png"), tab.Shot(), 0o600))
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
