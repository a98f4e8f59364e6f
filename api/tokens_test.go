package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"satchel/auth"
	"satchel/store/storetest"
)

func millis(t *testing.T, v any) int64 {
	t.Helper()
	n, ok := v.(json.Number)
	if !ok {
		t.Fatalf("%v is no number", v)
	}
	ms, err := n.Int64()
	if err != nil {
		t.Fatal(err)
	}
	return ms
}

// policy gives the one policy of a token: its method and params.
func policy(t *testing.T, token map[string]any) string {
	t.Helper()
	list := token["policies"].([]any)
	p := list[0].(map[string]any)
	if len(list) != 1 || len(p) != 3 || p["policy"] != "id" {
		t.Errorf("policies are %v", list)
	}
	return fmt.Sprint(p["method"], p["params"])
}

func keys(m map[string]any) string {
	list := make([]string, 0, len(m))
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// TestClientAsks is POST /tokens (a): the token of the first answer is the one that is used after the approval.
func TestClientAsks(t *testing.T) {
	s := newShop(t, nil)
	c := newClient(7)
	sin := string(c.sin(t))
	doc := s.newToken(`{"id":"` + sin + `","facade":"merchant","label":"shop 1","count":1,"guid":"one"}`)
	if got := keys(doc); got != "dateCreated facade label pairingCode pairingExpiration policies token" {
		t.Errorf("the members are %s", got)
	}
	if got := policy(t, doc); got != "inactive["+sin+"]" {
		t.Errorf("the policy is %s", got)
	}
	code, token := doc["pairingCode"].(string), doc["token"].(string)
	if doc["facade"] != "merchant" || doc["label"] != "shop 1" || !regexp.MustCompile(`^[a-zA-Z0-9]{7}$`).MatchString(code) {
		t.Errorf("%v", doc)
	}
	if made, until := millis(t, doc["dateCreated"]), millis(t, doc["pairingExpiration"]); made != s.now().UnixMilli() || until-made != 86_400_000 {
		t.Errorf("made at %d until %d", made, until)
	}
	path := query("/invoices", "token", token)
	s.signed(c, http.MethodGet, path, "").refused(t, http.StatusUnauthorized)
	if r := s.signed(c, http.MethodGet, "/tokens", ""); r.body != `{"data":[]}` {
		t.Errorf("before the approval: %s", r.body)
	}
	if again := s.newToken(`{"id":"` + sin + `","facade":"merchant","label":"shop 1","count":1,"guid":"one"}`); again["pairingCode"] != code || again["token"] != token {
		t.Errorf("the same request made another: %v", again)
	}
	if _, err := s.api.cfg.Auth.Approve(t.Context(), code, storetest.Shop, 0); err != nil {
		t.Fatal(err)
	}
	if r := s.signed(c, http.MethodGet, path, ""); r.status != http.StatusOK {
		t.Errorf("after it: %d %s", r.status, r.body)
	}
	if r := s.signed(c, http.MethodGet, "/tokens", ""); r.body != `{"data":[{"merchant":"`+token+`"}]}` {
		t.Errorf("after it: %s", r.body)
	}
	if again := s.newToken(`{"id":"` + sin + `","facade":"merchant","label":"shop 1","count":1,"guid":"one"}`); policy(t, again) != "require["+sin+"]" || again["pairingCode"] != nil {
		t.Errorf("asked again after it: %v", again)
	}
	open := s.newToken(`{"id":"` + sin + `","guid":"two"}`) // the administrator picks the facade
	if got := keys(open); got != "dateCreated pairingCode pairingExpiration policies token" {
		t.Errorf("without facade and label the members are %s", got)
	}
	long := s.newToken(`{"id":"` + sin + `","label":"` + strings.Repeat("ä", 70) + `\u0007"}`)
	if long["label"] != strings.Repeat("ä", 60) {
		t.Errorf("a long label is %v", long["label"])
	}
	if old := s.newToken(`{"id":"` + sin + `","facade":"payroll"}`); old["facade"] != "payout" {
		t.Errorf("payroll is %v", old["facade"])
	}
}

// TestClientClaims is POST /tokens (b): a code of the operator's, once, for a day.
func TestClientClaims(t *testing.T) {
	s := newShop(t, nil)
	c := newClient(7)
	sin := string(c.sin(t))
	offer := func() string {
		t.Helper()
		g, err := s.api.cfg.Auth.Offer(t.Context(), auth.OfferRequest{Merchant: storetest.Shop, Facade: auth.POS, Label: "till"})
		if err != nil {
			t.Fatal(err)
		}
		return g.Pairing.Code
	}
	code := offer()
	// What the client asks for beside the code decides nothing.
	body := `{"id":"` + sin + `","pairingCode":"` + code + `","facade":"merchant","label":"shop 1","guid":"g"}`
	doc := s.newToken(body)
	if got := keys(doc); got != "dateCreated facade label policies resource token" || policy(t, doc) != "require["+sin+"]" {
		t.Errorf("%v", doc)
	}
	if doc["facade"] != "pos" || doc["label"] != "shop 1" || doc["resource"] != string(storetest.Shop) {
		t.Errorf("%v", doc)
	}
	if again := s.newToken(body); again["token"] != doc["token"] {
		t.Error("the same request did not give the same token")
	}
	token := doc["token"].(string)
	if r := s.signed(c, http.MethodPost, "/invoices", `{"price":1,"currency":"USD","token":"`+token+`"}`); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	late := offer()
	s.wait(24 * time.Hour)
	waiting := s.newToken(`{"id":"` + sin + `"}`)["pairingCode"].(string)
	for name, code := range map[string]string{"used": code, "expired": late, "unknown": "aaaaaaa", "short": "a", "to be approved": waiting, "long": strings.Repeat("a", 1000)} {
		r := s.send(http.MethodPost, "/tokens", `{"id":"`+string(newClient(8).sin(t))+`","pairingCode":"`+code+`"}`)
		if got := r.refused(t, http.StatusInternalServerError); got != "Unable to create token" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if strings.Contains(s.logs.String(), "level=ERROR") {
		t.Error("a bad code is logged as a failure of ours")
	}
}

// TestMerchantOffers is POST /tokens (c): a merchant's token makes a code, that a client claims.
func TestMerchantOffers(t *testing.T) {
	s := newShop(t, nil)
	c, token := s.paired(7)
	sin := string(c.sin(t))
	body := `{"facade":"pos","id":"` + sin + `","guid":"g","token":"` + token + `"}`
	offer := s.newToken(body, c.headers(s.url+"/tokens", body)...)
	if got := keys(offer); got != "dateCreated facade pairingCode pairingExpiration policies resource token" || policy(t, offer) != "unclaimed[]" {
		t.Errorf("%v", offer)
	}
	if again := s.newToken(body, c.headers(s.url+"/tokens", body)...); again["pairingCode"] != offer["pairingCode"] {
		t.Error("the same request made another code")
	}
	s.signed(c, http.MethodPost, "/invoices", `{"price":1,"currency":"USD","token":"`+offer["token"].(string)+`"}`).refused(t, http.StatusUnauthorized)
	claimed := s.newToken(`{"id":"` + sin + `","pairingCode":"` + offer["pairingCode"].(string) + `"}`)
	if claimed["token"] != offer["token"] || claimed["facade"] != "pos" || policy(t, claimed) != "require["+sin+"]" {
		t.Errorf("%v, claimed as %v", offer, claimed)
	}
	if r := s.signed(c, http.MethodPost, "/invoices", `{"price":1,"currency":"USD","token":"`+claimed["token"].(string)+`"}`); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	for _, k := range []struct {
		facade, token, text string
		status              int
	}{
		{"payout", token, "facade: must be pos or merchant: a merchant's token makes no others", 400},
		{"payroll", token, "facade: must be pos or merchant: a merchant's token makes no others", 400},
		{"user", token, "facade: is not pos, merchant or payout", 400},
		{"pos", s.issue(storetest.Shop, auth.POS, c.sin(t)), "This endpoint does not support the `pos` facade", 403},
	} {
		body := `{"facade":"` + k.facade + `","token":"` + k.token + `"}`
		if got := s.signed(c, http.MethodPost, "/tokens", body).refused(t, k.status); got != k.text {
			t.Errorf("%s: %q", k.facade, got)
		}
	}
	s.send(http.MethodPost, "/tokens", `{"facade":"pos","token":"`+token+`"}`).refused(t, http.StatusUnauthorized)
}

func TestTokenRequestsThatAreRefused(t *testing.T) {
	s := newShop(t, nil)
	sin := string(newClient(7).sin(t))
	for _, k := range []struct {
		body, text string
		status     int
	}{
		{`{}`, "'id' property is required", 400},
		{`{"facade":"pos"}`, "'id' property is required", 400},
		{`{"pairingCode":"aB3dE5g"}`, "'id' property is required", 400},
		{`{"id":""}`, "'id' property is required", 400},
		{`{"id":null}`, "'id' property is required", 400},
		{`{"id":"Tf1Jc1xSbqasm5QLwwSQc5umddx2h7mAMhX"}`, "'id' property is not a client's id (SIN): the SIN's checksum is wrong", 400},
		{`{"id":"Tf1Jc1xSbqasm5QLwwSQc5umddx2h7mAMhX","pairingCode":"aB3dE5g"}`, "'id' property is not a client's id (SIN): the SIN's checksum is wrong", 400},
		{`{"id":"` + sin + `x"}`, "'id' property is not a client's id (SIN): a SIN has 35 characters", 400},
		{`{"id":"1` + sin[1:] + `"}`, "'id' property is not a client's id (SIN): a SIN is base58 and begins with Te or Tf", 400},
		{`{"id":"` + sin + `","facade":"user"}`, "facade: is not pos, merchant or payout", 400},
		{`{"id":"` + sin + `","facade":"public"}`, "facade: is not pos, merchant or payout", 400},
		{`{"id":"` + sin + `","count":2}`, "count: must be 1: a request makes one token", 400},
	} {
		if got := s.send(http.MethodPost, "/tokens", k.body).refused(t, k.status); got != k.text {
			t.Errorf("%s: %q", k.body, got)
		}
	}
	s.newToken(`{"id":"` + sin + `","facade":"pos","guid":"uuid-of-a-request"}`)
	if got := s.send(http.MethodPost, "/tokens", `{"id":"`+sin+`","facade":"merchant","guid":"uuid-of-a-request"}`).refused(t, http.StatusConflict); got != "guid already used" {
		t.Error(got)
	}
	a := s.newToken(`{"id":"` + sin + `","facade":"pos","guid":"1795359106996"}`)
	b := s.newToken(`{"id":"` + sin + `","facade":"merchant","guid":"1795359106996"}`)
	if a["token"] == b["token"] {
		t.Error("a guid that two calls share by chance gave one token")
	}
}

// TestListTokens: clients take the first member of the document, and the first or the last token of a facade.
func TestListTokens(t *testing.T) {
	s := newShop(t, nil)
	c := newClient(7)
	var want []string
	add := func(names []string, f auth.Facade) {
		token := s.issue(storetest.Shop, f, c.sin(t))
		for _, n := range names {
			want = append(want, `{"`+n+`":"`+token+`"}`)
		}
		s.wait(time.Second)
	}
	add([]string{"pos"}, auth.POS)
	add([]string{"merchant"}, auth.Merchant)
	add([]string{"payout", "payroll"}, auth.Payout)
	add([]string{"pos"}, auth.POS)
	s.issue(storetest.Shop, auth.Merchant, newClient(8).sin(t)) // somebody else's
	all := `{"data":[` + strings.Join(want, ",") + `]}`
	for _, path := range []string{"/tokens", "/tokens/", "/tokens?id=" + string(c.sin(t)), "/tokens?nonce=7"} {
		if r := s.signed(c, http.MethodGet, path, ""); r.status != http.StatusOK || r.body != all {
			t.Errorf("%s: %d %s, want %s", path, r.status, r.body, all)
		}
	}
}

// TestGuessingCodesIsLimited: twenty tries, then one in ten seconds, and then not even a good code is looked at.
func TestGuessingCodesIsLimited(t *testing.T) {
	s := newShop(t, nil)
	sin := string(newClient(7).sin(t))
	for _, from := range []string{"", "203.0.113.1"} { // loopback is limited like everybody
		try := func(code, want string) {
			t.Helper()
			r := s.send(http.MethodPost, "/tokens", `{"id":"`+sin+`","pairingCode":"`+code+`"}`, "X-Forwarded-For", from)
			if got := r.refused(t, http.StatusInternalServerError); got != want {
				t.Errorf("from %q: %q, want %q", from, got, want)
			}
		}
		for range 20 {
			try("aaaaaaa", "Unable to create token")
		}
		g, err := s.api.cfg.Auth.Offer(t.Context(), auth.OfferRequest{Merchant: storetest.Shop})
		if err != nil {
			t.Fatal(err)
		}
		try(g.Pairing.Code, "Unable to create token because of too many requests.")
		s.wait(10 * time.Second)
		for range 3 { // what succeeds costs nothing
			s.newToken(`{"id":"`+sin+`","pairingCode":"`+g.Pairing.Code+`","guid":"g`+from+`"}`, "X-Forwarded-For", from)
		}
		try("aaaaaaa", "Unable to create token")
		try("aaaaaaa", "Unable to create token because of too many requests.")
	}
	for i := range 22 {
		r := s.send(http.MethodPost, "/tokens", `{"id":"`+sin+`"}`, "X-Forwarded-For", "203.0.113.9")
		if want := map[bool]int{true: 200, false: 429}[i < 20]; r.status != want {
			t.Errorf("wish %d: %d, want %d", i, r.status, want)
		}
	}
}
