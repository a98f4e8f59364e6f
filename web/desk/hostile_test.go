package desk

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"satchel/internal/browser"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
	"satchel/notify"
	"satchel/rate"
	"satchel/web/text"
)

// rumours are rates whose sources say what they like.
type rumours struct {
	Rates
	says string
}

func (r *rumours) Status() rate.Status {
	s := r.Rates.Status()
	s.Sources = []rate.SourceStatus{{Name: "kraken", Error: r.says}}
	return s
}

func (r *rumours) Rate(code string) (money.Rate, money.Evidence, error) {
	is, why, err := r.Rates.Rate(code)
	why.Observed = []money.Observation{{Source: "kraken", Rate: is, At: noon(), Note: r.says}}
	return is, why, err
}

// tries gives an invoice's callback an attempt that was answered with a text.
func (o *office) tries(inv invoice.Invoice, answer string) {
	o.t.Helper()
	list, err := o.db.DeliveriesOf(o.t.Context(), shopA, inv.ID)
	o.must(err)
	d := list[0]
	d.Progress = notify.Progress{Attempts: 1, First: o.read(), Next: o.read().Add(time.Minute), Last: answer}
	o.must(o.db.RecordAttempt(o.t.Context(), d, notify.Attempt{At: o.read(), Status: 500, Error: answer, Answer: answer}))
}

// shows wants a text, letter by letter, in one of the elements that a selector finds.
func (c *clerk) shows(selector, want string) {
	c.o.t.Helper()
	quoted, err := json.Marshal(want)
	c.o.must(err)
	if !browser.Eval[bool](c.Page, fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => (e.value || e.textContent).includes(%s))`, selector, quoted)) {
		c.o.t.Errorf("%.60q is not shown by %s, but %.300s", want, selector, browser.Eval[string](c.Page, fmt.Sprintf(`JSON.stringify([...document.querySelectorAll(%q)].map(e => e.value || e.textContent))`, selector)))
	}
}

// unharmed wants a page that nobody's text has changed: no element of it, no turned line, nothing wider than the screen.
func (c *clerk) unharmed(what string) {
	c.o.t.Helper()
	c.is(`!document.querySelector("body script, body iframe, body style, main img, [onerror], [onclick], a[href^='javascript' i], form[action^='javascript' i]")`, what+": text became an element")
	c.is(`document.querySelectorAll("script").length <= 2 && !window.done`, what+": a script was let in")
	c.is(`!/[\u202a-\u202e\u2066-\u2069\ufeff]/.test(document.documentElement.outerHTML) && ![...document.querySelectorAll("input")].some(i => /[\u202a-\u202e\u2066-\u2069]/.test(i.value))`, what+": a line is turned")
	c.is(`document.documentElement.scrollWidth <= innerWidth`, what+": wider than the screen")
	for _, problem := range c.Problems() {
		c.o.t.Errorf("%s: %s", what, problem)
	}
}

// Whatever others write is shown as text, wherever the desk shows it, and is nothing else there.
func TestHostileTextIsShownAsText(t *testing.T) {
	rates := &rumours{}
	o, base := socketOf(t, func(change func(*Config)) *office {
		return newOffice(t, func(c *Config) {
			change(c)
			rates.Rates, c.Rates = c.Rates, rates
		})
	})
	c := sits(t, o, base, browser.Phone())
	for name, evil := range map[string]string{
		"script":     `"'></pre></bdi><script>window.done = 1</script><img src=x onerror="window.done = 1">{{.}}`,
		"direction":  "pay \u202e06.1\u202c BTC \u2066to\u2069 me\ufeff",
		"length":     strings.Repeat("loooong", 10_000/7),
		"emoji":      "👩‍👩‍👧‍👦 Tee 🇨🇭 é",
		"javascript": "javascript:window.done=1",
	} {
		_, err := o.db.UpdateMerchant(t.Context(), shopA, func(m *merchant.Merchant) error {
			m.Name = evil
			return nil
		})
		o.must(err)
		rates.says, o.value, o.body = evil, evil, `{"posData": `+string(quoted(evil))+`, "n": 1}`
		inv := o.sells(shopA, func(r *invoice.Request) { r.Order.NotificationURL = "https://shop.example/" + evil })
		o.pays(inv, o.n, 1_000_000, 0)
		o.tries(inv, evil)
		_, err = o.invoices.Mark(t.Context(), shopA, inv.ID, invoice.Invalid, evil)
		o.must(err)
		at := func(path string) {
			c.Go(c.root + path)
			c.Until(`document.readyState === "complete" && document.querySelector("main h1")`)
		}

		at("")
		c.shows(".brand bdi", text.Clean(evil, maxName))
		c.shows("title", text.Clean(evil, maxName))
		c.unharmed(name + " on the overview")
		at("/invoices/" + string(inv.ID))
		c.shows(".log small bdi", text.Clean(evil, maxText))
		c.shows(".delivery td.bad", text.Clean(evil, maxText))
		c.shows(".delivery td.text bdi", text.Clean(evil, maxAnswer))
		c.shows(".delivery pre", text.Raw(string(quoted(evil))))
		c.shows(".facts dd bdi", text.Clean("https://shop.example/"+evil, maxText))
		c.unharmed(name + " on an invoice")
		at("/callbacks")
		c.shows(".delivery pre", text.Raw(string(quoted(evil))))
		c.shows("td small.bad", text.Clean(evil, maxText))
		c.unharmed(name + " on the callbacks")
		at("/rates")
		c.shows("td", "no: "+text.Clean(evil, maxText))
		c.shows("td.text", text.Clean(evil, maxText))
		c.unharmed(name + " on the rates")
		at("/settings")
		c.shows("dd bdi", text.Clean(evil, maxURL))
		c.unharmed(name + " on the settings")
		at("/../" + string(shopB) + "/settings")
		c.shows("input[name='merchant.name']", text.Clean(evil, maxURL))
		c.unharmed(name + " on a form of settings")
	}
}

// quoted writes a text as JSON does that leaves marks of HTML alone.
func quoted(s string) []byte {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string always can be
	return []byte(strings.TrimSpace(b.String()))
}

// A body is cut between characters, and what is no text is told apart.
func TestBodiesAreCutBetweenCharacters(t *testing.T) {
	for in, want := range map[string]string{
		`{"a":1}`: "{\n  \"a\": 1\n}", "plain": "plain", "\xff\u202e": `"\xff\u202e"`, "a\u202eb": `a\u202eb`,
		strings.Repeat("é", maxBody): strings.Repeat("é", maxBody/2) + " …", "x" + strings.Repeat("é", maxBody): "x" + strings.Repeat("é", maxBody/2-1) + " …",
	} {
		if got := bodyText([]byte(in)); got != want {
			t.Errorf("%.20q gives %.40q and %d bytes, want %d", in, got, len(got), len(want))
		}
	}
}
