package rate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"satchel/money"
)

// price is what a source said about one currency.
type price struct {
	code  string // ISO 4217
	rate  money.Rate
	stamp time.Time // the exchange's own time; zero where it gives none
}

// answer is what could be read from one body: the good prices, and what was wrong with the others.
type answer struct {
	prices  []price
	refused int
	first   error // why the first one was refused
}

// The errors of an answer that says nothing at all.
var (
	errNoPrice = errors.New("no price in the answer")
	errBase    = errors.New("the prices are not per bitcoin")
)

// add takes a price if it is one. A code outside the table of currencies is no mistake: sources list coins, too.
func (a *answer) add(code string, value text, stamp time.Time) {
	c, ok := money.Lookup(code)
	if !ok || c.Code == "BTC" {
		return
	}
	r, err := readRate(c.Code, string(value))
	if err != nil {
		a.refuse(fmt.Errorf("%s: %w", c.Code, err))
		return
	}
	a.prices = append(a.prices, price{code: c.Code, rate: r, stamp: stamp})
}

func (a *answer) refuse(err error) {
	a.refused++
	if a.first == nil {
		a.first = err
	}
}

// done makes an answer without a single price a failure.
func (a *answer) done() (answer, error) {
	if len(a.prices) > 0 {
		return *a, nil
	}
	if a.first != nil {
		return *a, a.first
	}
	return *a, errNoPrice
}

// text is a JSON string or number as it was written, so that no float comes near it. Anything else becomes "", which
// is no price: one odd member must not hide the others.
type text string

// UnmarshalJSON takes the text of a string or a number.
func (t *text) UnmarshalJSON(b []byte) error {
	*t = ""
	switch {
	case len(b) > 0 && b[0] == '"':
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		*t = text(s)
	case len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9'):
		*t = text(b)
	}
	return nil
}

// Lengths of price texts: what money reads, what is worth reading at all, and the decimals that are kept of the rest.
const (
	plainDigits = 24
	mostDigits  = 80
	keptPlaces  = 8
)

// readRate reads a price and holds it against the hard bounds of its currency. Too many decimals are rounded off.
func readRate(code, s string) (money.Rate, error) {
	whole, frac, dotted := strings.Cut(s, ".")
	if len(s) > mostDigits || !digits(whole) || dotted && !digits(frac) {
		return money.Rate{}, fmt.Errorf("%q is not a price", clip(s, plainDigits))
	}
	if low, high := bounds(code); !plausible(whole, low, high) {
		return money.Rate{}, fmt.Errorf("%s is out of bounds", clip(s, plainDigits))
	}
	if len(s) > plainDigits {
		d, err := decimal.NewFromString(s)
		if err != nil {
			return money.Rate{}, fmt.Errorf("read price: %w", err)
		}
		s = d.Round(keptPlaces).String()
	}
	return money.ParseRate(s)
}

// bounds gives the fewest and most digits before the point that a price of one bitcoin may have. They are wide, for
// decades and not for days; they stop zeros, inverted pairs and satoshis taken for bitcoins. Currencies near the dollar
// get closer ones.
func bounds(code string) (low, high int) {
	switch code {
	case "USD", "EUR", "GBP", "CHF", "CAD", "AUD":
		return 3, 8 // 100 to 99,999,999
	}
	return 2, 13 // from Chilean units of account to Iranian rials
}

