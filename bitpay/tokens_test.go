package bitpay

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const someSIN = "Tf3yr5tYvccKNVrE26BrPs6LWZRh8woHwjR"

func waiting() TokenFacts {
	made := at("2019-01-01T00:00:00Z")
	return TokenFacts{
		Method: Inactive, SIN: someSIN, Token: "7cF2cGkNqv2XkPz4", Facade: "merchant", Label: "Zoë's \"till\"</script>",
		Created: made, Code: "aB3dE5g", Expires: made.Add(24 * time.Hour),
	}
}

func claimed() TokenFacts {
	f := waiting()
	f.Method, f.Resource, f.Facade, f.Code, f.Expires = Require, "AtsQ1ciB", "pos", "", time.Time{}
	return f
}

func TestTokenDocuments(t *testing.T) {
	golden(t, "token-waiting", TokenDocument(waiting()))
	golden(t, "token-claimed", TokenDocument(claimed()))
	open := waiting()
	open.Method, open.SIN, open.Facade, open.Resource, open.Label = Unclaimed, "", "pos", "AtsQ1ciB", ""
	golden(t, "token-offered", TokenDocument(open))
	picked := waiting()
	picked.Facade = ""
	golden(t, "token-no-facade", TokenDocument(picked))
	golden(t, "tokens", TokensDocument([]FacadeToken{{"pos", "FfZ6"}, {"merchant", "89zE"}, {"pos", "8e7i"}}))
	golden(t, "tokens-none", TokensDocument(nil))
	golden(t, "session", SessionDocument("4kWnQx"))
}

// TestTokenMembersAreTheAllowedOnes: one Java client fails on any other, and nothing may be null.
func TestTokenMembersAreTheAllowedOnes(t *testing.T) {
	allowed := strings.Split("guid,id,pairingCode,facade,label,count,pairingExpiration,policies,resource,token,dateCreated", ",")
	for _, f := range []TokenFacts{waiting(), claimed(), {Method: Unclaimed}} {
		var doc map[string][]map[string]any
		if err := json.Unmarshal(TokenDocument(f), &doc); err != nil {
			t.Fatal(err)
		}
		if len(doc) != 1 || len(doc["data"]) != 1 {
			t.Fatalf("not a list of one: %v", doc)
		}
		for name := range doc["data"][0] {
			if !slices.Contains(allowed, name) {
				t.Errorf("a client fails on %q", name)
			}
		}
		noNulls(t, "", any(doc["data"][0]))
		policy, _ := doc["data"][0]["policies"].([]any)[0].(map[string]any)
		if _, ok := policy["params"].([]any); len(policy) != 3 || !ok || policy["policy"] != "id" {
			t.Errorf("the policy is %v", policy)
		}
	}
}

func TestTokenPairingLastsADayInTheDocument(t *testing.T) {
	d := json.NewDecoder(strings.NewReader(string(TokenDocument(waiting()))))
	d.UseNumber()
	var doc struct{ Data []map[string]any }
	if err := d.Decode(&doc); err != nil {
		t.Fatal(err)
	}
	created, _ := doc.Data[0]["dateCreated"].(json.Number).Int64()
	expires, _ := doc.Data[0]["pairingExpiration"].(json.Number).Int64()
	if created != 1546300800000 || expires-created != 86_400_000 {
		t.Errorf("%d and %d", created, expires)
	}
}

func TestDecodeTokenRequest(t *testing.T) {
	for _, c := range []struct {
		body string
		want TokenRequest
	}{
		{`{}`, TokenRequest{}},
		{`{"id":null,"facade":"","count":null}`, TokenRequest{}},
		{`{"id":"` + someSIN + `","facade":"merchant","label":"shop 1","count":1}`, TokenRequest{ID: someSIN, Facade: "merchant", Label: "shop 1"}},
		{`{"id":"x","pairingCode":"aB3dE5g","guid":"g","count":"1"}`, TokenRequest{ID: "x", Code: "aB3dE5g", GUID: "g"}},
		{`{"id":"x","pairingCode":1234567,"label":"\u0007bell"}`, TokenRequest{ID: "x", Code: "1234567", Label: "\abell"}},
		{`{"id":"x","guid":"` + strings.Repeat("g", maxGUID+1) + `"}`, TokenRequest{ID: "x"}},
	} {
		got, err := DecodeTokenRequest(parse(t, c.body))
		got.Digest = [32]byte{}
		if err != nil || got != c.want {
			t.Errorf("%s: %+v %v", c.body, got, err)
		}
	}
	for _, c := range []struct{ body, field string }{
		{`{"count":2}`, "count"},
		{`{"count":"0"}`, "count"},
		{`{"count":1.0}`, "count"},
		{`{"count":true}`, "count"},
		{`{"id":{}}`, "id"},
		{`{"facade":["pos"]}`, "facade"},
		{`{"pairingCode":false}`, "pairingCode"},
		{`{"label":[]}`, "label"},
	} {
		_, err := DecodeTokenRequest(parse(t, c.body))
		if f := faultOf(t, err); f.Field != c.field {
			t.Errorf("%s: the fault is in %q", c.body, f.Field)
		}
	}
	if f := faultOf(t, MissingID()); f.Message != "'id' property is required" {
		t.Errorf("clients know other words than %q", f.Message)
	}
}

