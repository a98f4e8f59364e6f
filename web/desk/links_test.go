package desk

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"satchel/auth"
	"satchel/merchant"
)

func (o *office) linksOf(m merchant.ID) []merchant.Link {
	o.t.Helper()
	list, err := o.db.LinksOf(o.t.Context(), m)
	o.must(err)
	return list
}

// addressOf is where a link's page is.
func (o *office) addressOf(l merchant.Link) string {
	return "https://pay.example/pos/" + o.db.ServerSecret().PayLink(l.ID)
}

// An owner makes a link and revokes it, with what a browser without a script has; a form that is sent twice makes one.
func TestLinksAreMadeAndRevoked(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	page := b.loads("links", "There is no link.", "Make the link")
	nonce := regexp.MustCompile(`name="nonce" value="([A-Z2-7]+)"`).FindStringSubmatch(page)
	if nonce == nil {
		t.Fatal("the form has no number of its own")
	}
	members := []string{"label", " Guided\u202e tour ", "amount", "12,50", "currency", "USD", "nonce", nonce[1]}
	for range 2 {
		page = b.sends("links", members...)
		says(t, page, "The link was made.", "The new link", "Guided tour", "12.50 USD")
	}
	list := o.linksOf(shopA)
	if len(list) != 1 || list[0].Price.String() != "12.50 USD" || list[0].Label != "Guided tour" || !list[0].Created.Equal(o.read()) {
		t.Fatalf("%+v", list)
	}
	address := o.addressOf(list[0])
	code := strings.TrimPrefix(address, "https://pay.example") + "/code.svg"
	if strings.Count(page, `<code translate="no">`+address) != 2 || !strings.Contains(page, `href="`+address+`"`) || !strings.Contains(page, `src="`+code+`"`) {
		t.Errorf("no way to %s", address)
	}
	again := append([]string(nil), members...)
	again[3] = "7"
	o.wait(time.Minute)
	b.sends("links", again...) // the same page, another amount
	o.wait(time.Minute)
	b.sends("links") // nothing is needed
	list = o.linksOf(shopA)
	if len(list) != 3 || !list[2].Free() {
		t.Fatalf("%+v", list)
	}
	b.loads("links", "any amount in USD", "7.00 USD")

	first := list[0].ID.String()
	o.wait(time.Minute)
	says(t, b.sends("links/revoke", "id", first), "The link makes no more invoices.", "The latest that were revoked")
	revoked := o.linksOf(shopA)[0].Revoked
	o.wait(time.Minute)
	b.sends("links/revoke", "id", first) // twice is once
	if is := o.linksOf(shopA)[0].Revoked; revoked.IsZero() || !is.Equal(revoked) {
		t.Errorf("revoked at %v, then at %v", revoked, is)
	}
	if page = b.loads("links?made=" + first); strings.Contains(page, address) || strings.Contains(page, "The new link") {
		t.Error("a link that was revoked is offered")
	}
	b.refused(404, "links/revoke", "No such link", "id", "x")
	b.refused(404, "links/revoke", "No such link", "id", merchant.LinkID{1}.String())
	if !strings.Contains(o.log.String(), "link revoked") || strings.Contains(o.log.String(), strings.TrimPrefix(address, "https://pay.example/pos/")) {
		t.Errorf("the log does not say who did what, or gives the key away:\n%s", o.log)
	}
}

func TestLinksThatAreRefused(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	for _, c := range []struct{ name, value, text string }{
		{"amount", "1.000", "is no clear amount; it is written like 12.50"},
		{"amount", "0.00", "“amount” is nothing; without it whoever pays says how much"},
		{"amount", "-1", "“amount”"},
		{"currency", "XXX", "“currency”"},
		{"label", strings.Repeat("ä", auth.MaxLabel+1), "“label” is longer than 60 characters."},
		{"form", "guess", "came from another site"},
	} {
		status := http.StatusUnprocessableEntity
		if c.name == "form" {
			status = http.StatusForbidden
		}
		members := []string{"label", "Stall 4", "amount", "7.25", "currency", "USD"}
		res, page := b.post("links", append(members, c.name, c.value)...)
		if says(t, page, c.text); res.StatusCode != status {
			t.Errorf("%s %s: %d", c.name, c.value, res.StatusCode)
		}
		if c.name == "amount" && (!strings.Contains(page, `value="Stall 4"`) || !strings.Contains(page, `value="`+c.value+`"`)) {
			t.Errorf("what was typed is gone:\n%s", page)
		}
	}
	b.site, b.origin = "cross-site", "https://other.example"
	b.refused(403, "links", "came from another site")
	if n := len(o.linksOf(shopA)); n != 0 {
		t.Errorf("%d links", n)
	}
}

// A viewer reads the addresses and can do nothing with the page; a neighbour sees none of it, and a label is a text.
func TestLinksAsOthersSeeThem(t *testing.T) {
	o := newOffice(t)
	l, theirs := o.links(shopA, hostile[:60], "", "USD"), o.links(shopB, "Books", "", "USD")
	vera := o.hires("vera", auth.Viewer, shopA)
	page := vera.loads("links", `"><script>alert(1)</script>`, "any amount in USD")
	if !strings.Contains(page, o.addressOf(l)) || strings.Contains(page, "<script>alert") || strings.Contains(page, `action="/dashboard/m/`) || strings.Contains(page, "Revoke") {
		t.Error("a viewer is shown no address, a form, or what a label makes of the page")
	}
	silent(t, page, o.addressOf(theirs), "Books")
	bob := o.hires("bob", auth.Owner, shopB)
	bob.loads("/dashboard/m/"+string(shopB)+"/links", "Books")
	silent(t, bob.loads("/dashboard/m/"+string(shopB)+"/links?made="+l.ID.String()), l.ID.String(), "The new link")
	bob.refused(404, "/dashboard/m/"+string(shopB)+"/links/revoke", "No such link", "id", l.ID.String())
	if !o.linksOf(shopA)[0].Revoked.IsZero() {
		t.Error("a neighbour revoked a link")
	}
}

func TestLinksArePaged(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	for i := range 2*perPage + 1 {
		o.links(shopA, fmt.Sprintf("stall %d.", i), "", "EUR")
		o.wait(time.Second)
	}
	at, want := "links", 2*perPage
	for at != "" {
		page := b.loads(at)
		for _, m := range regexp.MustCompile(`<bdi>stall (\d+)\.</bdi>`).FindAllStringSubmatch(page, -1) {
			if m[1] != fmt.Sprint(want) {
				t.Fatalf("stall %s instead of %d", m[1], want)
			}
			want--
		}
		at = ""
		if m := regexp.MustCompile(`href="([^"]+)" rel="next"`).FindStringSubmatch(page); m != nil {
			at = html.UnescapeString(m[1])
		}
	}
	if want != -1 {
		t.Errorf("%d links are on no page", want+1)
	}
	b.loads("links?from=9999", "There is no link.")
	b.loads("links?from=-1", "stall 100.")
}
