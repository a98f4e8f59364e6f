package rate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// source is one place to ask. It is only a description: what it said is kept by the Service.
type source struct {
	name      string
	base      string
	paths     []string // each is asked in turn; one that fails does not spoil the others
	aggregate bool     // made from other sources' prices, so it may not outvote them
	slow      int      // asked every slow-th interval only
	parse     func(path string, body []byte) (answer, error)
}

const bitstampPath = "/api/v2/ticker/btc"

// Fixed is the name among the sources that stands for the configured fixed rates.
const Fixed = "fixed"

// catalogue lists the sources there are. Kraken answers a list of pairs with an error when it knows one of them not,
// so the two pairs that matter most are asked on their own.
func catalogue() []source {
	return []source{
		{
			name: "coinbase", base: "https://api.coinbase.com", slow: 1, parse: parseCoinbase,
			paths: []string{"/v2/exchange-rates?currency=BTC"},
		},
		{
			name: "kraken", base: "https://api.kraken.com", slow: 1, parse: parseKraken,
			paths: []string{
				"/0/public/Ticker?pair=XBTUSD,XBTEUR",
				"/0/public/Ticker?pair=XBTGBP,XBTCAD,XBTJPY,XBTCHF,XBTAUD",
			},
		},
		{
			name: "bitstamp", base: "https://www.bitstamp.net", slow: 1, parse: parseBitstamp,
			paths: []string{bitstampPath + "usd/", bitstampPath + "eur/", bitstampPath + "gbp/"},
		},
		{
			name: "bitfinex", base: "https://api-pub.bitfinex.com", slow: 1, parse: parseBitfinex,
			paths: []string{"/v2/tickers?symbols=tBTCUSD,tBTCEUR,tBTCGBP,tBTCJPY"},
		},
		{
			name: "coingecko", base: "https://api.coingecko.com", slow: 2, parse: parseCoingecko, aggregate: true,
			paths: []string{"/api/v3/exchange_rates"},
		},
	}
}

// Sources lists the names that a configuration may use.
func Sources() []string {
	names := make([]string, 0, 6)
	for _, s := range catalogue() {
		names = append(names, s.name)
	}
	return append(names, Fixed)
}

func find(name string) (source, bool) {
	all := catalogue()
	i := slices.IndexFunc(all, func(s source) bool { return s.name == name })
	if i < 0 {
		return source{}, false
	}
	return all[i], true
}

// Limits of one answer.
const (
	maxBody      = 2 << 20          // bytes, after decompression
	askTimeout   = 10 * time.Second // for all paths of a source together
	maxRedirects = 3
)

// refusal is an HTTP status that is not 200.
type refusal struct {
	status int
	retry  time.Duration // what Retry-After asked for; 0: nothing
}

// Error names the status.
func (r *refusal) Error() string { return "HTTP status " + strconv.Itoa(r.status) }

var errTooLarge = errors.New("the answer is larger than 2 MiB")

// ask asks every path of a source. It gives what could be had, and the first failure.
func (s source) ask(ctx context.Context, client *http.Client) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var all answer
	var first error
	for _, path := range s.paths {
		a, err := s.askPath(ctx, client, path)
		all.prices = append(all.prices, a.prices...)
		all.refused += a.refused
		if all.first == nil {
			all.first = a.first
		}
		if err != nil && first == nil {
			first = err
		}
	}
	return all, first
}

func (s source) askPath(ctx context.Context, client *http.Client, path string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+path, http.NoBody)
	if err != nil {
		return answer{}, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("User-Agent", "satchel")
	req.Header.Set("Accept", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, fmt.Errorf("ask: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return answer{}, &refusal{status: resp.StatusCode, retry: retryAfter(resp.Header.Get("Retry-After"))}
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return answer{}, fmt.Errorf("read answer: %w", err)
	}
	if len(body) > maxBody {
		return answer{}, errTooLarge
	}
	return s.parse(path, body)
}

// retryAfter reads a Retry-After header in seconds (RFC 9110); a date or nonsense is 0.
func retryAfter(value string) time.Duration {
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(min(n, 3600))*time.Second, longest)
}

// newClient copies the given client, or makes one, with limits on everything a server decides. A redirect may not leave
// the host or the scheme: it is the host whose certificate was configured to be believed.
func newClient(given *http.Client) *http.Client {
	c := http.Client{}
	if given != nil {
		c = *given
	}
	if c.Transport == nil {
		if t, ok := http.DefaultTransport.(*http.Transport); ok {
			t = t.Clone()
			t.MaxResponseHeaderBytes = 64 << 10
			t.TLSHandshakeTimeout = askTimeout / 2
			t.ResponseHeaderTimeout = askTimeout
			c.Transport = t
		}
	}
	if c.Timeout == 0 {
		c.Timeout = askTimeout
	}
	c.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if from := via[0].URL; len(via) > maxRedirects || req.URL.Host != from.Host || req.URL.Scheme != from.Scheme {
			return fmt.Errorf("redirect to %s refused", clip(req.URL.Host, 64))
		}
		return nil
	}
	return &c
}
