package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"satchel/auth"
	"satchel/store/storetest"
)

// asKey is how clients send an API key: as base64 of it, alone or with a colon and a password behind it.
func asKey(key string) []string {
	return []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte(key))}
}

// TestShopsWithAnAPIKey: plug-ins from before 2015 have a key and no token, and read an invoice without anything around it.
func TestShopsWithAnAPIKey(t *testing.T) {
	s := newShop(t, nil)
	const order = `{"orderID":"71","itemDesc":"Two loaves","notificationEmail":"","notificationURL":"https:\/\/shop.example\/ipn","redirectURL":"https:\/\/shop.example\/",` +
		`"posData":"{\"posData\": \"71\", \"hash\": \"x\"}","price":"19.95","currency":"USD","physical":"true","fullNotifications":"true","transactionSpeed":"high",` +
		`"buyerName":"Zo\u00eb","buyerEmail":"z@shop.example"}`
	for _, key := range []string{s.pos, s.pos + ":", s.owner + ":x", s.owner} {
		made := s.send(http.MethodPost, "/api/invoice/", order, append(asKey(key), "X-BitPay-Plugin-Info", "phplib1.6")...)
		if made.status != http.StatusOK {
			t.Fatalf("%d %s", made.status, made.body)
		}
		d := made.json(t)
		id, _ := d["id"].(string)
		for name, want := range map[string]any{
			"status": "new", "price": 19.95, "currency": "USD", "posData": `{"posData": "71", "hash": "x"}`, "btcPrice": "0.00039900", "orderId": "71",
			"url": "https://pay.example/invoice?id=" + id, "exceptionStatus": false,
		} {
			if d[name] != want {
				t.Errorf("%s is %v, want %v", name, d[name], want)
			}
		}
		if d["data"] != nil || d["facade"] != nil {
			t.Errorf("there is something around the invoice: %s", made.body)
		}
		shown := s.send(http.MethodGet, "/api/invoice/"+id, "", asKey(key)...)
		if shown.status != http.StatusOK || shown.json(t)["id"] != id || shown.json(t)["token"] != d["token"] {
			t.Errorf("shown: %d %s", shown.status, shown.body)
		}
		if text := s.send(http.MethodGet, "/api/invoice/none", "", asKey(key)...).refused(t, http.StatusNotFound); text != "Object not found" {
			t.Errorf("an unknown one: %s", text)
		}
		if text := s.send(http.MethodGet, "/api/invoice/"+id, "", asKey(s.other)...).refused(t, http.StatusNotFound); text != "Object not found" {
			t.Errorf("of another merchant: %s", text)
		}
	}
}

// TestFormsWithAnAPIKey: programs of that time, and BitPay's own example with curl -d, sent a form.
func TestFormsWithAnAPIKey(t *testing.T) {
	s := newShop(t, nil)
	send := func(path, form string) reply {
		t.Helper()
		return s.send(http.MethodPost, path, form, append(asKey(s.pos), "Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")...)
	}
	made := send("/api/invoice", "&price=19.95&currency=USD&orderID=71&itemDesc=Zwei+Br%C3%B6tchen&posData=%7B%22id%22%3A+1%7D&physical=true&fullNotifications=true&price=19.95")
	if text := made.refused(t, http.StatusBadRequest); text != "price: is given twice" {
		t.Error(text)
	}
	made = send("/api/invoice", "&price=19.95&currency=USD&orderID=71&itemDesc=Zwei+Br%C3%B6tchen&posData=%7B%22id%22%3A+1%7D&physical=true&fullNotifications=true&buyer[name]=B")
	d := made.json(t)
	if made.status != http.StatusOK || d["price"] != 19.95 || d["orderId"] != "71" || d["itemDesc"] != "Zwei Brötchen" || d["posData"] != `{"id": 1}` {
		t.Fatalf("%d %s", made.status, made.body)
	}
	var many strings.Builder
	for i := range 300 {
		fmt.Fprintf(&many, "&m%d=1", i)
	}
	for form, says := range map[string]string{
		many.String():                 "the form has more than 256 members",
		"price=1":                     "currency: is required",
		"price=%zz&currency=USD":      "the form is not properly encoded UTF-8",
		"price=1&currency=USD%ff":     "the form is not properly encoded UTF-8",
		"price=1&currency=USD%00":     "the form is not properly encoded UTF-8",
		`{"price":1,"currency":"USD"`: "price: is required",
		strings.Repeat("&a", 2) + "&" + strings.Repeat("x", 99) + "=1": "a: is given twice",
	} {
		if text := send("/api/invoice", form).refused(t, http.StatusBadRequest); text != says {
			t.Errorf("%.40s: %s", form, text)
		}
	}
	if text := send("/api/invoice", "price="+strings.Repeat("1", maxBody)).refused(t, http.StatusRequestEntityTooLarge); text == "" {
		t.Error("a large form is read")
	}
	send("/invoices", "price=1&currency=USD&token="+s.pos).refused(t, http.StatusUnsupportedMediaType)
}

// TestAnAPIKeyIsNoMoreThanItsToken: what the token may not do, or not alone, the key may not either, and it opens nothing else.
func TestAnAPIKeyIsNoMoreThanItsToken(t *testing.T) {
	s := newShop(t, nil)
	_, bound := s.paired(7)
	id := s.make("")
	const order = `{"price":5,"currency":"USD"}`
	for name, c := range map[string]struct {
		headers []string
		status  int
		says    string
	}{
		"none":             {nil, 401, "`public` facade"},
		"an empty one":     {asKey(""), 401, "`public` facade"},
		"no base64":        {[]string{"Authorization", "Basic !" + s.pos}, 401, "`public` facade"},
		"nonsense":         {asKey("nonsense"), 401, "Invalid token"},
		"needs signatures": {asKey(bound), 401, "Invalid token"},
		"of payouts":       {asKey(s.issue(storetest.Shop, auth.Payout, "")), 403, "`payout` facade"},
		"in the password":  {asKey("x:" + s.pos), 401, "Invalid token"},
	} {
		for _, call := range [][3]string{{http.MethodPost, "/api/invoice", order}, {http.MethodGet, "/api/invoice/" + id, ""}} {
			if text := s.send(call[0], call[1], call[2], c.headers...).refused(t, c.status); !strings.Contains(text, c.says) {
				t.Errorf("%s: %s", name, text)
			}
		}
	}
	other := strings.Replace(order, "{", `{"token":"`+s.owner+`",`, 1)
	if text := s.send(http.MethodPost, "/api/invoice", other, asKey(s.pos)...).refused(t, http.StatusBadRequest); !strings.HasPrefix(text, "token: ") {
		t.Errorf("two keys: %s", text)
	}
	for _, call := range [][3]string{{http.MethodPost, "/invoices", order}, {http.MethodGet, "/invoices", ""}, {http.MethodDelete, "/invoices/" + id, ""}} {
		s.send(call[0], call[1], call[2], asKey(s.owner)...).refused(t, http.StatusUnauthorized)
	}
}