func TestTurnOf(t *testing.T) {
	for _, c := range []struct {
		body, query string
		want        Turn
	}{
		{`{}`, "", Turn{}},
		{`{"sessionId":"s","requestNumber":7}`, "", Turn{"s", 7}},
		{`{"sessionId":"s","requestNumber":"7"}`, "x=1", Turn{"s", 7}},
		{`{}`, "sessionId=s&requestNumber=7", Turn{"s", 7}},
		{`{"sessionId":"s","requestNumber":7}`, "sessionId=s&requestNumber=7", Turn{"s", 7}},
		{`{"requestNumber":7}`, "", Turn{"", 7}},
		{`{"sessionId":"s"}`, "", Turn{"s", 0}},
		{`{"sessionId":"s","requestNumber":-1}`, "", Turn{"s", 0}},
		{`{"sessionId":"s","requestNumber":1.5}`, "", Turn{"s", 0}},
		{`{"sessionId":"s","requestNumber":1e3}`, "", Turn{"s", 0}},
		{`{"sessionId":"s","requestNumber":18446744073709551616}`, "", Turn{"s", 0}},
		{`{"sessionId":"s","requestNumber":"x"}`, "", Turn{"s", 0}},
		{`{}`, "sessionId=s&requestNumber=07", Turn{"s", 7}},
	} {
		got, err := TurnOf(parse(t, c.body), ParseQuery(c.query))
		if err != nil || got != c.want {
			t.Errorf("%s?%s: %+v %v", c.body, c.query, got, err)
		}
	}
	for _, c := range []struct{ body, query, field string }{
		{`{"sessionId":"s"}`, "sessionId=t", "sessionId"},
		{`{"sessionId":"s","requestNumber":7}`, "requestNumber=8", "requestNumber"},
		{`{"sessionId":["s"]}`, "", "sessionId"},
		{`{"sessionId":"s","requestNumber":{}}`, "", "requestNumber"},
		{`{}`, "sessionId=%zz", "sessionId"},
		{`{}`, "sessionId=a&sessionId=b", "sessionId"},
	} {
		_, err := TurnOf(parse(t, c.body), ParseQuery(c.query))
		if f := faultOf(t, err); f.Field != c.field {
			t.Errorf("%s?%s: the fault is in %q", c.body, c.query, f.Field)
		}
	}
	var none Body // a GET has none
	if got, err := TurnOf(none, ParseQuery("sessionId=s&requestNumber=1")); err != nil || got != (Turn{"s", 1}) {
		t.Errorf("%+v %v", got, err)
	}
}

// TestWholeNumbers: what is read is what the digits say, or nothing.
func TestWholeNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Uint64Max((1<<64-10)/10).Draw(t, "n")
		if got := wholeNumber(jsonNumber(n)); got != n {
			t.Fatalf("%d is read as %d", n, got)
		}
	})
}

func jsonNumber(n uint64) string {
	b, err := json.Marshal(n)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestClientDocuments(t *testing.T) {
	f := ClientFacts{SIN: someSIN, Label: "shop 1", Token: "6uVw", Approved: true, Created: at("2019-01-01T00:00:00.5Z")}
	golden(t, "client", ClientDocument(f))
	golden(t, "clients", ClientsDocument([]ClientFacts{f}))
	golden(t, "clients-none", ClientsDocument(nil))
	golden(t, "user", UserDocument(UserFacts{Name: "shop 1", Phone: "+1 555 0100"}))
}

func TestDecodeClientRequest(t *testing.T) {
	got, err := DecodeClientRequest(parse(t, `{"id":"`+someSIN+`","label":"new name","disabled":true,"guid":"g"}`))
	yes, name := true, "new name"
	if err != nil || cmp.Diff(ClientRequest{ID: someSIN, Label: &name, Disabled: &yes, GUID: "g"}, got) != "" {
		t.Errorf("%+v %v", got, err)
	}
	if got, err = DecodeClientRequest(parse(t, `{"disabled":"false","label":null}`)); err != nil || got.Label != nil || got.Disabled == nil || *got.Disabled {
		t.Errorf("%+v %v", got, err)
	}
	if got, err = DecodeClientRequest(parse(t, `{}`)); err != nil || got != (ClientRequest{}) {
		t.Errorf("%+v %v", got, err)
	}
	_, err = DecodeClientRequest(parse(t, `{"disabled":"maybe"}`))
	if f := faultOf(t, err); f.Field != "disabled" {
		t.Errorf("the fault is in %q", f.Field)
	}
	_, err = DecodeClientRequest(parse(t, `{"label":{}}`))
	if f := faultOf(t, err); f.Field != "label" {
		t.Errorf("the fault is in %q", f.Field)
	}
}
