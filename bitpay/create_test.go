package bitpay

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/money"
)

const noon = "2019-01-01T12:00:00Z"

func decode(t *testing.T, body string) invoice.Request {
	t.Helper()
	req, err := DecodeInvoice(parse(t, body), at(noon))
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return req
}

func TestDecodeTakesEverySpelling(t *testing.T) {
	yes := true
	want := invoice.Request{
		Price:    money.Fiat{Minor: 1234, Code: "USD"},
		Currency: money.Currency{Code: "USD", Name: "US Dollar", Symbol: "$", Exponent: 2},
		Order: invoice.Order{
			GUID: "g-1", OrderID: "000000161", ItemDesc: "Ünïcödé\nwares", ItemCode: "SKU", PosData: `{"$ref":"x"}`,
			NotificationURL: "https://shop.example/ipn?a=1", NotificationEmail: "shop@shop.example",
			RedirectURL: "https://shop.example/r", CloseURL: "http://shop.example/c", AutoRedirect: true, Physical: true,
			Buyer: invoice.Buyer{
				Name: "Zoë", Email: "z@mail.example", Phone: "1", Address1: "a1", Address2: "a2", City: "c", State: "s",
				Zip: "01234", Country: "DE", Notify: true,
			},
		},
		Speed: merchant.High, Window: 10 * time.Minute, Full: &yes, Extended: true,
	}
	newer := `{"price":12.34,"currency":"USD","guid":"g-1","orderId":"000000161","itemDesc":"Ünïcödé\nwares","itemCode":"SKU",
		"posData":"{\"$ref\":\"x\"}","notificationURL":"https://shop.example/ipn?a=1","notificationEmail":"shop@shop.example",
		"redirectURL":"https://shop.example/r","closeURL":"http://shop.example/c","autoRedirect":true,"physical":true,
		"buyer":{"name":"Zoë","email":"z@mail.example","phone":"1","address1":"a1","address2":"a2","locality":"c","region":"s",
		"postalCode":"01234","country":"DE","notify":true},"transactionSpeed":"high","acceptanceWindow":600000,
		"fullNotifications":true,"extendedNotifications":true,"token":"t","id":"TfECHqoE36eAUxALpjzAK1Nq5t5QoxSMowH"}`
	older := `{"price":"12.34","currency":"usd","guid":"g-1","orderID":"000000161","itemDesc":"Ünïcödé\nwares","itemCode":"SKU",
		"posData":"{\"$ref\":\"x\"}","notificationUrl":"https://shop.example/ipn?a=1","notificationEmail":"shop@shop.example",
		"redirectUrl":"https://shop.example/r","closeUrl":"http://shop.example/c","redirectAutomatically":"1","physical":"true",
		"buyerName":"Zoë","buyerEmail":"z@mail.example","buyerPhone":1,"buyerAddress1":"a1","buyerAddress2":"a2","buyerCity":"c",
		"buyerState":"s","buyerZip":"01234","buyerCountry":"DE","buyerNotify":1,"transactionSpeed":"HIGH",
		"acceptanceWindow":"600000","fullNotifications":"true","extendedNotifications":1,"token":"t","nonce":1546300800.12}`
	for name, body := range map[string]string{"newer": newer, "older": older} {
		got := decode(t, body)
		if got.Digest != parse(t, body).Digest() {
			t.Errorf("%s: the digest is not the body's", name)
		}
		got.Digest = [32]byte{}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

func TestDecodeTakesNullAndEmptyForAbsent(t *testing.T) {
	got := decode(t, `{"price":5,"currency":"EUR","orderId":null,"orderID":"","itemDesc":"","posData":null,"notificationURL":"",
		"redirectURL":null,"closeURL":null,"notificationEmail":"","autoRedirect":null,"physical":"","buyer":null,"buyerName":null,
		"transactionSpeed":"","fullNotifications":null,"extendedNotifications":"","acceptanceWindow":null,"expirationTime":"",
		"paymentCurrencies":[],"guid":null,"universalCodes":{"paymentString":null},"minerFees":{},"refundInfo":[],
		"supportedTransactionCurrencies":{"BTC":{"enabled":true}}}`)
	want := invoice.Request{Price: money.Fiat{Minor: 500, Code: "EUR"}, Currency: got.Currency, Digest: got.Digest}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
}

// PHP cannot tell an empty map from an empty list, and writes both as a list.
func TestDecodeTakesPHPsEmptyBuyer(t *testing.T) {
	req, err := DecodeInvoice(parse(t, `{"price":1,"currency":"USD","buyer":[],"buyerEmail":"a@shop.example"}`), at(noon))
	if err != nil || req.Order.Buyer.Email != "a@shop.example" {
		t.Errorf("%+v, %v", req.Order.Buyer, err)
	}
}

// A float that is written in full has noise in its last digits. The price is the one that it stands for.
func TestDecodeTakesTheNoiseOfFloats(t *testing.T) {
	for src, want := range map[string]string{
		"0.30000000000000004 USD": "0.3", "19.989999999999998 USD": "19.99", "99.99000000000001 EUR": "99.99", "1234567.8900000001 USD": "1234567.89",
		"1234.5600000000013 USD": "1234.56", "0.10000000000000001 USD": "0.1", "9.9999999999999995 USD": "10", "99.999999999999986 JPY": "100",
		"0.00029999999999999997 BTC": "0.0003", "2.9999999999999997E-4 BTC": "0.0003", "20999999.97690001 BTC": "20999999.97690001",
	} {
		n, code, _ := strings.Cut(src, " ")
		req, err := DecodeInvoice(parse(t, `{"price":`+n+`,"currency":"`+code+`","itemizedDetails":[{"amount":`+n+`}]}`), at(noon))
		if err != nil || req.Price.Number() != want || req.Order.Items[0].Amount != req.Price {
			t.Errorf("%s is %+v, want %s: %v", src, req.Price, want, err)
		}
	}
}

// Every amount of cents, as PHP writes it with seventeen digits and as others add it up, is that amount.
func TestEveryFloatIsItsPrice(t *testing.T) {
	usd, _ := money.Lookup("USD")
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64Range(0, 99_999_999).Draw(t, "a"), rapid.Int64Range(0, 99_999_999).Draw(t, "b")
		sum := money.Fiat{Minor: a + b, Code: "USD"}.Number()
		for _, text := range []string{
			strconv.FormatFloat(float64(a+b)/100, 'g', 17, 64), strconv.FormatFloat(float64(a)/100+float64(b)/100, 'g', -1, 64),
		} {
			got, err := money.ParseFiat(value{number, text}.amountOf(2), usd)
			if err != nil || got.Number() != sum {
				t.Fatalf("%s is %v, want %s: %v", text, got, sum, err)
			}
		}
	})
}

