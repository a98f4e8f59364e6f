package rate

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"satchel/money"
)

// The bodies below have the shapes that the exchanges document, shortened, with our own values.
const (
	coinbaseBody = `{"data":{"currency":"BTC","rates":{"AED":"183650.5","BTC":"1","ETH":"17.2","EUR":"45540.3",
		"JPY":"7500000.123456789012345678901234567890","USD":"50000.01","USDT":"50010.0","VND":"1270000000","00":"5"}}}`
	krakenBody = `{"error":[],"result":{
		"XXBTZUSD":{"a":["50001.00000","1","1.000"],"b":["49999.00000","1","1.000"],"c":["50000.00000","0.00067643"],
			"v":["4083.67","4412.73"],"p":["50706.7","50689.1"],"t":[34619,38907],"l":["49868.3","49868.3"],"h":["51631.0","51631.0"],"o":"50502.8"},
		"XXBTZEUR":{"a":["45541","1","1.000"],"b":["45540","1","1.000"],"c":["45540.30000","0.1"],"t":[1,2],"o":"1"},
		"XBTCHF":{"c":["44000.1","0.1"]},"XBTUSDT":{"c":["50010","0.1"]},"XETHZUSD":{"c":["3000","0.1"]}}}`
	bitstampBody = `{"timestamp":"1772366400","open":"49000","high":"51000","low":"48000","last":"50000.5","volume":"812.1",
		"vwap":"49950","bid":"50000","ask":"50001","side":"0","open_24":"49100","percent_change_24":"1.8","pair":"BTC/USD"}`
	bitfinexBody = `[["tBTCUSD",50000,12.3,50001,11.2,-120,-0.0024,50000.5,2412.1,50500,49500],
		["tBTCEUR",45540,1.3,45541,1.2,-12,-0.0002,45540.3,12.1,46000,45000],
		["fUSD",0.0002,0.0001,30,1000,0.0002,2,1000,0.00001,0.05,0.0002,1,1,1,null,null,1],
		["tETHUSD",3000,1,3001,1,1,0.1,3000.5,1,1,1]]`
	coingeckoBody = `{"rates":{"btc":{"name":"Bitcoin","unit":"BTC","value":1.0,"type":"crypto"},
		"eth":{"name":"Ether","unit":"ETH","value":17.241,"type":"crypto"},
		"usd":{"name":"US Dollar","unit":"$","value":50000.25,"type":"fiat"},
		"idr":{"name":"Indonesian Rupiah","unit":"Rp","value":812345678.9,"type":"fiat"},
		"xau":{"name":"Gold - Troy Ounce","unit":"XAU","value":18.1,"type":"commodity"}}}`
)

// parsed gives what was read as "CODE rate", in order.
func parsed(a answer) []string {
	out := make([]string, 0, len(a.prices))
	for _, p := range a.prices {
		out = append(out, p.code+" "+p.rate.String())
	}
	slices.Sort(out)
	return out
}

func parserOf(t testing.TB, name string) func(path, body string) (answer, error) {
	src, ok := find(name)
	if !ok {
		t.Fatalf("no source %s", name)
	}
	return func(path, body string) (answer, error) { return src.parse(path, []byte(body)) }
}

func TestDocumentedShapes(t *testing.T) {
	for _, c := range []struct {
		name, path, body string
		want             []string
	}{
		{"coinbase", "", coinbaseBody, []string{"AED 183650.5", "EUR 45540.3", "JPY 7500000.12345679", "USD 50000.01", "VND 1270000000"}},
		{"kraken", "", krakenBody, []string{"CHF 44000.1", "EUR 45540.3", "USD 50000"}},
		{"bitstamp", bitstampPath + "usd/", bitstampBody, []string{"USD 50000.5"}},
		{"bitfinex", "", bitfinexBody, []string{"EUR 45540.3", "USD 50000.5"}},
		{"coingecko", "", coingeckoBody, []string{"IDR 812345678.9", "USD 50000.25"}},
	} {
		a, err := parserOf(t, c.name)(c.path, c.body)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, parsed(a)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		if a.refused != 0 {
			t.Errorf("%s refused %d: %v", c.name, a.refused, a.first)
		}
	}
}

func TestBitstampGivesItsTime(t *testing.T) {
	a, err := parserOf(t, "bitstamp")(bitstampPath+"usd/", bitstampBody)
	if want := time.Unix(1772366400, 0); err != nil || !a.prices[0].stamp.Equal(want) {
		t.Errorf("%v, %v", a.prices, err)
	}
}

