package main

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

// config is the file as it is written; settings.go gives its texts their meaning.
type config struct {
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
func defaults() (config, error) {
	var c config
	if _, err := toml.Decode(satchel.ConfigExample, &c); err != nil {
		return c, fmt.Errorf("the built-in example configuration: %w", err)
	}
	c.Notify.AllowPrivate = nil // the default depends on the network
	return c, nil
}

// parseConfig reads a file's text over the defaults. A text that is no TOML is one mistake, and nothing to read.
func parseConfig(text string) (c config, mistakes []mistake, err error) {
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

// configVariable names the configuration where no flag does.
const configVariable = "SATCHEL_CONFIG"

// findConfig is the order in which the configuration is looked for.
func findConfig(flag string) (string, error) {
	if named := cmp.Or(flag, os.Getenv(configVariable)); named != "" {
		return named, nil
	}
	candidates := []string{"satchel.toml", expand("~/.satchel/satchel.toml")}
	for _, path := range candidates {
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no configuration at %s; make one with `satchel init`, or name it with --config", strings.Join(candidates, " or "))
}

// readConfig finds and reads the configuration, and lists its problems.
func readConfig(flag string) (settings, []string, error) {
	path, err := findConfig(flag)
	if err != nil {
		return settings{}, nil, err
	}
	text, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if errors.Is(err, os.ErrNotExist) {
		return settings{}, nil, fmt.Errorf("there is no configuration at %s; make one with `satchel --config %s init`, or name another with --config", path, path)
	}
	if err != nil {
		return settings{}, nil, err
	}
	s, problems := readSettings(string(text), filepath.Dir(path))
	s.path = path
	return s, problems, nil
}

// loadConfig is readConfig with every problem in the error.
func loadConfig(flag string) (settings, error) {
	s, problems, err := readConfig(flag)
	if err == nil {
		err = faulty(s.path, problems)
	}
	return s, err
}

// faulty is all problems of a file as one error.
func faulty(path string, problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	return fmt.Errorf("%s:\n  %s", path, strings.Join(problems, "\n  "))
}

// expand resolves a leading "~/".
func expand(path string) string {
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
