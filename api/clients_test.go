package api

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"satchel/auth"
	"satchel/store/storetest"
)

// TestUnpair does what one client's command does: it finds its own record, and disables itself with the record's token.
func TestUnpair(t *testing.T) {
	s := newShop(t, nil)
	c, token := s.paired(7)
	other, kept := s.paired(8)
	sin := string(c.sin(t))
	list := s.signed(c, http.MethodGet, "/clients", "")
	records, _ := list.json(t)["data"].([]any)
	if list.status != http.StatusOK || len(records) != 1 {
		t.Fatalf("%d %s", list.status, list.body)
	}
	own := records[0].(map[string]any)
	if own["id"] != sin || own["disabled"] != false || own["approved"] != true || own["dateCreated"] != "2026-05-01T12:00:00.000Z" {
		t.Errorf("%v", own)
	}
	record := own["token"].(string)
	for name, r := range map[string]reply{
		"unsigned":            s.send(http.MethodPut, "/clients/"+sin+"/", `{"disabled":true,"token":"`+record+`"}`),
		"by another":          s.signed(other, http.MethodPut, "/clients/"+sin+"/", `{"disabled":true,"token":"`+record+`"}`),
		"with a shop's token": s.signed(c, http.MethodPut, "/clients/"+string(other.sin(t)), `{"disabled":true,"token":"`+record+`"}`),
	} {
		if r.status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	s.signed(other, http.MethodPut, "/clients/"+sin, `{"disabled":true}`).refused(t, http.StatusNotFound)
	s.signed(other, http.MethodGet, "/clients/"+sin, "").refused(t, http.StatusNotFound)
	s.signed(other, http.MethodGet, "/clients/"+string(newClient(9).sin(t)), "").refused(t, http.StatusNotFound)
	if r := s.signed(c, http.MethodGet, "/clients/"+sin+"?token="+record, ""); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.signed(c, http.MethodPut, "/clients/"+sin, `{"label":"till \u202e1"}`); r.json(t)["data"].(map[string]any)["disabled"] != false {
		t.Errorf("%s", r.body)
	}
	r := s.signed(c, http.MethodPut, "/clients/"+sin+"/", `{"disabled":true,"token":"`+record+`"}`)
	after, _ := r.json(t)["data"].(map[string]any)
	if r.status != http.StatusOK || after["id"] != sin || after["disabled"] != true || after["approved"] != false {
		t.Fatalf("%d %s", r.status, r.body)
	}
	if got := s.signed(c, http.MethodGet, "/invoices?token="+token, "").refused(t, http.StatusUnauthorized); got != "Invalid token" {
		t.Error(got)
	}
	if got := s.signed(c, http.MethodGet, "/tokens", "").refused(t, http.StatusUnauthorized); got != "Unauthorized sin" {
		t.Error(got)
	}
	if r := s.signed(other, http.MethodGet, "/invoices?token="+kept, ""); r.status != http.StatusOK {
		t.Errorf("another client: %d %s", r.status, r.body)
	}
}

// TestRegisterClient: nobody proves anything, so nothing is told or changed.
func TestRegisterClient(t *testing.T) {
	s := newShop(t, nil)
	c := newClient(7)
	sin := string(c.sin(t))
	want := `{"facade":"public/client","data":{"id":"` + sin + `"}}`
	for _, label := range []string{"mine", "yours"} {
		if r := s.send(http.MethodPost, "/clients", `{"id":"`+sin+`","label":"`+label+`"}`); r.status != http.StatusOK || r.body != want {
			t.Errorf("%d %s", r.status, r.body)
		}
	}
	r := s.signed(c, http.MethodGet, "/clients/"+sin, "")
	if data := r.json(t)["data"].(map[string]any); data["label"] != "mine" || data["approved"] != false {
		t.Errorf("%s", r.body)
	}
	if got := s.signed(c, http.MethodGet, "/tokens", "").refused(t, http.StatusUnauthorized); got != "Unauthorized sin" {
		t.Errorf("a client that was never paired: %q", got)
	}
	for body, want := range map[string]string{
		`{}`: "'id' property is required", `{"id":""}`: "'id' property is required",
		`{"id":"x"}`: "'id' property is not a client's id (SIN): a SIN has 35 characters",
	} {
		if got := s.send(http.MethodPost, "/clients", body).refused(t, http.StatusBadRequest); got != want {
			t.Errorf("%s: %s", body, got)
		}
	}
	for i := range 22 {
		r := s.send(http.MethodPost, "/clients", `{"id":"`+string(newClient(byte(i+10)).sin(t))+`"}`, "X-Forwarded-For", "203.0.113.9")
		if want := map[bool]int{true: 200, false: 429}[i < 20]; r.status != want {
			t.Errorf("client %d: %d, want %d", i, r.status, want)
		}
	}
}

// TestUncompressedKey: one library sends its key in the long form, and a SIN over that; it is the same client.
func TestUncompressedKey(t *testing.T) {
	s := newShop(t, nil)
	c := newClient(7)
	long := hex.EncodeToString(c.key.PubKey().SerializeUncompressed())
	id, err := auth.ParseIdentity(long)
	if err != nil {
		t.Fatal(err)
	}
	token := s.issue(storetest.Shop, auth.POS, id.SIN())
	s.issue(storetest.Shop, auth.Merchant, c.sin(t))
	headers := func(path string) []string { return []string{"X-Identity", long, "X-Signature", c.sign(s.url + path)} }
	if r := s.send(http.MethodGet, "/tokens", "", headers("/tokens")...); r.status != http.StatusOK || len(r.json(t)["data"].([]any)) != 2 {
		t.Errorf("%d %s", r.status, r.body)
	}
	if r := s.send(http.MethodGet, "/clients", "", headers("/clients")...); r.status != http.StatusOK || len(r.json(t)["data"].([]any)) != 2 {
		t.Errorf("%d %s", r.status, r.body)
	}
	path := "/invoices/" + s.make("") + "?token=" + token
	if r := s.send(http.MethodGet, path, "", headers(path)...); r.status != http.StatusOK {
		t.Errorf("%d %s", r.status, r.body)
	}
	s.signed(c, http.MethodGet, path, "").refused(t, http.StatusUnauthorized) // the short form has another SIN
}

func TestUser(t *testing.T) {
	s := newShop(t, nil)
	c := newClient(7)
	s.send(http.MethodPost, "/clients", `{"id":"`+string(c.sin(t))+`","label":"till"}`)
	s.issue(storetest.Shop, auth.POS, c.sin(t))
	if r := s.signed(c, http.MethodGet, "/user", ""); r.body != `{"facade":"user","data":{"name":"till","email":"","phone":""}}` {
		t.Errorf("%d %s", r.status, r.body)
	}
	s.send(http.MethodGet, "/user", "").refused(t, http.StatusUnauthorized)
}

func TestUserIsChanged(t *testing.T) {
	s := newShop(t, nil)
	c, other := newClient(7), newClient(8)
	for _, one := range []client{c, other} {
		s.send(http.MethodPost, "/clients", `{"id":"`+string(one.sin(t))+`","label":"till"}`)
		s.issue(storetest.Shop, auth.POS, one.sin(t))
	}
	for _, step := range []struct{ body, name, phone string }{
		{`{"name":"Zoe","phone":"+1 555 0100"}`, "Zoe", "+1 555 0100"},
		{`{}`, "Zoe", "+1 555 0100"},
		{`{"name":"  Ana  ","id":"somebody"}`, "Ana", "+1 555 0100"},
		{`{"name":"Ana","email":"","phone":"+1 555 0100"}`, "Ana", "+1 555 0100"}, // as GET /user gave it
		{`{"phone":15550100,"name":null}`, "Ana", "15550100"},
		{`{"phone":""}`, "Ana", ""},
	} {
		want := `{"facade":"user","data":{"name":"` + step.name + `","email":"","phone":"` + step.phone + `"}}`
		if r := s.signed(c, http.MethodPut, "/user", step.body); r.body != want {
			t.Errorf("%s: %d %s", step.body, r.status, r.body)
		}
		if r := s.signed(c, http.MethodGet, "/user", ""); r.body != want {
			t.Errorf("%s, shown: %s", step.body, r.body)
		}
	}
	for body, want := range map[string]string{
		`{"name":""}`:    "name: must not be empty",
		`{"name":" "}`:   "name: must not be empty",
		`{"name":["a"]}`: "name: must be a text",
		`{"name":"` + strings.Repeat("a", 61) + `"}`:       "name: has 61 characters; the most is 60",
		`{"phone":"` + strings.Repeat("1", 41) + `"}`:      "phone: has 41 characters; the most is 40",
		`{"phone":"\u0663"}`:                               "phone: may only hold printable ASCII characters",
		`{"name":"Eve","email":"eve@shop.example"}`:        "email: is not known of anybody here; name and phone can be changed",
		`{"name":"Eve","phone":"1","email":{"at":"home"}}`: "email: must be a text",
	} {
		if text := s.signed(c, http.MethodPut, "/user", body).refused(t, http.StatusBadRequest); text != want {
			t.Errorf("%s: %s", body, text)
		}
	}
	s.send(http.MethodPut, "/user", `{"name":"Eve"}`).refused(t, http.StatusUnauthorized)
	s.signed(newClient(9), http.MethodPut, "/user", `{"name":"Eve"}`).refused(t, http.StatusUnauthorized)
	if r := s.signed(c, http.MethodGet, "/clients/"+string(c.sin(t)), ""); r.json(t)["data"].(map[string]any)["label"] != "Ana" {
		t.Errorf("its label: %s", r.body)
	}
	if r := s.signed(other, http.MethodGet, "/user", ""); r.body != `{"facade":"user","data":{"name":"till","email":"","phone":""}}` {
		t.Errorf("another client: %s", r.body)
	}
}
