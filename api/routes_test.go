package api

import (
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"

	"satchel/bitpay"
	"satchel/fault"
	"satchel/money"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestRouteTable(t *testing.T) {
	w := start(t, func(c *Config) { c.Web, c.Desk = http.NotFoundHandler(), http.NotFoundHandler() })
	const file = "testdata/routes.txt"
	if *update {
		if err := os.WriteFile(file, []byte(w.api.Routes()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := w.api.Routes(); got != string(want) {
		t.Fatalf("the table differs from %s:\n%s", file, got)
	}
}

// A browser that looks at the root is led to the documentation, behind whichever address it came; a program is not.
func TestTheRootLeadsBrowsersToTheDocumentation(t *testing.T) {
	w := start(t, func(c *Config) {
		c.Web, c.PublicURLs = http.NotFoundHandler(), []string{"https://pay.example", "https://shop.example/pay/"}
	})
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for host, want := range map[string]string{"pay.example": "https://pay.example/docs", "shop.example:443": "https://shop.example/pay/docs"} {
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if r := w.send(method, "/", "", "Host", host, "Accept", browser); r.status != http.StatusFound || r.header.Get("Location") != want {
				t.Errorf("%s of %s: %d to %q, want %q", method, host, r.status, r.header.Get("Location"), want)
			}
		}
	}
	for _, accept := range []string{"", "*/*", "application/json"} {
		r := w.send(http.MethodGet, "/", "", "Accept", accept)
		r.refused(t, http.StatusNotFound)
		if r.header.Get("Location") != "" || !strings.Contains(r.body, "/docs") {
			t.Errorf("to %q: %s", accept, r.body)
		}
	}
	for _, path := range []string{"//", "/%2F", "/?x=1/"} {
		if r := w.send(http.MethodGet, path, "", "Accept", browser); (r.status == http.StatusFound) != strings.Contains(path, "?") {
			t.Errorf("%s: %d", path, r.status)
		}
	}
}

// TestPathsAsClientsSendThem: any case, a slash at the end, and never a redirect.
func TestPathsAsClientsSendThem(t *testing.T) {
	w := start(t, nil)
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{"GET", "/currencies/", 200},
		{"GET", "/Currencies", 200},
		{"GET", "/CURRENCIES/", 200},
		{"GET", "/rates/", 200},
		{"GET", "/rates/btc/usd/", 200},
		{"GET", "/RATES/BTC/USD", 200},
		{"GET", "/api/rates/", 200},
		{"GET", "/supportedwallets", 200},
		{"GET", "/supportedWallets/", 200},
		{"GET", "//BTC", 404}, // one client's mistake for /rates/BTC
		{"GET", "//", 404},
		{"GET", "/", 404},
		{"GET", "/rates//", 404},
		{"GET", "/rates//USD", 404},
		{"GET", "//rates", 404},
		{"GET", "/rates/BTC/USD/x", 404},
		{"GET", "/rates/../currencies", 404},
		{"GET", "/./rates", 404},
		{"GET", "/rateſ", 404},
		{"GET", "/invoice?id=x", 404}, // no pages here
		{"GET", "/invoices", 401},
		{"GET", "/invoices/", 401},
		{"GET", "/Invoices/GUID/x/", 401},
		{"DELETE", "/invoices/abc", 401},
		{"PATCH", "/invoices/abc", 405},
		{"POST", "/invoices/pay/abc", 405},
		{"POST", "/rates", 405},
		{"PATCH", "/currencies", 405},
		{"GET", "/favicon.ico", 404},
	} {
		r := w.send(c.method, c.path, "")
		if r.status != c.status || r.header.Get("Location") != "" {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, r.status, c.status)
			continue
		}
		if r.status != 200 {
			r.refused(t, c.status)
		}
	}
	for _, path := range []string{"/invoices/", "/Invoices", "/INVOICES/"} {
		if r := w.send(http.MethodPost, path, `{"price":1,"currency":"USD","token":"`+w.pos+`"}`); r.status != 200 {
			t.Errorf("POST %s: %d %s", path, r.status, r.body)
		}
	}
	for path, want := range map[string]string{
		"/invoices": "GET, HEAD, OPTIONS, POST", "/invoices/guid/events": "DELETE, GET, HEAD, OPTIONS", "/sessions": "OPTIONS, POST",
	} {
		if got := w.send(http.MethodPatch, path, "{}").header.Get("Allow"); got != want {
			t.Errorf("%s: Allow is %q, want %q", path, got, want)
		}
	}
	w.send(http.MethodGet, "/invoices/ABC", "") // the id keeps its case
}

func TestHead(t *testing.T) {
	w := start(t, nil)
	head, get := w.send(http.MethodHead, "/rates", ""), w.send(http.MethodGet, "/rates", "")
	if head.status != 200 || head.body != "" || head.header.Get("Content-Length") != get.header.Get("Content-Length") {
		t.Errorf("HEAD is %d with %q and %v", head.status, head.body, head.header)
	}
	if r := w.send(http.MethodHead, "/nothing", ""); r.status != 404 || r.body != "" {
		t.Errorf("HEAD of nothing is %d with %q", r.status, r.body)
	}
}

func TestCORS(t *testing.T) {
	w := start(t, nil)
	for _, path := range []string{"/invoices", "/invoices/x", "/rates", "/currencies", "/rates/BTC/USD", "/nothing", "/i/x"} {
		r := w.send(http.MethodOptions, path, "", "Origin", "https://shop.example", "Access-Control-Request-Method", "POST")
		if r.status != http.StatusNoContent || r.header.Get("Access-Control-Allow-Origin") != "*" ||
			r.header.Get("Access-Control-Allow-Methods") != "HEAD,GET,POST,PUT,DELETE,OPTIONS" {
			t.Errorf("%s: %d %v", path, r.status, r.header)
		}
		allowed := strings.ToLower(r.header.Get("Access-Control-Allow-Headers"))
		for _, h := range []string{"content-type", "authorization", "x-accept-version", "x-signature", "x-identity", "x-pubkey"} {
			if !strings.Contains(allowed, h) {
				t.Errorf("%s: %s is not allowed", path, h)
			}
		}
	}
	for _, path := range []string{"/rates", "/nothing", "/invoices/x"} {
		if r := w.send(http.MethodGet, path, ""); r.header.Get("Access-Control-Allow-Origin") != "*" || r.header.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: %v", path, r.header)
		}
	}
}

