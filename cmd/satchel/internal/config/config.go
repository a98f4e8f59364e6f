// Package config gives the configuration its meaning: it reads the file over the defaults of config.example.toml, and tells every
// problem at once by the name of its key. A secret is in no problem. It also writes the file of a new installation.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/BurntSushi/toml"

	"satchel"
)

// file is the file as it is written; settings.go gives its texts their meaning.
type file struct {
	Network   string    `toml:"network"`
	DataDir   string    `toml:"data_dir"`
	PublicURL oneOrMore `toml:"public_url"`
	API       struct {
		Listen string `toml:"listen"`
	} `toml:"api"`
	Metrics struct {
		Listen string `toml:"listen"`
	} `toml:"metrics"`
	Node     nodeConfig     `toml:"node"`
	Wallet   walletConfig   `toml:"wallet"`
	Invoice  invoiceConfig  `toml:"invoice"`
	Rates    ratesConfig    `toml:"rates"`
	Notify   notifyConfig   `toml:"notify"`
	Mail     mailConfig     `toml:"mail"`
	Merchant merchantConfig `toml:"merchant"`
}

type nodeConfig struct {
	URL        string   `toml:"url"`
	User       string   `toml:"user"`
	Password   string   `toml:"password"`
	CookieFile string   `toml:"cookie_file"`
	ZMQ        []string `toml:"zmq"`
}

type walletConfig struct {
	Key         string `toml:"key"`
	AddressType string `toml:"address_type"`
	StartIndex  int64  `toml:"start_index"`
	Birthday    int64  `toml:"birthday"`
	GapLimit    int64  `toml:"gap_limit"`
}

type invoiceConfig struct {
	Window           string `toml:"window"`
	Speed            string `toml:"speed"`
	Tolerance        string `toml:"tolerance"`
	InvalidAfter     string `toml:"invalid_after"`
	LateAccept       string `toml:"late_accept"`
	LateMaxMove      string `toml:"late_max_move"`
	ZeroConf         string `toml:"zero_conf"`
	ZeroConfDwell    string `toml:"zero_conf_dwell"`
	ZeroConfMax      string `toml:"zero_conf_max"`
	ZeroConfExposure string `toml:"zero_conf_exposure"`
	MaxOpen          int64  `toml:"max_open"`
}

type ratesConfig struct {
	Sources    []string          `toml:"sources"`
	MinSources int64             `toml:"min_sources"`
	MaxAge     string            `toml:"max_age"`
	Spread     string            `toml:"spread"`
	Fixed      map[string]string `toml:"fixed"`
}

type notifyConfig struct {
	AllowPrivate *bool  `toml:"allow_private"`
	Timeout      string `toml:"timeout"`
	RetryFor     string `toml:"retry_for"`
}

type mailConfig struct {
	SMTP     string `toml:"smtp"`
	From     string `toml:"from"`
	User     string `toml:"user"`
	Password string `toml:"password"`
}

type merchantConfig struct {
	Name              string `toml:"name"`
	NotificationURL   string `toml:"notification_url"`
	FullNotifications bool   `toml:"full_notifications"`
	Currency          string `toml:"currency"`
}

// oneOrMore is a text or an array of texts.
type oneOrMore []string

// UnmarshalTOML takes either form.
func (o *oneOrMore) UnmarshalTOML(v any) error {
	*o = nil
	switch v := v.(type) {
	case string:
		*o = []string{v}
		return nil
	case []any:
		for _, e := range v {
			s, ok := e.(string)
			if !ok {
				return errors.New("must be a text or an array of texts")
			}
			*o = append(*o, s)
		}
		return nil
	}
	return errors.New("must be a text or an array of texts")
}

// defaults gives config.example.toml, which is where they are written down.
func defaults() (file, error) {
	var c file
	if _, err := toml.Decode(satchel.ConfigExample, &c); err != nil {
		return c, fmt.Errorf("the built-in example configuration: %w", err)
	}
	c.Notify.AllowPrivate = nil // the default depends on the network
	return c, nil
}

// decode reads a file's text over the defaults. A text that is no TOML is one mistake, and nothing to read.
func decode(text string) (c file, mistakes []mistake, err error) {
	if c, err = defaults(); err != nil {
		return c, nil, err
	}
	var file map[string]any
	meta, err := toml.Decode(text, &file)
	if err != nil {
		return c, nil, tomlProblem(err)
	}
	return c, fill(&c, file, meta.Keys()), nil
}

// tomlProblem names the line and never quotes it: it may hold a password.
func tomlProblem(err error) error {
	if p, ok := errors.AsType[toml.ParseError](err); ok {
		return fmt.Errorf("line %d: %s", p.Position.Line, p.Message)
	}
	return err
}

// Variable names the configuration where no flag does.
const Variable = "SATCHEL_CONFIG"

// Find is the order in which the configuration is looked for.
func Find(flag string) (string, error) {
	if named := cmp.Or(flag, os.Getenv(Variable)); named != "" {
		return named, nil
	}
	candidates := []string{"satchel.toml", Expand("~/.satchel/satchel.toml")}
	for _, path := range candidates {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no configuration at %s; make one with `satchel init`, or name it with --config", strings.Join(candidates, " or "))
}

// Read finds and reads the configuration, and lists its problems.
func Read(flag string) (Settings, []string, error) {
	path, err := Find(flag)
	if err != nil {
		return Settings{}, nil, err
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if errors.Is(err, os.ErrNotExist) {
		return Settings{}, nil, fmt.Errorf("there is no configuration at %s; make one with `satchel --config %s init`, or name another with --config", path, path)
	}
	if err != nil {
		return Settings{}, nil, err
	}
	s, problems := Parse(string(text), filepath.Dir(path))
	s.Path = path
	return s, problems, nil
}

// Load is Read with every problem in the error.
func Load(flag string) (Settings, error) {
	s, problems, err := Read(flag)
	if err == nil {
		err = Faulty(s.Path, problems)
	}
	return s, err
}

// Faulty is all problems of a file as one error.
func Faulty(path string, problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("%s:\n  %s", path, strings.Join(problems, "\n  "))
}

// Expand resolves a leading "~/".
func Expand(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	if !ok {
		return path
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return path
	}
	return filepath.Join(home, rest)
}
