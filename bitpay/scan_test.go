package bitpay

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestBodyRefusesWhatTwoReadersCouldReadTwoWays(t *testing.T) {
	deep := strings.Repeat("[", 20) + strings.Repeat("]", 20)
	many := strings.Repeat(`"":0,`, 2)
	for name, c := range map[string]struct{ body, field, says string }{
		"nothing":                    {"", "", "must be a JSON object"},
		"white space":                {" \r\n\t", "", "must be a JSON object"},
		"a list":                     {`[{"price":1}]`, "", "must be a JSON object"},
		"a byte order mark":          {"\ufeff{}", "", "must be a JSON object"},
		"cut off":                    {`{"price":1`, "price", "ends too early"},
		"cut off in a text":          {`{"orderId":"x`, "orderId", "ends too early"},
		"cut off in an escape":       {`{"orderId":"x\`, "orderId", "ends too early"},
		"cut off in \\u":             {`{"orderId":"\u00`, "orderId", "escape"},
		"two documents":              {`{"price":1}{"price":2}`, "", "goes on after"},
		"text behind":                {`{"price":1} x`, "", "goes on after"},
		"a NUL behind":               {"{\"price\":1}\x00", "", "goes on after"},
		"a comma too many":           {`{"price":1,}`, "", "not valid JSON"},
		"a comma missing":            {`{"price":1 "currency":"USD"}`, "price", "not valid JSON"},
		"a colon missing":            {`{"price" 1}`, "price", "not valid JSON"},
		"a name without quotes":      {`{price:1}`, "", "not valid JSON"},
		"single quotes":              {`{'price':1}`, "", "not valid JSON"},
		"a comment":                  {`{"price":1/**/}`, "price", "not valid JSON"},
		"NaN":                        {`{"price":NaN}`, "price", "not valid JSON"},
		"Infinity":                   {`{"price":-Infinity}`, "price", "not a valid number"},
		"a plus sign":                {`{"price":+1}`, "price", "not valid JSON"},
		"a leading zero":             {`{"price":01}`, "price", "not a valid number"},
		"no digit before the point":  {`{"price":.5}`, "price", "not valid JSON"},
		"no digit after the point":   {`{"price":5.}`, "price", "not a valid number"},
		"no digit after the e":       {`{"price":5e+}`, "price", "not a valid number"},
		"a hexadecimal number":       {`{"price":0x10}`, "price", "not valid JSON"},
		"a word":                     {`{"physical":truth}`, "physical", "not valid JSON"},
		"upper case true":            {`{"physical":True}`, "physical", "not valid JSON"},
		"a name twice":               {`{"price":1,"price":2}`, "price", "given twice"},
		"a name twice, once escaped": {`{"price":1,"\u0070rice":2}`, "price", "given twice"},
		"a name twice inside":        {`{"buyer":{"name":"a","name":"b"}}`, "buyer", "given twice"},
		"a name twice among many":    {`{` + numbered(100) + `,"n7":0}`, "n7", "given twice"},
		"a name twice in what nobody reads": {
			`{"x":[{"a":1,"a":1}]}`, "x", "given twice",
		},
		"an empty name twice":      {`{` + many + `"x":0}`, "", "given twice"},
		"too many members":         {`{` + numbered(maxMembers+1) + `}`, "", "more than 256 members"},
		"too deep":                 {`{"posData":` + deep + `}`, "posData", "levels deep"},
		"invalid UTF-8":            {"{\"itemDesc\":\"a\xff\"}", "itemDesc", "UTF-8"},
		"overlong UTF-8":           {"{\"itemDesc\":\"\xc0\xaf\"}", "itemDesc", "UTF-8"},
		"a surrogate in UTF-8":     {"{\"itemDesc\":\"\xed\xa0\x80\"}", "itemDesc", "UTF-8"},
		"invalid after an escape":  {"{\"itemDesc\":\"\\n\xff\"}", "itemDesc", "UTF-8"},
		"invalid UTF-8 in a name":  {"{\"a\xff\":1}", "", "UTF-8"},
		"invalid UTF-8 nested":     {"{\"buyer\":{\"name\":\"\xff\"}}", "buyer", "UTF-8"},
		"half a surrogate pair":    {`{"itemDesc":"\ud83d"}`, "itemDesc", "surrogate"},
		"the wrong half":           {`{"itemDesc":"\ude00"}`, "itemDesc", "surrogate"},
		"a half and something":     {`{"itemDesc":"\ud83d\u0041"}`, "itemDesc", "surrogate"},
		"a NUL":                    {`{"itemDesc":"a\u0000b"}`, "itemDesc", "NUL"},
		"a raw NUL":                {"{\"itemDesc\":\"a\x00b\"}", "itemDesc", "control"},
		"a raw line break":         {"{\"itemDesc\":\"a\nb\"}", "itemDesc", "control"},
		"a raw break after escape": {"{\"itemDesc\":\"\\t\nb\"}", "itemDesc", "control"},
		"an unknown escape":        {`{"itemDesc":"\x41"}`, "itemDesc", "escape"},
		"an endless name":          {`{"` + strings.Repeat("n", 500) + `":NaN}`, strings.Repeat("n", 64) + "…", "not valid JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseBody([]byte(c.body))
			f := faultOf(t, err)
			if f.Field != c.field || !strings.Contains(f.Message, c.says) {
				t.Fatalf("got %q of %q, want %q of %q", f.Message, f.Field, c.says, c.field)
			}
		})
	}
}

// numbered gives n members, "n0":0 and so on.
func numbered(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`"n%d":0`, i)
	}
	return strings.Join(list, ",")
}