// shapes puts a text in the place of the dollar price of every source, quoted as the source does.
func shapes(value string) map[string]string {
	quoted := `"` + value + `"`
	return map[string]string{
		"coinbase":  `{"data":{"currency":"BTC","rates":{"USD":` + quoted + `}}}`,
		"kraken":    `{"error":[],"result":{"XXBTZUSD":{"c":[` + quoted + `,"1"]}}}`,
		"bitstamp":  `{"timestamp":"1772366400","last":` + quoted + `}`,
		"bitfinex":  `[["tBTCUSD",1,1,1,1,1,1,` + value + `,1,1,1]]`,
		"coingecko": `{"rates":{"usd":{"value":` + value + `,"type":"fiat"}}}`,
	}
}

func TestPricesThatAreNone(t *testing.T) {
	for _, value := range []string{
		"0", "0.0", "-1", "-50000", "NaN", "Infinity", "1e5", "5E4", "1e308", "", "null", "true", "{}", "[]", "50,000.00", "+50000", " 50000",
		"50000 ", "0x50", "0.00002", "99.99", "100000000", "1000000000", "50000.", ".5", "50000.5.5", strings.Repeat("9", 81),
		"50000." + strings.Repeat("0", 80), "٥٠٠٠٠", "$50000",
	} {
		for name, body := range shapes(value) {
			if strings.TrimSpace(value) != value && !strings.Contains(body, `"`+value+`"`) {
				continue // JSON allows spaces around a number
			}
			a, err := parserOf(t, name)(bitstampPath+"usd/", body)
			if err == nil || len(a.prices) != 0 {
				t.Errorf("%s must refuse %q, got %v", name, clip(value, 30), parsed(a))
			}
		}
	}
}

func TestManyDecimalsAreRoundedNotRefused(t *testing.T) {
	for value, want := range map[string]string{
		"50000.1234567890123456789012345678":        "50000.12345679",
		"50000.0000000049999999999999999999":        "50000",
		"49999.9999999950000000000000000000":        "50000",
		"000000000000000000000000050000.5":          "50000.5",
		"50000.5" + strings.Repeat("0", 73):         "50000.5",
		"50000.12345678":                            "50000.12345678",
		"50000.123456789012345678":                  "50000.123456789012345678", // all that money reads is kept
		"50000.12345678901234567890123456789012345": "50000.12345679",
	} {
		r, err := readRate("USD", value)
		if err != nil || r.String() != want {
			t.Errorf("%q: %s, %v; want %s", value, r, err, want)
		}
	}
}

func TestBounds(t *testing.T) {
	for _, c := range []struct {
		code, value string
		ok          bool
	}{
		{"USD", "100", true},
		{"USD", "99.999", false},
		{"USD", "99999999.9", true},
		{"USD", "100000000", false},
		{"CLF", "1200", true},
		{"IRR", "75000000000", true},
		{"JPY", "0.0000001", false},
		{"IRR", "99999999999999", false},
		{"KWD", "9", false},
	} {
		if _, err := readRate(c.code, c.value); (err == nil) != c.ok {
			t.Errorf("%s %s: %v", c.code, c.value, err)
		}
	}
}

func TestAnswersThatSayNothing(t *testing.T) {
	everywhere := []string{"", "null", "{}", "[]", "42", `"x"`, "<html>maintenance</html>", "{", `{"data":`, strings.Repeat("[", 20_000), "\xff\xfe"}
	own := map[string][]string{
		"coinbase": {
			`{"data":{"currency":"USD","rates":{"USD":"50000"}}}`, `{"data":{"rates":{"USD":"50000"}}}`,
			`{"errors":[{"id":"not_found","message":"Invalid currency"}]}`, `{"data":{"currency":"BTC","rates":{}}}`, `{"data":{"currency":"BTC","rates":[]}}`,
		},
		"kraken": {
			`{"error":["EQuery:Unknown asset pair"]}`, `{"error":["EService:Unavailable"],"result":{"XXBTZUSD":{"c":["50000","1"]}}}`,
			`{"error":[],"result":{"XXBTZUSD":{"c":[]}}}`, `{"error":[],"result":{"XXBTZUSD":{}}}`, `{"error":[],"result":{"XETHZUSD":{"c":["50000","1"]}}}`,
			`{"error":"none","result":{}}`,
		},
		"bitstamp": {
			`{"last":"50000"}`, `{"timestamp":"soon","last":"50000"}`, `{"timestamp":"-5","last":"50000"}`, `{"timestamp":"99999999999999","last":"50000"}`,
			`{"timestamp":"1772366400","last":"50000","pair":"ETH/USD"}`, `{"timestamp":"1772366400","last":"50000","pair":"USD/BTC"}`, `{"timestamp":"1772366400"}`,
		},
		"bitfinex": {
			`["error",10020,"symbol: invalid"]`, `[["tBTCUSD",50000,1,1,1,1,1]]`, `[["tETHUSD",1,1,1,1,1,1,50000]]`, `[[50000,1,1,1,1,1,1,50000]]`, `[null]`,
			`[["tBTCUSD",1,1,1,1,1,1,{"last":50000}]]`, `[{"tBTCUSD":50000}]`,
		},
		"coingecko": {
			`{"rates":{"btc":{"value":0.00002,"type":"crypto"},"usd":{"value":50000,"type":"fiat"}}}`, `{"rates":{"usd":{"value":50000,"type":"crypto"}}}`,
			`{"status":{"error_code":429,"error_message":"throttled"}}`, `{"rates":{"usd":50000}}`,
		},
	}
	for name, bodies := range own {
		for _, body := range append(bodies, everywhere...) {
			a, err := parserOf(t, name)(bitstampPath+"usd/", body)
			if err == nil || len(a.prices) != 0 {
				t.Errorf("%s must refuse %q, got %v", name, clip(body, 60), parsed(a))
			}
		}
	}
}

