package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"satchel/chain"
	"satchel/merchant"
	"satchel/money"
	"satchel/notify"
	"satchel/wallet"
)

// settings is the configuration with its meaning: everything parsed, every secret read.
type settings struct {
	path         string
	network      wallet.Network
	dataDir      string
	publicURLs   []string
	listen       string
	metrics      string
	node         chain.NodeConfig
	zmq          []string
	key          *wallet.WatchKey
	startIndex   uint32
	birthday     int32
	gapLimit     uint32
	merchant     merchant.Settings
	merchantName string
	rates        rateSettings
	allowPrivate bool
	timeout      time.Duration
	retryFor     time.Duration
	mail         *notify.SMTPConfig // nil: no mail is sent
}

type rateSettings struct {
	sources    []string
	minSources int
	maxAge     time.Duration
	spread     money.Percent
	fixed      map[string]money.Rate
}

func (s settings) database() string { return filepath.Join(s.dataDir, "satchel.db") }
func (s settings) socket() string   { return filepath.Join(s.dataDir, "admin.sock") }

// reader collects problems while it gives texts their meaning, so that all are told at once.
type reader struct {
	dir      string // relative paths are relative to the file
	problems []string
}

func (r *reader) problem(key, format string, args ...any) {
	r.problems = append(r.problems, key+": "+fmt.Sprintf(format, args...))
}

// readSettings reads a configuration's text; dir is the folder it lies in.
func readSettings(text, dir string) (settings, []string) {
	c, problems, ok := parseConfig(text)
	if !ok {
		return settings{}, problems
	}
	r := &reader{dir: dir, problems: problems}
	s := settings{
		dataDir: r.path("data_dir", c.DataDir), listen: r.address("api.listen", c.API.Listen, false),
		metrics: r.address("metrics.listen", c.Metrics.Listen, true), zmq: c.Node.ZMQ,
	}
	network, known := wallet.ParseNetwork(c.Network)
	if !known {
		r.problem("network", "%q is not mainnet, testnet4, signet or regtest", c.Network)
	}
	s.network = network
	for _, u := range c.PublicURL {
		s.publicURLs = append(s.publicURLs, r.url("public_url", u))
	}
	if len(c.PublicURL) == 0 {
		r.problem("public_url", "at least one is needed")
	}
	s.node = r.node(c.Node, c.Network)
	r.wallet(c.Wallet, &s)
	shop := r.shop(c)
	s.merchantName, s.merchant = shop.Name, shop.Settings
	s.rates = r.rates(c.Rates, c.Network)
	r.notify(c, &s)
	s.mail = r.mail(c.Mail)
	return s, r.problems
}

func (r *reader) node(c nodeConfig, network string) chain.NodeConfig {
	u := r.url("node.url", c.URL)
	for _, e := range c.ZMQ {
		if !strings.Contains(e, "://") {
			r.problem("node.zmq", "%q is not an endpoint such as tcp://127.0.0.1:28332", e)
		}
	}
	return chain.NodeConfig{
		URL: u, User: c.User, Password: r.secret("node.password", c.Password), Network: network,
		CookieFile: r.path("node.cookie_file", c.CookieFile),
	}
}

func (r *reader) wallet(c walletConfig, s *settings) {
	s.startIndex = r.index("wallet.start_index", c.StartIndex)
	s.birthday = int32(r.index("wallet.birthday", c.Birthday)) //nolint:gosec // index bounds it
	s.gapLimit = r.index("wallet.gap_limit", c.GapLimit)
	if c.Key == "" {
		r.problem("wallet.key", "is missing: an xpub, ypub, zpub, tpub, upub, vpub or a public descriptor")
		return
	}
	if s.network == "" {
		return
	}
	key, err := wallet.ParseKey(c.Key, s.network, wallet.AddressType(c.AddressType))
	if err != nil {
		r.problem("wallet.key", "%s", sentence(err))
		return
	}
	s.key = key
}