func TestRatesAndCurrencies(t *testing.T) {
	w := start(t, nil)
	// Clients send tokens and old signatures along; public answers depend on neither.
	stale := []string{"X-Signature", "00", "X-Identity", "00", "Authorization", "Bearer stale"}
	for path, want := range map[string]string{
		"/rates":         `{"data":[{"code":"BTC","name":"Bitcoin","rate":1},{"code":"USD","name":"US Dollar","rate":61234.56}]}`,
		"/rates/BTC":     `{"data":[{"code":"BTC","name":"Bitcoin","rate":1},{"code":"USD","name":"US Dollar","rate":61234.56}]}`,
		"/api/rates":     `[{"code":"BTC","name":"Bitcoin","rate":1},{"code":"USD","name":"US Dollar","rate":61234.56}]`,
		"/rates/usd":     `{"data":{"code":"USD","name":"US Dollar","rate":61234.56}}`,
		"/rates/BTC/USD": `{"data":{"code":"USD","name":"US Dollar","rate":61234.56}}`,
		"/rates/btc/btc": `{"data":{"code":"BTC","name":"Bitcoin","rate":1}}`,
		"/currencies":    string(bitpay.CurrenciesDocument()),
		"/supportedWallets/": `{"data":[{"key":"bitcoin","displayName":"Bitcoin wallets","payPro":true,"currencies":[{"code":"BTC","p2p":true,` +
			`"dappBrowser":false,"payPro":true,"qr":{"type":"BIP21"},"walletConnect":false}]}]}`,
	} {
		for _, query := range []string{"", "?token=stale&cryptoCode=BTC", "?token=a&token=b&%zz"} {
			if r := w.send(http.MethodGet, path+query, "", stale...); r.status != 200 || r.body != want {
				t.Errorf("%s%s: %d %s", path, query, r.status, r.body)
			}
		}
	}
	for _, path := range []string{"/rates/XXX", "/rates/USD/BTC", "/rates/BTC/XXX", "/rates/toolong"} {
		w.send(http.MethodGet, path, "").refused(t, 404)
	}
	w.rate = func(string) (money.Rate, money.Evidence, error) {
		return money.Rate{}, money.Evidence{}, fault.New(fault.Unavailable, "no rate now")
	}
	if r := w.send(http.MethodGet, "/rates/BTC/EUR", ""); r.refused(t, 503) != "no rate now" || r.header.Get("Retry-After") == "" {
		t.Errorf("%v", r)
	}
}
