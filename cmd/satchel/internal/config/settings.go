package config

import (
	"fmt"
	"math"
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
	"satchel/fault"
	"satchel/merchant"
	"satchel/money"
	"satchel/notify"
	"satchel/wallet"
)

// Settings is the configuration with its meaning: everything parsed, every secret read.
type Settings struct {
	Path         string
	Network      wallet.Network
	DataDir      string
	PublicURLs   []string
	Listen       string
	Metrics      string
	Node         chain.NodeConfig
	ZMQ          []string
	Key          *wallet.WatchKey
	StartIndex   uint32
	Birthday     int32
	GapLimit     uint32
	Merchant     merchant.Settings
	MerchantName string
	Rates        Rates
	AllowPrivate bool
	Timeout      time.Duration
	RetryFor     time.Duration
	Mail         *notify.SMTPConfig // nil: no mail is sent
}

// Database is where the state is kept.
func (s Settings) Database() string { return filepath.Join(s.DataDir, "satchel.db") }

// Socket is where the running daemon takes the operator's commands.
func (s Settings) Socket() string { return filepath.Join(s.DataDir, "admin.sock") }

// Reader collects problems while it gives texts their meaning, so that all are told at once.
type Reader struct {
	dir      string // relative paths are relative to the file
	Problems []string
	wrong    map[string]bool // keys and sections whose mistake was told already
}

// told takes the mistakes that the file's keys have by themselves.
func (r *Reader) told(mistakes []mistake) {
	r.wrong = map[string]bool{}
	for _, m := range mistakes {
		r.Problems = append(r.Problems, m.key+": "+m.text)
		r.wrong[m.key], r.wrong[m.hides] = true, true
		if strings.HasPrefix(m.key, "rates.fixed.") {
			r.wrong["rates.fixed"] = true
		}
	}
}

// sound tells that a key's own value was read, and not the default in its place.
func (r *Reader) sound(key string) bool {
	section, _, _ := strings.Cut(key, ".")
	return !r.wrong[key] && !r.wrong[section]
}

// has tells that there is something wrong with a key's value.
func (r *Reader) has(key string) bool {
	return !r.sound(key) || slices.ContainsFunc(r.Problems, func(p string) bool { return strings.HasPrefix(p, key+":") })
}

// Problem tells what is wrong with a key's value, unless the key is wrong already: one mistake is one problem.
func (r *Reader) Problem(key, format string, args ...any) {
	if !r.sound(key) {
		return
	}
	r.Problems = append(r.Problems, key+": "+fmt.Sprintf(format, args...))
}

// Parse reads a configuration's text; dir is the folder it lies in.
func Parse(text, dir string) (Settings, []string) {
	c, mistakes, err := decode(text)
	if err != nil {
		return Settings{}, []string{err.Error()}
	}
	r := &Reader{dir: dir}
	r.told(mistakes)
	s := Settings{
		DataDir: r.path("data_dir", c.DataDir), Listen: r.address("api.listen", c.API.Listen, false),
		Metrics: r.address("metrics.listen", c.Metrics.Listen, true), ZMQ: c.Node.ZMQ,
	}
	network, known := wallet.ParseNetwork(c.Network)
	switch {
	case !r.sound("network"):
		network = "" // what depends on it is not judged
	case !known:
		r.Problem("network", "%q is not mainnet, testnet4, signet or regtest", c.Network)
	}
	s.Network = network
	s.PublicURLs = r.publicURLs(c.PublicURL)
	if s.Metrics != "" && s.Metrics == s.Listen {
		r.Problem("metrics.listen", "%s is the address of api.listen", s.Metrics)
	}
	s.Node = r.node(c.Node, c.Network)
	r.wallet(c.Wallet, &s)
	shop := r.shop(c)
	s.MerchantName, s.Merchant = shop.Name, shop.Settings
	s.Rates = r.rates(c.Rates, c.Network)
	r.notify(c, &s)
	s.Mail = r.mail(c.Mail)
	return s, r.Problems
}

// publicURLs reads where customers see us, and signatures are made for.
func (r *Reader) publicURLs(texts []string) (list []string) {
	for _, text := range texts {
		before := len(r.Problems)
		u := r.url("public_url", text)
		if _, err := auth.NewVerifier([]string{u}); err != nil && len(r.Problems) == before {
			r.Problem("public_url", "%q has more than a host and a path, or no usable host", bare(text))
		}
		list = append(list, u)
	}
	if len(texts) == 0 {
		r.Problem("public_url", "at least one is needed")
	}
	return list
}