func plausible(whole string, low, high int) bool {
	n := len(strings.TrimLeft(whole, "0"))
	return n >= low && n <= high
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

func clip(s string, n int) string {
	if len(s) > n {
		return s[:n] + "…"
	}
	return s
}

// parseCoinbase reads GET /v2/exchange-rates?currency=BTC: every currency and coin in one object of strings.
func parseCoinbase(_ string, body []byte) (answer, error) {
	var doc struct {
		Data struct {
			Currency string          `json:"currency"`
			Rates    map[string]text `json:"rates"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return answer{}, fmt.Errorf("decode: %w", err)
	}
	if doc.Data.Currency != "BTC" {
		return answer{}, errBase
	}
	var a answer
	for code, value := range doc.Data.Rates {
		a.add(code, value, time.Time{})
	}
	return a.done()
}

// parseKraken reads GET /0/public/Ticker: by pair, "c" is the last trade, price first. Bitcoin is XBT; the old pairs
// carry X for coins and Z for fiat (XXBTZUSD), the newer ones don't (XBTCHF).
func parseKraken(_ string, body []byte) (answer, error) {
	var doc struct {
		Error  []string `json:"error"`
		Result map[string]struct {
			C []text `json:"c"`
		} `json:"result"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return answer{}, fmt.Errorf("decode: %w", err)
	}
	for _, e := range doc.Error {
		if strings.HasPrefix(e, "E") { // "W" is a warning
			return answer{}, fmt.Errorf("kraken says %q", clip(e, 64))
		}
	}
	var a answer
	for pair, ticker := range doc.Result {
		code, ok := krakenCode(pair)
		if !ok {
			continue
		}
		if len(ticker.C) == 0 {
			a.refuse(fmt.Errorf("%s: no last trade", code))
			continue
		}
		a.add(code, ticker.C[0], time.Time{})
	}
	return a.done()
}

func krakenCode(pair string) (string, bool) {
	if code, ok := strings.CutPrefix(pair, "XXBTZ"); ok {
		return code, true
	}
	return strings.CutPrefix(pair, "XBT")
}

// parseBitstamp reads GET /api/v2/ticker/btcusd/: one pair, the last trade and the exchange's Unix time in seconds.
func parseBitstamp(path string, body []byte) (answer, error) {
	var doc struct {
		Pair      string `json:"pair"` // only some versions send it
		Last      text   `json:"last"`
		Timestamp text   `json:"timestamp"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return answer{}, fmt.Errorf("decode: %w", err)
	}
	code := strings.ToUpper(strings.TrimSuffix(strings.TrimPrefix(path, bitstampPath), "/"))
	if doc.Pair != "" && doc.Pair != "BTC/"+code {
		return answer{}, errBase
	}
	seconds, err := strconv.ParseInt(string(doc.Timestamp), 10, 64)
	if err != nil || seconds <= 0 || seconds > maxUnix {
		return answer{}, fmt.Errorf("%q is not a time", clip(string(doc.Timestamp), plainDigits))
	}
	var a answer
	a.add(code, doc.Last, time.Unix(seconds, 0))
	return a.done()
}

// maxUnix is the end of the year 9999, in seconds.
const maxUnix = 253402300799

// parseBitfinex reads GET /v2/tickers: rows of which [0] is the symbol and [7] the last price, numbers unquoted.
func parseBitfinex(_ string, body []byte) (answer, error) {
	var rows []json.RawMessage
	if err := json.Unmarshal(body, &rows); err != nil {
		return answer{}, fmt.Errorf("decode: %w", err)
	}
	var a answer
	for _, raw := range rows {
		var row []text
		if !bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) || json.Unmarshal(raw, &row) != nil || len(row) < 8 {
			a.refuse(errNoPrice) // errors come as ["error", code, "text"]
			continue
		}
		if code, ok := strings.CutPrefix(string(row[0]), "tBTC"); ok {
			a.add(code, row[7], time.Time{})
		}
	}
	return a.done()
}

// parseCoingecko reads GET /api/v3/exchange_rates: by lower-case code, a number per bitcoin and what kind of thing it
// is. Bitcoin itself is listed at 1, which tells that the base is right.
func parseCoingecko(_ string, body []byte) (answer, error) {
	var doc struct {
		Rates map[string]struct {
			Value text   `json:"value"`
			Type  string `json:"type"`
		} `json:"rates"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return answer{}, fmt.Errorf("decode: %w", err)
	}
	if btc, ok := doc.Rates["btc"]; ok && btc.Value != "1" && btc.Value != "1.0" {
		return answer{}, errBase
	}
	var a answer
	for code, r := range doc.Rates {
		if r.Type == "fiat" {
			a.add(code, r.Value, time.Time{})
		}
	}
	return a.done()
}