// Clients that keep a price as a float write it with an exponent when it is large or small.
func TestDecodeTakesExponents(t *testing.T) {
	for src, want := range map[string]string{
		"1.0E7 JPY": "10000000", "1.2345678E7 JPY": "12345678", "5.0E-4 BTC": "0.0005", "5e-05 BTC": "0.00005", "1e-8 BTC": "0.00000001", "1.05E1 USD": "10.5",
		"12.34e0 USD": "12.34", "0e5 USD": "0", "0.0E0 BTC": "0", "0.5e1 USD": "5", "1E+2 USD": "100", "120e-1 USD": "12", "0.00001234E7 USD": "123.4",
		"100.10e-1 USD": "10.01", "1e-20 USD": "", "1E20 USD": "",
	} {
		n, code, _ := strings.Cut(src, " ")
		req, err := DecodeInvoice(parse(t, `{"price":`+n+`,"currency":"`+code+`","itemizedDetails":[{"amount":`+n+`}]}`), at(noon))
		switch {
		case want == "" && err == nil:
			t.Errorf("%s is %s", src, req.Price)
		case want != "" && err != nil:
			t.Errorf("%s: %v", src, err)
		case want != "" && (req.Price.Number() != want || req.Order.Items[0].Amount != req.Price):
			t.Errorf("%s is %s and %s, want %s", src, req.Price.Number(), req.Order.Items[0].Amount.Number(), want)
		}
	}
}