func TestOneBadPriceDoesNotHideTheOthers(t *testing.T) {
	for name, body := range map[string]string{
		"coinbase":  `{"data":{"currency":"BTC","rates":{"USD":"50000","EUR":"NaN","GBP":null,"CHF":{"a":1}}}}`,
		"kraken":    `{"error":["WGeneral:Slow"],"result":{"XXBTZUSD":{"c":["50000","1"]},"XXBTZEUR":{"c":["-1"]},"XXBTZGBP":{},"XBTCHF":{"c":[null]}}}`,
		"bitfinex":  `[["tBTCUSD",1,1,1,1,1,1,50000],["tBTCEUR",1,1,1,1,1,1,null],["tBTCGBP"],["tBTCJPY",1,1,1,1,1,1,-3]]`,
		"coingecko": `{"rates":{"usd":{"value":50000,"type":"fiat"},"eur":{"value":0,"type":"fiat"},"gbp":{"type":"fiat"},"chf":{"value":1e9,"type":"fiat"}}}`,
	} {
		a, err := parserOf(t, name)("", body)
		if err != nil || len(a.prices) != 1 || a.prices[0].code != "USD" || a.refused != 3 || a.first == nil {
			t.Errorf("%s: %v, refused %d (%v), %v", name, parsed(a), a.refused, a.first, err)
		}
	}
}

func TestErrorsNeverRepeatMuchOfAnAnswer(t *testing.T) {
	long := strings.Repeat("A", 100_000)
	for name, body := range map[string]string{
		"kraken":   `{"error":["E` + long + `"]}`,
		"bitstamp": `{"timestamp":"` + long + `","last":"1"}`,
		"coinbase": `{"data":{"currency":"BTC","rates":{"USD":"` + long + `"}}}`,
	} {
		if _, err := parserOf(t, name)(bitstampPath+"usd/", body); err == nil || len(err.Error()) > maxErrorText {
			t.Errorf("%s: an error of %d bytes", name, len(err.Error()))
		}
	}
}

func TestSourcesAreListed(t *testing.T) {
	want := []string{"coinbase", "kraken", "bitstamp", "bitfinex", "coingecko", "fixed"}
	if diff := cmp.Diff(want, Sources()); diff != "" {
		t.Error(diff)
	}
	for _, s := range catalogue() {
		if !strings.HasPrefix(s.base, "https://") || len(s.paths) == 0 || s.slow < 1 || s.aggregate != (s.name == "coingecko") {
			t.Errorf("%+v", s.name)
		}
	}
}

// FuzzParsers holds every parser to one promise: whatever comes, prices are of known currencies, positive and in bounds.
func FuzzParsers(f *testing.F) {
	for _, body := range []string{coinbaseBody, krakenBody, bitstampBody, bitfinexBody, coingeckoBody} {
		f.Add([]byte(body))
	}
	for _, value := range []string{"50000", "-1", "1e5", "NaN"} {
		for _, body := range shapes(value) {
			f.Add([]byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, src := range catalogue() {
			a, err := src.parse(src.paths[0], body)
			if (err == nil) != (len(a.prices) > 0) {
				t.Fatalf("%s: %d prices and %v", src.name, len(a.prices), err)
			}
			for _, p := range a.prices {
				c, ok := money.Lookup(p.code)
				if !ok || c.Code != p.code || c.Code == "BTC" || p.rate.IsZero() {
					t.Fatalf("%s: %+v", src.name, p)
				}
				if again, err := money.ParseRate(p.rate.String()); err != nil || again.Cmp(p.rate) != 0 {
					t.Fatalf("%s: %s cannot be kept: %v", src.name, p.rate, err)
				}
			}
		}
	})
}

func TestNoPriceIsTold(t *testing.T) {
	if _, err := parserOf(t, "coingecko")("", `{"rates":{}}`); !errors.Is(err, errNoPrice) {
		t.Error(err)
	}
	if _, err := parserOf(t, "coinbase")("", `{"data":{"currency":"EUR","rates":{"USD":"1"}}}`); !errors.Is(err, errBase) {
		t.Error(err)
	}
}