func (r *reader) rates(c ratesConfig, network string) rateSettings {
	s := rateSettings{
		sources: c.Sources, minSources: int(c.MinSources), maxAge: r.duration("rates.max_age", c.MaxAge),
		spread: r.percent("rates.spread", c.Spread), fixed: map[string]money.Rate{},
	}
	for i, name := range c.Sources {
		if slices.Contains(c.Sources[:i], name) {
			r.problem("rates.sources", "%q is listed twice", name)
		}
	}
	if len(c.Fixed) > 0 && network == "mainnet" {
		r.problem("rates.fixed", "is refused on mainnet: a stale price there loses money")
	}
	if len(c.Fixed) == 0 && (c.MinSources < 1 || int(c.MinSources) > len(c.Sources)) {
		r.problem("rates.min_sources", "must be between 1 and the number of sources (%d)", len(c.Sources))
	}
	if network == "mainnet" && c.MinSources < 3 {
		r.problem("rates.min_sources", "must be at least 3 on mainnet")
	}
	for code, text := range c.Fixed {
		cur, ok := money.Lookup(code)
		rate, err := money.ParseRate(text)
		if !ok || err != nil {
			r.problem("rates.fixed", "%s = %q: an ISO 4217 currency and a positive decimal are needed", code, text)
			continue
		}
		s.fixed[cur.Code] = rate
	}
	return s
}

func (r *reader) notify(c config, s *settings) {
	s.timeout = r.duration("notify.timeout", c.Notify.Timeout)
	s.retryFor = r.duration("notify.retry_for", c.Notify.RetryFor)
	s.allowPrivate = c.Network == "regtest"
	if c.Notify.AllowPrivate != nil {
		s.allowPrivate = *c.Notify.AllowPrivate
	}
	if s.timeout > 0 && s.timeout < time.Second || s.timeout > 5*time.Minute {
		r.problem("notify.timeout", "must be between 1s and 5m")
	}
}

func (r *reader) duration(key, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		r.problem(key, "%q is not a duration such as 15m", text)
	}
	return d
}

func (r *reader) percent(key, text string) money.Percent {
	p, err := money.ParsePercent(text)
	if err != nil {
		r.problem(key, "%s", sentence(err))
	}
	return p
}

func (r *reader) sats(key, text string) money.Sats {
	s, err := money.ParseSats(text)
	if err != nil {
		r.problem(key, "%s", sentence(err))
	}
	return s
}

func (r *reader) index(key string, v int64) uint32 {
	if v < 0 || v >= 1<<31 {
		r.problem(key, "must be between 0 and %d", int64(1<<31-1))
		return 0
	}
	return uint32(v)
}

func (r *reader) url(key, text string) string {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" {
		r.problem(key, "%q is not a plain http:// or https:// address", bare(text))
	}
	return strings.TrimRight(text, "/")
}

// bare leaves out what stands before the host: it may be a password.
func bare(address string) string {
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		return "…" + address[at:]
	}
	return address
}

func (r *reader) address(key, text string, optional bool) string {
	if text == "" && optional {
		return ""
	}
	if _, _, err := net.SplitHostPort(text); err != nil {
		r.problem(key, "%q is not host:port", text)
	}
	return text
}

func (r *reader) path(key, text string) string {
	if text == "" {
		if key == "data_dir" {
			r.problem(key, "is empty")
		}
		return ""
	}
	p := expand(text)
	if !filepath.IsAbs(p) {
		p = filepath.Join(r.dir, p)
	}
	return p
}

// secret reads "file:PATH", so that a secret need not stand in the configuration.
func (r *reader) secret(key, text string) string {
	path, ok := strings.CutPrefix(text, "file:")
	if !ok {
		return text
	}
	b, err := os.ReadFile(r.path(key, path))
	if err != nil {
		r.problem(key, "cannot read the file it names")
		return ""
	}
	return strings.TrimSpace(string(b))
}