func TestDecodeNamesWhatItRefuses(t *testing.T) {
	long := strings.Repeat("x", 20_000)
	for name, c := range map[string]struct{ members, field, says string }{
		"no price":             {`"currency":"USD"`, "price", "required"},
		"null price":           {`"price":null,"currency":"USD"`, "price", "required"},
		"empty price":          {`"price":"","currency":"USD"`, "price", "required"},
		"no currency":          {`"price":1`, "currency", "required"},
		"neither":              {``, "price", "required"},
		"unknown currency":     {`"price":1,"currency":"XXY"`, "currency", "XXY"},
		"long currency":        {`"price":1,"currency":"` + long + `"`, "currency", "characters"},
		"currency of a number": {`"price":1,"currency":840`, "currency", "840"},
		"currency of a list":   {`"price":1,"currency":["USD"]`, "currency", "text"},
		"NaN price":            {`"price":"NaN","currency":"USD"`, "price", "NaN"},
		"infinite price":       {`"price":"Infinity","currency":"USD"`, "price", "plain decimal"},
		"exponent of a text":   {`"price":"1e2","currency":"USD"`, "price", "1e2"},
		"huge exponent":        {`"price":1e308,"currency":"USD"`, "price", "1e308"},
		"endless exponent":     {`"price":1e99999999999999999999,"currency":"USD"`, "price", "plain decimal"},
		"negative exponent":    {`"price":-1e2,"currency":"USD"`, "price", "plain decimal"},
		"too small":            {`"price":1.0E-9,"currency":"BTC"`, "price", "decimals"},
		"too large by its exp": {`"price":1.0E13,"currency":"USD"`, "price", "large"},
		"negative":             {`"price":-1,"currency":"USD"`, "price", "negative"},
		"negative text":        {`"price":"-0.01","currency":"USD"`, "price", "negative"},
		"three decimals":       {`"price":1.001,"currency":"USD"`, "price", "decimals"},
		"a long third decimal": {`"price":1.0049999999999999,"currency":"USD"`, "price", "decimals"},
		"a float as a text":    {`"price":"0.30000000000000004","currency":"USD"`, "price", "decimals"},
		"no float's length":    {`"price":0.300000000000000044,"currency":"USD"`, "price", "decimals"},
		"fifteen decimals":     {`"price":0.300000000000001,"currency":"USD"`, "price", "decimals"},
		"decimals of yen":      {`"price":1.5,"currency":"JPY"`, "price", "decimals"},
		"nine decimals of BTC": {`"price":0.000000001,"currency":"BTC"`, "price", "decimals"},
		"too large":            {`"price":1000000000001,"currency":"USD"`, "price", "large"},
		"too many digits":      {`"price":` + strings.Repeat("9", 60) + `,"currency":"USD"`, "price", "large"},
		"absurdly many digits": {`"price":` + strings.Repeat("9", 20_000) + `,"currency":"USD"`, "price", "long"},
		"a price with a comma": {`"price":"1,5","currency":"USD"`, "price", "plain decimal"},
		"a price with a space": {`"price":" 1","currency":"USD"`, "price", "plain decimal"},
		"Arabic digits":        {`"price":"١","currency":"USD"`, "price", "plain decimal"},
		"a boolean price":      {`"price":true,"currency":"USD"`, "price", "number"},
		"a list for a price":   {`"price":[1],"currency":"USD"`, "price", "number"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, `{`+c.members+`}`, c.field, c.says) })
	}
	for name, c := range map[string]struct{ members, field, says string }{
		"long orderId":       {`"orderId":"` + long + `"`, "orderId", "20000 characters"},
		"two order ids":      {`"orderId":"a","orderID":"b"`, "orderId", "differs"},
		"orderId a list":     {`"orderId":["a"]`, "orderId", "text"},
		"long itemDesc":      {`"itemDesc":"` + long + `"`, "itemDesc", "characters"},
		"long posData":       {`"posData":"` + long + `"`, "posData", "characters"},
		"large posData":      {`"posData":"` + strings.Repeat("€", 4000) + `"`, "posData", "bytes"},
		"posData an object":  {`"posData":{"a":1}`, "posData", "text"},
		"long guid":          {`"guid":"` + long + `"`, "guid", "characters"},
		"long buyer":         {`"buyer":{"name":"` + long + `"}`, "buyer.name", "characters"},
		"long flat buyer":    {`"buyerZip":"` + long + `"`, "buyerZip", "characters"},
		"buyer a text":       {`"buyer":"Zoë"`, "buyer", "object"},
		"buyer a list":       {`"buyer":["Zoë"]`, "buyer", "object"},
		"buyer notify":       {`"buyer":{"notify":"maybe"}`, "buyer.notify", "true or false"},
		"a tab in orderId":   {`"orderId":"a\tb"`, "orderId", "control"},
		"an escape":          {`"itemDesc":"a\u001b[31m"`, "itemDesc", "control"},
		"C1":                 {`"itemDesc":"a\u0085b"`, "itemDesc", "control"},
		"delete":             {`"posData":"a\u007f"`, "posData", "control"},
		"a pile of marks":    {`"itemDesc":"a` + strings.Repeat(`\u0301`, 20) + `"`, "itemDesc", "marks"},
		"speed":              {`"transactionSpeed":"fast"`, "transactionSpeed", "high, medium or low"},
		"full":               {`"fullNotifications":"yes"`, "fullNotifications", "true or false"},
		"full an object":     {`"fullNotifications":{}`, "fullNotifications", "true or false"},
		"extended":           {`"extendedNotifications":2`, "extendedNotifications", "true or false"},
		"window":             {`"acceptanceWindow":"soon"`, "acceptanceWindow", "whole number"},
		"window of a half":   {`"acceptanceWindow":0.5`, "acceptanceWindow", "whole number"},
		"window a list":      {`"acceptanceWindow":[1]`, "acceptanceWindow", "number"},
		"ends at once":       {`"expirationTime":"2019-01-01T12:00:29.999Z"`, "expirationTime", "30 seconds"},
		"ended":              {`"expirationTime":1546300800000`, "expirationTime", "30 seconds"},
		"no time":            {`"expirationTime":"tomorrow"`, "expirationTime", "not a time"},
		"time a list":        {`"expirationTime":[]`, "expirationTime", "time"},
		"other coins":        {`"paymentCurrencies":["BCH","ETH"]`, "paymentCurrencies", "BTC"},
		"javascript":         {`"redirectURL":"javascript:alert(1)"`, "redirectURL", "http"},
		"JavaScript":         {`"closeURL":"JavaScript:alert(1)"`, "closeURL", "http"},
		"data":               {`"redirectURL":"data:text/html,x"`, "redirectURL", "http"},
		"vbscript":           {`"redirectURL":"vbscript:x"`, "redirectURL", "http"},
		"ftp":                {`"redirectURL":"ftp://shop.example/"`, "redirectURL", "http"},
		"file":               {`"notificationURL":"file:///etc/passwd"`, "notificationURL", "http"},
		"no scheme":          {`"redirectURL":"shop.example/thanks"`, "redirectURL", "http"},
		"scheme-relative":    {`"redirectURL":"//evil.example/"`, "redirectURL", "http"},
		"no slashes":         {`"redirectURL":"https:evil.example"`, "redirectURL", "host"},
		"one slash":          {`"redirectURL":"https:/evil.example"`, "redirectURL", "host"},
		"no host":            {`"redirectURL":"https:///path"`, "redirectURL", "host"},
		"a port alone":       {`"redirectURL":"https://:443/"`, "redirectURL", "host"},
		"userinfo":           {`"redirectURL":"https://shop.example@evil.example/"`, "redirectURL", "user name"},
		"a password":         {`"notificationURL":"https://u:p@shop.example/"`, "notificationURL", "user name"},
		"a backslash":        {`"redirectURL":"https://shop.example\\@evil.example/"`, "redirectURL", "must not have"},
		"a space":            {`"redirectURL":" https://shop.example/"`, "redirectURL", "must not have"},
		"a line break":       {`"redirectURL":"https://shop.example/\nX: y"`, "redirectURL", "control"},
		"an override in URL": {`"redirectURL":"https://shop.example/\u202egpj.exe"`, "redirectURL", "must not have"},
		"a quote":            {`"redirectURL":"https://shop.example/\"><script>"`, "redirectURL", "must not have"},
		"a bad escape":       {`"redirectURL":"https://shop.example/%zz"`, "redirectURL", "not a URL"},
		"a long URL":         {`"redirectURL":"https://shop.example/` + long + `"`, "redirectURL", "characters"},
		"a URL in bytes":     {`"redirectURL":"https://shop.example/` + strings.Repeat("€", 1000) + `"`, "redirectURL", "2048 bytes"},
		"no address":         {`"notificationEmail":"shop"`, "notificationEmail", "e-mail"},
		"two addresses":      {`"notificationEmail":"a@b.example,c@d.example"`, "notificationEmail", "e-mail"},
		"a header":           {`"notificationEmail":"a@b.example\nBcc: x"`, "notificationEmail", "control"},
		"not ASCII":          {`"notificationEmail":"ä@b.example"`, "notificationEmail", "ASCII"},
		"two at signs":       {`"notificationEmail":"a@b@c.example"`, "notificationEmail", "e-mail"},
	} {
		t.Run(name, func(t *testing.T) { refused(t, `{"price":1,"currency":"USD",`+c.members+`}`, c.field, c.says) })
	}
}

