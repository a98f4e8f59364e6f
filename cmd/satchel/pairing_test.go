package main

import (
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"satchel/admin"
)

// waiting lists the codes that wait.
func (s *shop) waiting() map[string]admin.Pairing {
	s.t.Helper()
	var list []admin.Pairing
	s.run(&list, "pairing", "list")
	all := map[string]admin.Pairing{}
	for _, p := range list {
		all[p.Code] = p
	}
	return all
}

// From a client that nobody knows to a paid invoice, over each way in.
func TestClientsPairAndSell(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	t.Run("approved by command", func(t *testing.T) {
		c := newBitpayClient(t, s)
		asked := c.asks(map[string]any{"facade": "merchant", "label": "Garden shop", "count": 1})
		code, token := asked["pairingCode"].(string), asked["token"].(string)
		if method(asked) != "inactive" {
			t.Fatalf("%v", asked)
		}
		c.cannotSell(token)
		p := s.waiting()[code]
		if p.SIN != c.sin() || p.Label != "Garden shop" || p.Facade != "merchant" || p.State != "inactive" || p.Expires == nil || p.Expires.Sub(p.Created) != 24*time.Hour {
			t.Fatalf("%+v", p)
		}
		if text := s.refused(exitRefused, "pairing", "approve", code, "--facade", "pos"); !strings.Contains(text, "leave --facade away") {
			t.Error(text)
		}
		var done admin.Pairing
		s.run(&done, "pairing", "approve", code)
		if done.State != "active" || done.Facade != "merchant" || done.SIN != c.sin() || done.Token == "" {
			t.Fatalf("%+v", done)
		}
		c.sells(s, token)
		if text := s.refused(exitRefused, "pairing", "approve", code); !strings.Contains(text, "satchel pairing list") {
			t.Error(text)
		}
		if newBitpayClient(t, s).cannotSell(token); len(s.waiting()) != 0 {
			t.Error("a decided pairing waits")
		}
		s.run(nil, "token", "revoke", done.Token)
		c.cannotSell(token)
	})
	t.Run("approved on the page", func(t *testing.T) {
		c := newBitpayClient(t, s)
		asked := c.asks(map[string]any{"label": "till <b>2</b>"})
		code, token := asked["pairingCode"].(string), asked["token"].(string)
		if text := s.refused(exitRefused, "pairing", "approve", code); !strings.Contains(text, "--facade") {
			t.Error(text)
		}
		if page := s.visits("http://" + s.api + "/api-access-request?pairingCode=" + code); !strings.Contains(page, "satchel pairing link "+code) || strings.Contains(page, "till") {
			t.Errorf("anybody sees\n%s", page)
		}
		var link admin.PairingLink
		s.run(&link, "pairing", "link", code)
		page := s.visits(link.URL)
		if !strings.Contains(page, "till &lt;b&gt;2") || !strings.Contains(strings.Join(strings.Fields(regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page, "")), ""), c.sin()) {
			t.Fatalf("the page does not say who asks:\n%s", page)
		}
		form := formOf(page)
		form.Set("decision", "approve")
		form.Set("facade", "pos")
		if page = s.answers(form); !strings.Contains(page, "Access approved") {
			t.Fatalf("%s", page)
		}
		if page = s.answers(form); !strings.Contains(page, "Access approved") {
			t.Errorf("the second time: %s", page)
		}
		c.sells(s, token)
	})
	t.Run("with an offered code", func(t *testing.T) {
		c := newBitpayClient(t, s)
		var offer admin.Offer
		s.run(&offer, "pairing", "create", "--facade", "pos", "--label", "till 3")
		if text := s.refused(exitRefused, "pairing", "approve", offer.Code); !strings.Contains(text, "needs no approval") {
			t.Error(text)
		}
		if p := s.waiting()[offer.Code]; p.State != "unclaimed" || p.Label != "till 3" {
			t.Errorf("%+v", p)
		}
		claimed := c.asks(map[string]any{"pairingCode": offer.Code, "label": "till 3"})
		if method(claimed) != "require" || claimed["facade"] != "pos" {
			t.Fatalf("%v", claimed)
		}
		c.sells(s, claimed["token"].(string))
		if status, doc := newBitpayClient(t, s).call(http.MethodPost, "/tokens", map[string]any{"id": c.sin(), "pairingCode": offer.Code}, false); status != http.StatusInternalServerError {
			t.Errorf("claimed twice: %d %v", status, doc)
		}
	})
	t.Run("with a token that the operator binds to it", func(t *testing.T) {
		c := newBitpayClient(t, s)
		var token admin.Token
		s.run(&token, "token", "create", "--facade", "pos", "--sin", c.sin(), "--label", "till 4")
		if token.Facade != "pos" || token.SIN != c.sin() {
			t.Errorf("%+v", token)
		}
		c.sells(s, token.Token)
		newBitpayClient(t, s).cannotSell(token.Token)
		if status, doc := c.call(http.MethodGet, "/tokens", nil, true); status != http.StatusOK || doc["data"].([]any)[0].(map[string]any)["pos"] != token.Token {
			t.Errorf("GET /tokens: %d %v", status, doc)
		}
		if text := s.refused(exitRefused, "token", "create", "--facade", "pos", "--sin", "Tf1Jc1xSbqasm5QLwwSQc5umddx2h7mAMhX"); !strings.Contains(text, "checksum") {
			t.Error(text)
		}
		s.refused(exitUsage, "token", "create", "--facade", "pos")
		s.run(nil, "token", "revoke", token.ID)
		c.cannotSell(token.Token)
	})
	t.Run("refused", func(t *testing.T) {
		c := newBitpayClient(t, s)
		asked := c.asks(map[string]any{"facade": "merchant"})
		s.run(nil, "pairing", "refuse", asked["pairingCode"].(string))
		c.cannotSell(asked["token"].(string))
		if len(s.waiting()) != 0 {
			t.Error("a refused pairing waits")
		}
		for _, command := range []string{"approve", "refuse", "link"} {
			if text := s.refused(exitRefused, "pairing", command, asked["pairingCode"].(string)); !strings.Contains(text, "satchel pairing list") {
				t.Errorf("%s: %s", command, text)
			}
		}
	})
}

