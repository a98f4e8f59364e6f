package chain

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
)

// credentials are how the node knows us: a user and password, or the cookie file that it writes anew at each start.
// The file is read by us and only when it may have changed: at first, and after the node refused what we had.
type credentials struct {
	file string

	mu         sync.Mutex
	user, pass string
	known      bool
}

// login is one pair as it was sent, so that a refusal can be told from a refusal of an older pair.
type login struct{ user, pass string }

func newCredentials(cfg *NodeConfig) *credentials {
	c := &credentials{file: cfg.CookieFile, user: cfg.User, pass: cfg.Password}
	if c.user != "" || c.pass != "" {
		c.file = ""
	}
	c.known = c.file == ""
	return c
}

// current gives the pair to send.
func (c *credentials) current() (login, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.known {
		if err := c.read(); err != nil {
			return login{}, err
		}
	}
	return login{c.user, c.pass}, nil
}

// renew reads the cookie again after the node refused a pair, and tells whether there is another one to try.
func (c *credentials) renew(refused login) (login, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.file != "" && (login{c.user, c.pass}) == refused {
		if err := c.read(); err != nil {
			c.known = false
			return login{}, false
		}
	}
	now := login{c.user, c.pass}
	return now, now != refused
}

// read takes user and password out of the cookie file. Errors name the file, never its content.
func (c *credentials) read() error {
	text, err := os.ReadFile(c.file)
	if err != nil {
		return fmt.Errorf("read the node's cookie: %w", err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	user, pass, ok := strings.Cut(strings.TrimRight(line, "\r"), ":")
	if !ok {
		return errors.New("read the node's cookie: " + c.file + " does not hold user:password")
	}
	c.user, c.pass, c.known = user, pass, true
	return nil
}