func refused(t *testing.T, body, field, says string) {
	t.Helper()
	_, err := DecodeInvoice(parse(t, body), at(noon))
	f := faultOf(t, err)
	if f.Field != field || !strings.Contains(f.Message, says) {
		t.Fatalf("got %q of %q, want %q of %q", f.Message, f.Field, says, field)
	}
	if len(f.Message) > 200 {
		t.Fatalf("the sentence is %d bytes long", len(f.Message))
	}
}

func TestPriceKeepsItsDigits(t *testing.T) {
	for body, want := range map[string]money.Fiat{
		`"price":10,"currency":"USD"`:                     {Minor: 1000, Code: "USD"},
		`"price":10.00,"currency":"USD"`:                  {Minor: 1000, Code: "USD"},
		`"price":"5.23","currency":"USD"`:                 {Minor: 523, Code: "USD"},
		`"price":0.1,"currency":"EUR"`:                    {Minor: 10, Code: "EUR"},
		`"price":"0.00023000","currency":"BTC"`:           {Minor: 23000, Code: "BTC"},
		`"price":20999999.99999999,"currency":"BTC"`:      {Minor: 2099999999999999, Code: "BTC"},
		`"price":9007199254740.93,"currency":"XYZ"`:       {},
		`"price":500,"currency":"JPY"`:                    {Minor: 500, Code: "JPY"},
		`"price":1.234,"currency":"KWD"`:                  {Minor: 1234, Code: "KWD"},
		`"price":999999999999.99,"currency":"usd"`:        {Minor: 99999999999999, Code: "USD"},
		`"price":0,"currency":"USD"`:                      {Code: "USD"},
		`"price":1.10000000000000000000,"currency":"USD"`: {Minor: 110, Code: "USD"},
	} {
		req, err := DecodeInvoice(parse(t, "{"+body+"}"), at(noon))
		if want.Code == "" {
			faultOf(t, err)
			continue
		}
		if err != nil || req.Price != want {
			t.Errorf("%s: got %v (%v), want %v", body, req.Price, err, want)
		}
	}
}

