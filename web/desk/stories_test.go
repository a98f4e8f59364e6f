package desk

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"satchel/auth"
	"satchel/internal/browser"
	"satchel/invoice"
)

// A client asks to be paired, the owner opens the link that the client shows, and lets it in by a click.
func TestAClientIsApprovedByAClick(t *testing.T) {
	o, base := onSocket(t)
	c := sits(t, o, base, browser.Phone())
	asked, err := o.access.Pair(t.Context(), auth.PairRequest{SIN: aSIN, Label: "Garden shop"})
	o.must(err)
	c.Go(base + "/dashboard?code=" + asked.Pairing.Code)
	c.Says(".need h3", "Garden shop "+asked.Pairing.Code)
	c.Do(`document.querySelector(".need [name=facade]").value = "pos"`)
	c.Do(`(b => { b.click(); b.click() })(document.querySelector(".need .primary"))`) // as people do
	c.Says(".done", "The client was approved.")
	c.Says("main", "Garden shop")
	if g := o.grant(asked.ID); g.State(o.read()) != auth.Active || g.Merchant != shopA || g.Facade != auth.POS {
		t.Errorf("%+v", g)
	}

	again, err := o.access.Pair(t.Context(), auth.PairRequest{SIN: aSIN, Facade: auth.Merchant, Label: "A stranger", GUID: "2"})
	o.must(err)
	c.Go(c.root + "/clients")
	c.Says(".need h3", "A stranger")
	c.Click(".need .danger")
	c.Says(".done", "The request was refused.")
	c.is(`!document.querySelector("main").innerText.includes("A stranger")`, "who was refused waits still")
	if _, ok, err := o.db.Grant(t.Context(), again.ID); err != nil || ok {
		t.Errorf("it is there still: %v", err)
	}
	c.noProblems()
}

// crowded is an office with very many complete invoices, one a second.
func crowded(t *testing.T, n, wanted int) (*office, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "crowd.db")
	out, err := exec.Command("go", "run", "./testdata/crowd", path, strconv.Itoa(n), strconv.Itoa(wanted)).CombinedOutput()
	if err != nil {
		t.Fatalf("fill a database: %v\n%s", err, out)
	}
	o, base := socketOf(t, func(change func(*Config)) *office { return newOfficeOn(t, path, change) })
	o.large = true
	o.wait(time.Duration(n) * time.Second)
	return o, base
}

// One invoice among a hundred thousand is found by what somebody knows about it.
func TestOneInvoiceAmongAHundredThousand(t *testing.T) {
	const all, wanted, order = 100_000, 86_421, "crowd-086421"
	o, base := crowded(t, all, wanted)
	list, err := o.db.ListInvoices(t.Context(), shopA, invoice.Filter{OrderID: order})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d %v", len(list), err)
	}
	inv := list[0]
	c := sits(t, o, base, browser.Look{})
	look := func(words string) {
		c.opens("/invoices")
		c.Do(`document.querySelector("[name=q]").focus()`)
		c.Press(words + "\r")
		c.Until(`location.search.includes("q=") || !location.pathname.endsWith("/invoices")`)
		c.Until(`document.readyState === "complete" && document.querySelector("main h1")`)
	}
	row := `document.querySelector("a.row[href$='/` + string(inv.ID) + `']")`
	for _, words := range []string{order, "ALISH"} {
		look(words)
		for pages := 0; pages < 20 && !browser.Eval[bool](c.Page, "!!"+row); pages++ { // words are looked for a stretch at a time
			here := browser.Eval[string](c.Page, `location.href`)
			c.Click("[rel=next]")
			c.Until(`location.href !== "` + here + `" && document.readyState === "complete" && document.querySelector("main h1")`)
		}
		c.is(row+` && document.querySelectorAll("a.row").length === 1`, words)
		c.Click(`a.row`)
		c.Says("main", string(inv.ID))
	}
	for _, words := range []string{inv.Address.Text, string(inv.ID)} {
		look(words)
		c.Says("main", order)
	}
	c.opens("/invoices?status=complete")
	for page := range 4 {
		newest := fmt.Sprintf("crowd-%06d", all-1-page*perPage)
		c.Says("tbody tr:first-child", newest)
		c.is(`document.querySelectorAll("tbody tr").length === 50`, "a page")
		c.Click("[rel=next]")
	}
	c.Says("tbody tr:first-child", fmt.Sprintf("crowd-%06d", all-1-4*perPage))
	c.noProblems()
}