func (r *Reader) node(c nodeConfig, network string) chain.NodeConfig {
	u := r.url("node.url", c.URL)
	for _, e := range c.ZMQ {
		if !strings.Contains(e, "://") {
			r.Problem("node.zmq", "%q is not an endpoint such as tcp://127.0.0.1:28332", e)
		}
	}
	return chain.NodeConfig{
		URL: u, User: c.User, Password: r.secret("node.password", c.Password), Network: network,
		CookieFile: r.path("node.cookie_file", c.CookieFile),
	}
}

func (r *Reader) wallet(c walletConfig, s *Settings) {
	s.StartIndex = r.Index("wallet.start_index", c.StartIndex)
	s.Birthday = int32(r.Index("wallet.birthday", c.Birthday)) //nolint:gosec // index bounds it
	s.GapLimit = r.Index("wallet.gap_limit", c.GapLimit)
	if c.Key == "" {
		r.Problem("wallet.key", "is missing: an xpub, ypub, zpub, tpub, upub, vpub or a public descriptor")
		return
	}
	if s.Network == "" {
		return
	}
	key, err := wallet.ParseKey(c.Key, s.Network, wallet.AddressType(c.AddressType))
	if err != nil {
		r.Problem("wallet.key", "%s", fault.Sentence(err))
		return
	}
	s.Key = key
}

func (r *Reader) notify(c file, s *Settings) {
	s.Timeout = r.between("notify.timeout", c.Notify.Timeout, time.Second, 5*time.Minute)
	s.RetryFor = r.between("notify.retry_for", c.Notify.RetryFor, time.Second, forever)
	s.AllowPrivate = c.Network == "regtest"
	if c.Notify.AllowPrivate != nil {
		s.AllowPrivate = *c.Notify.AllowPrivate
	}
}

func (r *Reader) duration(key, text string) time.Duration {
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		r.Problem(key, "%q is not a duration such as 15m", text)
	}
	return d
}

// forever is no upper bound.
const forever = time.Duration(math.MaxInt64)

// between is a duration with bounds. Zero is none: a part that gets it would take its own default for it.
func (r *Reader) between(key, text string, least, most time.Duration) time.Duration {
	before := len(r.Problems)
	d := r.duration(key, text)
	switch {
	case len(r.Problems) > before || least <= d && d <= most:
	case most == forever:
		r.Problem(key, "must be at least %s", short(least))
	default:
		r.Problem(key, "must be between %s and %s", short(least), short(most))
	}
	return d
}

// short writes a duration as people do: 5m, and not 5m0s.
func short(d time.Duration) string {
	return strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(d.String())
}

func (r *Reader) percent(key, text string) money.Percent {
	p, err := money.ParsePercent(text)
	if err != nil {
		r.Problem(key, "%s", fault.Sentence(err))
	}
	return p
}

func (r *Reader) sats(key, text string) money.Sats {
	s, err := money.ParseSats(text)
	if err != nil {
		r.Problem(key, "%s", fault.Sentence(err))
	}
	return s
}

// Index reads an index of an address, or a height.
func (r *Reader) Index(key string, v int64) uint32 {
	if v < 0 || v >= 1<<31 {
		r.Problem(key, "must be between 0 and %d", int64(1<<31-1))
		return 0
	}
	return uint32(v)
}

func (r *Reader) url(key, text string) string {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" {
		r.Problem(key, "%q is not a plain http:// or https:// address", bare(text))
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

func (r *Reader) address(key, text string, optional bool) string {
	if text == "" && optional {
		return ""
	}
	_, port, err := net.SplitHostPort(text)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		r.Problem(key, "%q is not host:port, such as 127.0.0.1:8350", text)
	}
	return text
}

func (r *Reader) path(key, text string) string {
	if text == "" {
		if key == "data_dir" {
			r.Problem(key, "is empty")
		}
		return ""
	}
	p := Expand(text)
	if !filepath.IsAbs(p) {
		p = filepath.Join(r.dir, p)
	}
	return p
}

// secret reads "file:PATH", so that a secret need not stand in the configuration.
func (r *Reader) secret(key, text string) string {
	path, ok := strings.CutPrefix(text, "file:")
	if !ok {
		return text
	}
	b, err := os.ReadFile(r.path(key, path))
	if err != nil {
		r.Problem(key, "cannot read the file it names")
		return ""
	}
	return strings.TrimSpace(string(b))
}

// Refusal is all problems as one error.
func (r *Reader) Refusal() error {
	return fault.New(fault.Invalid, "%s", strings.Join(r.Problems, "\n  "))
}