func TestBodyTakesWhatClientsSend(t *testing.T) {
	for _, body := range []string{
		`{}`,
		" {\n \"a\" : [ ] , \"b\" : { } }\r\n",
		`{"a": 1, "b": "\u00e9"}`, // Python
		`{"u":"https:\/\/shop.example\/","b":"\u00e9"}`, // PHP
		`{"nonce":1.5464E9,"n":-0.0,"m":1e-7}`,
		`{"t":true,"f":false,"n":null,"e":"","é":"\ud83d\ude00 \"\\\/\b\f\n\r\t"}`,
		`{"a":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`,
		`{"Price":1,"price":2}`, // names are case-sensitive
		`{` + numbered(maxMembers) + `}`,
	} {
		b := parse(t, body)
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(body), &want); err != nil {
			t.Fatal(err)
		}
		if len(want) != len(b.members) {
			t.Errorf("%s: %d members, want %d", body, len(b.members), len(want))
		}
	}
}

// FuzzParseBody: what we take, the standard library takes, with the same texts; and nothing makes us panic.
func FuzzParseBody(f *testing.F) {
	for _, seed := range []string{
		`{"price":10,"currency":"USD","token":"t"}`, `{"a":{"b":[1,{"c":null}]}}`, `{"x":"\ud83d\ude00"}`, `{"a":1,"a":2}`, `{`,
		"{\"a\":\"\xff\"}", `{"n":-1.5e+10}`, `[]`, `{"buyer":{"name":"x","notify":"1"},"acceptanceWindow":"1200000"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		b, err := ParseBody(src)
		if err != nil {
			faultOf(t, err)
			if !utf8.ValidString(err.Error()) && utf8.Valid(src) {
				t.Fatalf("the error %q is broken", err)
			}
			return
		}
		var std map[string]any
		d := json.NewDecoder(bytes.NewReader(src))
		d.UseNumber()
		if err := d.Decode(&std); err != nil {
			t.Fatalf("we take %q, which is not JSON: %v", src, err)
		}
		if len(std) != len(b.members) {
			t.Fatalf("%d members, want %d", len(b.members), len(std))
		}
		for _, m := range b.members {
			same(t, m.value, std[m.name])
		}
		// The same wish in other spaces, order and escapes is the same wish.
		again, err := json.Marshal(std)
		if err != nil {
			t.Fatal(err)
		}
		if c, err := ParseBody(again); err != nil || c.Digest() != b.Digest() {
			t.Fatalf("%s and %s differ (%v)", src, again, err)
		}
		_, _ = DecodeInvoice(b, at("2019-01-01T00:00:00Z"))
	})
}

func same(t *testing.T, v value, std any) {
	t.Helper()
	switch s := std.(type) {
	case nil:
		if v.kind != null {
			t.Fatalf("%v is not null", v)
		}
	case string:
		if v.kind != text || v.src != s {
			t.Fatalf("%q is not %q", v.src, s)
		}
	case json.Number:
		if v.kind != number || v.src != s.String() {
			t.Fatalf("%q is not %q", v.src, s)
		}
	case bool:
		if v.kind != boolean || (v.src == "true") != s {
			t.Fatalf("%q is not %v", v.src, s)
		}
	case []any:
		list := v.elements()
		if v.kind != array || len(list) != len(s) {
			t.Fatalf("%v is not %v", v, s)
		}
		for i := range s {
			same(t, list[i], s[i])
		}
	case map[string]any:
		list := v.members()
		if v.kind != object || len(list) != len(s) {
			t.Fatalf("%v is not %v", v, s)
		}
		for _, m := range list {
			same(t, m.value, s[m.name])
		}
	}
}

func TestDigestIsOfTheWishAlone(t *testing.T) {
	base := parse(t, `{"price":10,"currency":"USD","buyer":{"a":"x","b":[1,2]},"token":"one","nonce":1}`).Digest()
	for name, body := range map[string]string{
		"order":   `{"token":"one","nonce":1,"buyer":{"b":[1,2],"a":"x"},"currency":"USD","price":10}`,
		"spaces":  `{ "price" : 10 , "currency" : "USD" , "buyer" : { "a" : "x" , "b" : [ 1 , 2 ] } }`,
		"escapes": `{"price":10,"currenc\u0079":"\u0055SD","buyer":{"a":"x","b":[1,2]}}`,
		"token":   `{"price":10,"currency":"USD","buyer":{"a":"x","b":[1,2]},"token":"two"}`,
		"counter": `{"price":10,"currency":"USD","buyer":{"a":"x","b":[1,2]},"nonce":2,"sessionId":"s","requestNumber":3}`,
	} {
		if parse(t, body).Digest() != base {
			t.Errorf("another %s makes it another wish", name)
		}
	}
	for name, body := range map[string]string{
		"price":       `{"price":11,"currency":"USD","buyer":{"a":"x","b":[1,2]}}`,
		"kind":        `{"price":"10","currency":"USD","buyer":{"a":"x","b":[1,2]}}`,
		"list order":  `{"price":10,"currency":"USD","buyer":{"a":"x","b":[2,1]}}`,
		"nesting":     `{"price":10,"currency":"USD","buyer":{"a":"x"},"b":[1,2]}`,
		"more":        `{"price":10,"currency":"USD","buyer":{"a":"x","b":[1,2]},"x":1}`,
		"inner token": `{"price":10,"currency":"USD","buyer":{"a":"x","b":[1,2],"token":"one"}}`,
	} {
		if parse(t, body).Digest() == base {
			t.Errorf("another %s makes it the same wish", name)
		}
	}
}

func TestDigestKeepsNeighboursApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.MapOf(rapid.StringMatching(`[a-c]{0,3}`), rapid.StringMatching(`[a-c]{0,3}`)).Draw(t, "a")
		b := rapid.MapOf(rapid.StringMatching(`[a-c]{0,3}`), rapid.StringMatching(`[a-c]{0,3}`)).Draw(t, "b")
		ja, _ := json.Marshal(a) //nolint:errchkjson // texts cannot fail
		jb, _ := json.Marshal(b) //nolint:errchkjson // as above
		x, err := ParseBody(ja)
		if err != nil {
			t.Fatal(err)
		}
		y, err := ParseBody(jb)
		if err != nil {
			t.Fatal(err)
		}
		if (x.Digest() == y.Digest()) != bytes.Equal(ja, jb) {
			t.Fatalf("%s and %s", ja, jb)
		}
	})
}

func TestTokenAndGUID(t *testing.T) {
	b := parse(t, `{"token":"t","guid":1795359130323}`)
	if b.Token() != "t" || b.GUID() != "1795359130323" {
		t.Fatalf("got %q and %q", b.Token(), b.GUID())
	}
	for _, body := range []string{
		`{}`, `{"token":null,"guid":null}`, `{"token":{},"guid":[]}`, `{"token":true,"guid":false}`, `{"token":"","guid":""}`,
		`{"guid":"` + strings.Repeat("x", maxGUID+1) + `"}`,
	} {
		if b := parse(t, body); b.Token() != "" || b.GUID() != "" {
			t.Errorf("%s: got %q and %q", body, b.Token(), b.GUID())
		}
	}
}

func BenchmarkParseBody(b *testing.B) {
	src := []byte(`{"price":12.34,"currency":"USD","orderId":"ord & 1/é","posData":"{\"a\":\"b\"}","notificationURL":"https://shop.example/ipn","redirectURL":"https://shop.example/r","buyer":{"name":"Zoë","email":"z@mail.example","notify":false},"itemDesc":"d","transactionSpeed":"medium","fullNotifications":true,"extendedNotifications":true,"guid":"guid-1795359130323","token":"tokmerchantixXshBeaG8AVzugsNfmrFdU1xU6h7Nf1zMsh"}`)
	now := at("2019-01-01T00:00:00Z")
	b.ReportAllocs()
	for b.Loop() {
		body, err := ParseBody(src)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := DecodeInvoice(body, now); err != nil {
			b.Fatal(err)
		}
	}
}