// visits opens a page as a browser does.
func (s *shop) visits(target string) string {
	s.t.Helper()
	res, err := http.Get(target)
	s.must(err)
	return s.read(res)
}

// answers sends a form and follows where it leads.
func (s *shop) answers(form url.Values) string {
	s.t.Helper()
	res, err := http.PostForm("http://"+s.api+"/api-access-request", form)
	s.must(err)
	return s.read(res)
}

func (s *shop) read(res *http.Response) string {
	s.t.Helper()
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	s.must(err)
	return string(text)
}

// formOf reads the hidden members of a page's form.
func formOf(page string) url.Values {
	form := url.Values{}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`).FindAllStringSubmatch(page, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	return form
}

// What a client calls itself is shown by a terminal, and not obeyed.
func TestAListOfPairingsIsPlainText(t *testing.T) {
	var out strings.Builder
	showPairings(&out, []admin.Pairing{
		{Code: "aB3dE5g", State: "inactive", SIN: "Tf3y", Label: "\x1b[2Jtill\r\n\t\u202E 2é", Age: 61.5},
		{Code: "zzzzzzz", State: "unclaimed", Facade: "pos", Merchant: "first"},
	})
	lines := strings.Split(out.String(), "\n")
	if len(lines) != 4 || strings.ContainsAny(out.String(), "\x1b\r\t\u202E") {
		t.Fatalf("%q", out.String())
	}
	for i, want := range [][]string{
		{"CODE", "STATE", "FACADE", "AGE", "CLIENT", "MERCHANT", "LABEL"},
		{"aB3dE5g", "waits for approval", "-", "1m1s", "Tf3y", "-", "[2Jtill 2é"},
		{"zzzzzzz", "unclaimed", "pos", "-", "first"},
	} {
		for _, cell := range want {
			if !strings.Contains(lines[i], cell) {
				t.Errorf("no %q in %q", cell, lines[i])
			}
		}
	}
	out.Reset()
	if showPairings(&out, nil); out.String() != "nobody waits\n" {
		t.Errorf("%q", out.String())
	}
}
