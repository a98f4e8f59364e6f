package main

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"satchel/auth"
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

func (s settings) database() string { return filepath.Join(s.dataDir, "satchel.db") }
func (s settings) socket() string   { return filepath.Join(s.dataDir, "admin.sock") }

// reader collects problems while it gives texts their meaning, so that all are told at once.
type reader struct {
	dir      string // relative paths are relative to the file
	problems []string
	wrong    map[string]bool // keys and sections whose mistake was told already
}

// told takes the mistakes that the file's keys have by themselves.
func (r *reader) told(mistakes []mistake) {
	r.wrong = map[string]bool{}
	for _, m := range mistakes {
		r.problems = append(r.problems, m.key+": "+m.text)
		r.wrong[m.key], r.wrong[m.hides] = true, true
		if strings.HasPrefix(m.key, "rates.fixed.") {
			r.wrong["rates.fixed"] = true
		}
	}
}

// sound tells that a key's own value was read, and not the default in its place.
func (r *reader) sound(key string) bool {
	section, _, _ := strings.Cut(key, ".")
	return !r.wrong[key] && !r.wrong[section]
}

// has tells that there is something wrong with a key's value.
func (r *reader) has(key string) bool {
	return !r.sound(key) || slices.ContainsFunc(r.problems, func(p string) bool { return strings.HasPrefix(p, key+":") })
}

// problem tells what is wrong with a key's value, unless the key is wrong already: one mistake is one problem.
func (r *reader) problem(key, format string, args ...any) {
	if !r.sound(key) {
		return
	}
	r.problems = append(r.problems, key+": "+fmt.Sprintf(format, args...))
}

// readSettings reads a configuration's text; dir is the folder it lies in.
func readSettings(text, dir string) (settings, []string) {
	c, mistakes, err := parseConfig(text)
	if err != nil {
		return settings{}, []string{err.Error()}
	}
	r := &reader{dir: dir}
	r.told(mistakes)
	s := settings{
		dataDir: r.path("data_dir", c.DataDir), listen: r.address("api.listen", c.API.Listen, false),
		metrics: r.address("metrics.listen", c.Metrics.Listen, true), zmq: c.Node.ZMQ,
	}
	network, known := wallet.ParseNetwork(c.Network)
	switch {
	case !r.sound("network"):
		network = "" // what depends on it is not judged
	case !known:
		r.problem("network", "%q is not mainnet, testnet4, signet or regtest", c.Network)
	}
	s.network = network
	s.publicURLs = r.publicURLs(c.PublicURL)
	if s.metrics != "" && s.metrics == s.listen {
		r.problem("metrics.listen", "%s is the address of api.listen", s.metrics)
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

// publicURLs reads where customers see us, and signatures are made for.
func (r *reader) publicURLs(texts []string) (list []string) {
	for _, text := range texts {
		before := len(r.problems)
		u := r.url("public_url", text)
		if _, err := auth.NewVerifier([]string{u}); err != nil && len(r.problems) == before {
			r.problem("public_url", "%q has more than a host and a path, or no usable host", bare(text))
		}
		list = append(list, u)
	}
	if len(texts) == 0 {
		r.problem("public_url", "at least one is needed")
	}
	return list
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
	_, port, err := net.SplitHostPort(text)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		r.problem(key, "%q is not host:port, such as 127.0.0.1:8350", text)
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
