package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// cost is what one hash of a password costs (RFC 9106): memory in KiB, passes, lanes.
type cost struct {
	memory, passes uint32
	lanes          uint8
}

// usual is the least that OWASP's password storage cheat sheet asks for, so that a small machine is not pushed over by a
// few people who sign in.
func usual() cost { return cost{memory: 19 << 10, passes: 2, lanes: 1} }

// Sizes of a hash, and the most that a stored one may ask for: a damaged record must not take the memory of the machine.
const (
	saltLen   = 16
	hashLen   = 32
	maxMemory = 1 << 20 // KiB
	maxPasses = 64
)

// hashes computes a few hashes at a time: each takes memory, and anybody can ask for one.
type hashes struct{ room chan struct{} }

func newHashes(atOnce int) hashes { return hashes{room: make(chan struct{}, atOnce)} }

// enter waits for a place.
func (h hashes) enter(ctx context.Context) (leave func(), err error) {
	select {
	case h.room <- struct{}{}:
		return func() { <-h.room }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// hashPassword makes the PHC string of a password with a new salt.
func (c cost) hashPassword(password string) string {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	return c.format(salt, c.key(password, salt, hashLen))
}

func (c cost) key(password string, salt []byte, size uint32) []byte {
	return argon2.IDKey([]byte(password), salt, c.passes, c.memory, c.lanes, size)
}

func (c cost) format(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, c.memory, c.passes, c.lanes, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// errHash is a stored hash that cannot be read.
var errHash = errors.New("the stored hash of a password cannot be read")

// parsePassword reads what format wrote.
func parsePassword(text string) (c cost, salt, key []byte, err error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return c, nil, nil, errHash
	}
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.memory, &c.passes, &c.lanes); err != nil || n != 3 {
		return c, nil, nil, errHash
	}
	salt, errSalt := base64.RawStdEncoding.DecodeString(parts[4])
	key, errKey := base64.RawStdEncoding.DecodeString(parts[5])
	if errSalt != nil || errKey != nil || !c.sane() || len(salt) < 8 || len(key) < 16 || len(key) > 64 {
		return c, nil, nil, errHash
	}
	return c, salt, key, nil
}

func (c cost) sane() bool {
	return c.memory > 0 && c.memory <= maxMemory && c.passes > 0 && c.passes <= maxPasses && c.lanes > 0
}

// isPassword compares a password with a stored hash. Without a hash it takes as long and is false, so that the time tells
// nobody which names there are.
func (c cost) isPassword(password, stored string) (bool, error) {
	if stored == "" {
		c.key(password, make([]byte, saltLen), hashLen)
		return false, nil
	}
	was, salt, key, err := parsePassword(stored)
	if err != nil {
		return false, err
	}
	got := was.key(password, salt, uint32(len(key))) //nolint:gosec // at most 64
	return subtle.ConstantTimeCompare(got, key) == 1, nil
}
