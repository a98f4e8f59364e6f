package notify

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"satchel/fault"
)

func TestCheckURL(t *testing.T) {
	long := "https://shop.example/" + strings.Repeat("a", maxURL-len("https://shop.example/"))
	for _, text := range []string{
		"https://shop.example/ipn", "http://shop.example", "https://shop.example:8443/a?b=c&d=%20", "HTTPS://Shop.Example/",
		"https://xn--bcher-kva.example/", "https://a_b.shop.example/", "https://shop.example./", "https://8.8.8.8/ipn",
		"https://[2606:4700::1111]:444/", "https://1.example/", "https://0xshop.example/", "https://shop.example/?@x:y",
		"https://shop.example/bücher", long,
	} {
		if err := CheckURL(text, false); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{
		"", " ", "shop.example", "/ipn", "//shop.example/", "ftp://shop.example/", "file:///etc/passwd", "javascript:alert(1)",
		"https:shop.example", "https://", "https:///ipn", "https://:443/", "https://shop.example:0/", "https://shop.example:65536/",
		"https://shop.example:/", "https://shop.example:x/", "https://user@shop.example/", "https://user:hush@shop.example/",
		"https://@shop.example/", "https://shop.example/#a", "https://shop.example/#", " https://shop.example/",
		"https://shop.example/ ", "https://shop.example/a b", "https://shop.example/\n", "https://shop.example/\x00",
		"https://shop.example/\x7f", "https://shop.example/\u0085", "https://shop.example/\u202e", "https://shop.example/\xff",
		"https://shop .example/", "https://shop%2eexample/", "https://shop,example/", "https://shop..example/", "https://.example/",
		"https://bücher.example/", "https://①②⑦.0.0.1/", "https://１２７.0.0.1/", "https://127。0。0。1/",
		"https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/", "https://127.1/", "https://127.0.0.1./", "https://0/",
		"https://0x/", "https://127.0.0.1.256/", "https://256.1.1.1/", "https://1.2.3.4.5/", "https://[::1/", "https://::1/",
		"https://[fe80::1%25eth0]/", "https://[127.0.0.1]/", "https://" + strings.Repeat("a", 64) + ".example/",
		"https://" + strings.Repeat("a.", 128) + "example/", long + "a",
	} {
		for _, allow := range []bool{false, true} {
			mustRefuse(t, text, CheckURL(text, allow))
		}
	}
	for _, text := range []string{
		"http://127.0.0.1/", "http://127.255.255.254:8080/", "http://0.0.0.0/", "http://10.0.0.1/",
		"http://172.16.0.1/", "http://192.168.1.1/", "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/",
		"http://[::1]/", "http://[::]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:8.8.8.8]/", "http://[fd00::1]/",
		"http://[fe80::1]/", "http://[64:ff9b::7f00:1]/", "http://[2002:7f00:1::]/", "http://localhost/", "http://LOCALHOST./",
		"http://till.localhost:8080/",
	} {
		mustRefuse(t, text, CheckURL(text, false))
		if err := CheckURL(text, true); err != nil {
			t.Errorf("%q is refused though private addresses are allowed: %v", text, err)
		}
	}
}

func mustRefuse(t *testing.T, text string, err error) {
	t.Helper()
	var e *fault.Error
	if !errors.As(err, &e) || e.Kind != fault.Invalid || e.Field != "notificationURL" || e.Message == "" {
		t.Errorf("%q: %v", text, err)
	}
	if strings.Contains(e.Error(), "hush") {
		t.Errorf("%q: the error shows the password: %v", text, err)
	}
}

// FuzzCheckURL holds the check against the guard: a literal address that passes the one may be dialled by the other.
func FuzzCheckURL(f *testing.F) {
	for _, s := range []string{
		"https://shop.example/ipn?x=1", "http://127.0.0.1:80/", "http://[::ffff:1.2.3.4]/", "http://a@b/", "http://0x7f.1/",
		"http://①.1/", "http://8.8.8.8:53/", "http://[2606:4700::1111]/",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		err := CheckURL(text, false)
		if err != nil {
			mustRefuse(t, text, err)
			return
		}
		if err := CheckURL(text, true); err != nil {
			t.Fatalf("%q passes the strict check only: %v", text, err)
		}
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || len(text) > maxURL {
			t.Fatalf("%q: %v, %v", text, u, err)
		}
		ip, err := netip.ParseAddr(u.Hostname())
		if err != nil {
			return
		}
		to := netip.AddrPortFrom(ip, 443).String()
		if err := newGuard(false, nil).control(t.Context(), "tcp4", to, nil); err != nil {
			t.Fatalf("%q passes, and dialling says %v", text, err)
		}
	})
}
