package desk

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"satchel/auth"
)

func (o *office) grant(id auth.TokenID) auth.Grant {
	o.t.Helper()
	g, ok, err := o.db.Grant(o.t.Context(), id)
	if err != nil || !ok {
		o.t.Fatalf("%v %v", ok, err)
	}
	return g
}

func TestAClientIsApproved(t *testing.T) {
	o := newOffice(t)
	f := o.furnish(shopA)
	b := o.hires("alice", auth.Owner, "")
	page := b.loads("clients", "Garden <i>shop</i>", "Leaves it to you what it may do", "Approve for Tea & Biscuits", "till <b>1</b>", "anybody who has it", "unclaimed: "+f.offer.Pairing.Code, "old till")
	if !strings.Contains(strings.ReplaceAll(plain(page), " ", ""), string(aSIN)) {
		t.Error("the client's id is not shown")
	}
	b.refused(422, "clients/approve", "“facade”", "code", f.asked.Pairing.Code)
	says(t, b.sends("clients/approve", "code", f.asked.Pairing.Code, "facade", "pos"), "The client was approved.", "No client waits.")
	if g := o.grant(f.asked.ID); g.State(o.read()) != auth.Active || g.Merchant != shopA || g.Facade != auth.POS {
		t.Errorf("%+v", g)
	}
	b.refused(404, "clients/approve", "No such pairing code", "code", f.asked.Pairing.Code, "facade", "merchant")
	b.refused(404, "clients/approve", "No such pairing code", "code", f.offer.Pairing.Code, "facade", "merchant") // an offer needs no approval
	b.refused(404, "clients/refuse", "No such pairing code", "code", f.offer.Pairing.Code)
	if g := o.grant(f.offer.ID); g.State(o.read()) != auth.Unclaimed {
		t.Errorf("%+v", g)
	}
}

func TestAClientIsRefused(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, "")
	g, err := o.access.Pair(t.Context(), auth.PairRequest{SIN: aSIN, Facade: auth.Merchant})
	o.must(err)
	b.loads("clients", "A client without a name", "Asks for merchant .")
	says(t, b.sends("clients/refuse", "code", g.Pairing.Code), "The request was refused.")
	if _, ok, err := o.db.Grant(t.Context(), g.ID); err != nil || ok {
		t.Errorf("it is there still: %v", err)
	}
}

// On a server of several merchants a client that waits is anybody's. Who sees one merchant must have been told its code,
// and cannot find it by trying.
func TestAClientIsFoundByItsCode(t *testing.T) {
	o := newOffice(t)
	b := o.hires("bob", auth.Owner, shopB)
	g, err := o.access.Pair(t.Context(), auth.PairRequest{SIN: aSIN, Facade: auth.POS, Label: "Garden shop"})
	o.must(err)
	at := "/dashboard/m/" + string(shopB) + "/clients"
	if res := b.do(httptest.NewRequest(http.MethodGet, "/dashboard?code="+g.Pairing.Code, http.NoBody)); res.Header.Get("Location") != at+"?code="+g.Pairing.Code {
		t.Errorf("a code leads to %q", res.Header.Get("Location"))
	}
	silent(t, b.loads(at), "Garden shop", g.Pairing.Code)
	b.loads(at+"?code="+g.Pairing.Code, "Garden shop", "Approve for Other shop")
	silent(t, b.loads(at+"?code=zzzzzzz", "No such pairing code"), "Garden")
	tries := 1
	for ; tries < 100; tries++ {
		if page := b.loads(at + "?code=zzzzzz" + string(rune('a'+tries%26))); strings.Contains(page, "Too many codes") {
			break
		}
	}
	if tries != 20 {
		t.Errorf("%d codes were tried", tries)
	}
	b.refused(429, at+"/approve", "Too many codes", "code", g.Pairing.Code)
	o.wait(time.Minute)
	b.sends(at+"/approve", "code", g.Pairing.Code)
	if is := o.grant(g.ID); is.Merchant != shopB || is.Facade != auth.POS {
		t.Errorf("%+v", is)
	}
}

func TestTokensAreMadeAndTakenBack(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	res, _ := b.post("clients/token", "facade", "pos", "label", "till\u202e 3")
	if res.StatusCode != http.StatusSeeOther {
		t.Fatalf("%d", res.StatusCode)
	}
	target := res.Header.Get("Location")
	grants, err := o.db.GrantsOf(t.Context(), shopA)
	o.must(err)
	token := o.db.ServerSecret().Token(grants[0].ID)
	page := b.loads(target, "The token was made.", "till 3", "anybody who has it")
	if !strings.Contains(page, token) || strings.Contains(o.log.String(), token) {
		t.Error("the token is not shown, or is in the log")
	}
	_, err = o.staff.Add(t.Context(), auth.NewOperator{Name: "vera", Role: auth.Viewer, Merchant: shopA, Password: words})
	o.must(err)
	silent(t, o.signs("vera").loads(target), token)
	silent(t, b.loads("clients"), token)
	o.wait(tokenShown)
	silent(t, b.loads(target), token)

	b.sends("clients/token", "facade", "merchant", "sin", string(aSIN), "label", "signed")
	b.loads("clients", string(aSIN))
	for _, bad := range [][]string{{"facade", "user"}, {}, {"facade", "pos", "sin", "x"}} {
		if res, _ := b.post("clients/token", bad...); res.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%v: %d", bad, res.StatusCode)
		}
	}
	says(t, b.sends("clients/revoke", "id", grants[0].ID.String()), "worth nothing any more")
	b.sends("clients/revoke", "id", grants[0].ID.String()) // twice is once
	if g := o.grant(grants[0].ID); g.State(o.read()) != auth.Invalidated {
		t.Errorf("%+v", g)
	}
	b.refused(404, "clients/revoke", "No such token", "id", "x")
	b.refused(404, "clients/revoke", "No such token", "id", auth.TokenID{1}.String())
}

func TestACodeIsOfferedOnce(t *testing.T) {
	o := newOffice(t)
	b := o.hires("alice", auth.Owner, shopA)
	for range 2 {
		says(t, b.sends("clients/offer", "facade", "pos", "label", "till 4", "nonce", "abc"), "The pairing code was made.", "unclaimed")
	}
	if grants, err := o.db.GrantsOf(t.Context(), shopA); err != nil || len(grants) != 1 {
		t.Errorf("%d codes, %v", len(grants), err)
	}
	b.refused(422, "clients/offer", "“facade”", "facade", "everything")
}
