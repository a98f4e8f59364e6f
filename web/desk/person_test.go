package desk

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"satchel/auth"
	"satchel/merchant"
)

// person is somebody with a browser and its cookies, in which somebody may be signed in.
type person struct {
	o       *office
	cookies map[string]*http.Cookie
	from    string // address and port
	site    string // Sec-Fetch-Site of what it sends
	origin  string // of its forms; "": none is sent
	last    string // the page that was loaded last
}

func (o *office) visitor() *person {
	return &person{o: o, cookies: map[string]*http.Cookie{}, from: "192.0.2.7:5000", site: "same-origin", origin: "https://pay.example"}
}

// hires adds an operator and signs him in.
func (o *office) hires(name string, role auth.Role, m merchant.ID) *person {
	o.t.Helper()
	_, err := o.staff.Add(context.Background(), auth.NewOperator{Name: name, Role: role, Merchant: m, Password: words})
	o.must(err)
	return o.signs(name)
}

// signs opens a seat past the door, which is slow on purpose.
func (o *office) signs(name string) *person {
	o.t.Helper()
	key, _, err := o.staff.SignIn(context.Background(), auth.Credentials{Name: name, Password: words})
	o.must(err)
	b := o.visitor()
	b.cookies[o.seatCookie()] = &http.Cookie{Name: o.seatCookie(), Value: key}
	return b
}

// copy is the same browser, to be used at the same time.
func (b *person) copy() *person {
	c := *b
	c.cookies = maps.Clone(b.cookies)
	return &c
}

func (b *person) do(r *http.Request) *http.Response {
	b.o.t.Helper()
	r.RemoteAddr = b.from
	if b.site != "" {
		r.Header.Set("Sec-Fetch-Site", b.site)
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	b.o.Handler().ServeHTTP(rec, r)
	res := rec.Result()
	for _, c := range res.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	return res
}

// get loads a page; a path without a slash in front is one of the first merchant's.
func (b *person) get(path string) (int, string) {
	b.o.t.Helper()
	res := b.do(httptest.NewRequest(http.MethodGet, at(path), http.NoBody))
	text := bodyOf(b.o.t, res)
	if res.StatusCode == http.StatusOK {
		b.last = text
	}
	return res.StatusCode, text
}

func at(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return strings.TrimSuffix("/dashboard/m/"+string(shopA)+"/"+path, "/")
}

// loads wants a page.
func (b *person) loads(path string, texts ...string) string {
	b.o.t.Helper()
	status, text := b.get(path)
	if status != http.StatusOK {
		b.o.t.Fatalf("%s: %d\n%s", path, status, text)
	}
	says(b.o.t, text, texts...)
	return text
}

// key is the form's key of the browser's seat.
func (b *person) key() string {
	c := b.cookies[b.o.seatCookie()]
	if c == nil {
		return ""
	}
	return b.o.db.ServerSecret().FormKey(c.Value)
}

// post sends a form with the members given, and the seat's key where none is.
func (b *person) post(path string, members ...string) (*http.Response, string) {
	b.o.t.Helper()
	form := url.Values{"form": {b.key()}}
	for i := 0; i < len(members); i += 2 {
		form.Set(members[i], members[i+1])
	}
	r := httptest.NewRequest(http.MethodPost, at(path), strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if b.origin != "" {
		r.Header.Set("Origin", b.origin)
	}
	res := b.do(r)
	return res, bodyOf(b.o.t, res)
}

// sends wants a form to be taken, and gives the page where it leads.
func (b *person) sends(path string, members ...string) string {
	b.o.t.Helper()
	res, text := b.post(path, members...)
	if res.StatusCode != http.StatusSeeOther {
		b.o.t.Fatalf("%s: %d\n%s", path, res.StatusCode, text)
	}
	return b.loads(res.Header.Get("Location"))
}

// refused wants a form to be refused with a status and words.
func (b *person) refused(status int, path string, words string, members ...string) {
	b.o.t.Helper()
	res, text := b.post(path, members...)
	if res.StatusCode != status {
		b.o.t.Errorf("%s: %d, want %d\n%s", path, res.StatusCode, status, text)
	}
	says(b.o.t, text, words)
}