// TestPriceThereAndBack: what a document says of a price is what was asked, digit for digit.
func TestPriceThereAndBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(money.Currencies()).Draw(t, "currency")
		want := money.Fiat{Minor: rapid.Int64Range(0, 1_000_000_000_000).Draw(t, "minor"), Code: c.Code}
		b, err := ParseBody([]byte(`{"price":` + want.Number() + `,"currency":"` + c.Code + `"}`))
		if err != nil {
			t.Fatal(err)
		}
		req, err := DecodeInvoice(b, at(noon))
		if err != nil || req.Price != want {
			t.Fatalf("%v became %v (%v)", want, req.Price, err)
		}
	})
}

func TestWindowIsCutNotRefused(t *testing.T) {
	for member, want := range map[string]time.Duration{
		`"acceptanceWindow":0`:                                   0,
		`"acceptanceWindow":-5`:                                  0,
		`"acceptanceWindow":1000`:                                time.Second,
		`"acceptanceWindow":900000`:                              15 * time.Minute,
		`"acceptanceWindow":1200000`:                             15 * time.Minute, // a plugin in the field
		`"acceptanceWindow":99999999999999999999999999`:          15 * time.Minute,
		`"acceptanceWindow":"-99999999999999999999999999"`:       0,
		`"expirationTime":"2019-01-01T12:00:30Z"`:                30 * time.Second,
		`"expirationTime":1546344600000`:                         10 * time.Minute,
		`"expirationTime":"2030-05-31"`:                          15 * time.Minute,
		`"acceptanceWindow":60000,"expirationTime":"2000-01-01"`: time.Minute,
	} {
		if got := decode(t, `{"price":1,"currency":"USD",`+member+`}`).Window; got != want {
			t.Errorf("%s: %v, want %v", member, got, want)
		}
	}
}

func TestTextsForPeopleCannotTurnAround(t *testing.T) {
	got := decode(t, `{"price":1,"currency":"USD","itemDesc":"pay \u202Ecod.exe\u202C now\u2066","orderId":"1\u202e2",
		"posData":"\u202e","buyer":{"name":"A\u2069B"},"itemCode":"שלום é हिन्दी 👩‍👩‍👧"}`).Order
	if got.ItemDesc != "pay cod.exe now" || got.OrderID != "12" || got.Buyer.Name != "AB" {
		t.Errorf("got %q, %q, %q", got.ItemDesc, got.OrderID, got.Buyer.Name)
	}
	if got.PosData != "\u202e" {
		t.Errorf("posData is the shop's own, and came back as %q", got.PosData)
	}
	if want := "שלום é हिन्दी 👩‍👩‍👧"; got.ItemCode != want {
		t.Errorf("honest text became %q", got.ItemCode)
	}
}

func TestSpeeds(t *testing.T) {
	for word, want := range map[string]merchant.Speed{
		"high": merchant.High, "medium": merchant.Medium, "low": merchant.Low, "Low": merchant.Low, "low-medium": merchant.Low,
	} {
		if got := decode(t, `{"price":1,"currency":"USD","transactionSpeed":"`+word+`"}`).Speed; got != want {
			t.Errorf("%s is %v", word, got)
		}
	}
}

func TestErrorsAreAboutTheRequest(t *testing.T) {
	_, err := DecodeInvoice(parse(t, `{}`), at(noon))
	if !fault.Is(err, fault.Invalid) {
		t.Fatalf("%v", err)
	}
}
