package wallet

import (
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

// hardened is the first index of hardened derivation, which needs the private key (BIP32).
const hardened = 1 << 31

// expression is a parsed key or descriptor: its text with @ in the place of every key, and the keys.
type expression struct {
	template string
	keys     []keyExpression
}

// keyExpression is one key with where it comes from and how it is derived further (BIP380, BIP389).
type keyExpression struct {
	origin   string   // "[f00dbabe/84h/0h/0h]" or empty
	key      extended // zero for a plain key
	plain    string   // a single public key, or a hash, in hex
	path     []uint32 // the steps after the key, unhardened, without the *
	ranged   bool     // ends in /*
	branches int      // how many branches <0;1> names; 0 without one
}

// ranged tells whether the addresses of an expression differ by index.
func (e expression) ranged() bool {
	return slices.ContainsFunc(e.keys, func(k keyExpression) bool { return k.ranged })
}

// render writes the expression with its keys, canonically.
func (e expression) render(write func(keyExpression) string) string {
	var out strings.Builder
	next := 0
	for _, part := range strings.SplitAfter(e.template, "@") {
		body, isKey := strings.CutSuffix(part, "@")
		out.WriteString(body)
		if isKey {
			out.WriteString(write(e.keys[next]))
			next++
		}
	}
	return out.String()
}

// String writes a key expression as the node does: h for hardened steps, xpub or tpub, the receiving branch.
func (k keyExpression) String() string {
	if k.plain != "" {
		return k.origin + k.plain
	}
	return k.origin + k.key.String() + k.steps()
}

func (k keyExpression) steps() string {
	var out strings.Builder
	for _, step := range k.path {
		out.WriteString("/" + strconv.FormatUint(uint64(step), 10))
	}
	if k.ranged {
		out.WriteString("/*")
	}
	return out.String()
}

// parser reads a descriptor once, left to right. It accepts only words it can name, so nothing unknown, least of all
// a private key, can hide in what is kept.
type parser struct {
	text     string
	at       int
	network  Network
	open     []byte // the brackets that wait for their partner, outermost first
	template strings.Builder
	keys     []keyExpression
}

// parseExpression reads a descriptor without its checksum, or a bare key.
func parseExpression(text string, network Network) (expression, error) {
	p := &parser{text: text, network: network}
	for p.at < len(p.text) {
		if err := p.next(); err != nil {
			return expression{}, err
		}
	}
	if len(p.open) > 0 {
		return expression{}, refuse("the descriptor is cut short: a bracket is not closed")
	}

	branches := 0
	for _, k := range p.keys {
		if k.branches > 0 && branches > 0 && k.branches != branches {
			return expression{}, refuse("the keys of the descriptor name different numbers of branches between < and >")
		}
		branches = max(branches, k.branches)
	}
	return expression{template: p.template.String(), keys: p.keys}, nil
}

// next reads one key, word or mark.
func (p *parser) next() error {
	c := p.text[p.at]
	switch {
	case c == '[' || isWord(rune(c)):
		return p.word()
	case c == '(' || c == '{':
		p.open = append(p.open, c)
	case c == ')' || c == '}':
		if err := p.closeBracket(c); err != nil {
			return err
		}
	case (c == ',' || c == ':') && len(p.open) > 0:
	default:
		return refuse("the key has a character where none belongs; give one extended public key or one descriptor, and nothing else")
	}
	p.template.WriteByte(c)
	p.at++
	return nil
}

func (p *parser) closeBracket(c byte) error {
	last := len(p.open) - 1
	if last < 0 || (p.open[last] == '(') != (c == ')') {
		return refuse("the descriptor's brackets do not match; copy it again from your wallet")
	}
	p.open = p.open[:last]
	if last == 0 && p.at+1 < len(p.text) {
		return refuse("something follows the end of the descriptor; only #checksum may")
	}
	return nil
}

// word reads a key with its origin and path, or a name, a number or a hash.
func (p *parser) word() error {
	var key keyExpression
	if p.text[p.at] == '[' {
		origin, err := p.origin()
		if err != nil {
			return err
		}
		key.origin = origin
	}
	token := p.take(isWord)
	switch {
	case looksExtended(token):
		return p.extended(token, key)
	case isHex(token):
		if len(token) == 64 && !p.takesBareX() {
			return refusePrivate()
		}
		key.plain = strings.ToLower(token)
		p.keys = append(p.keys, key)
		p.template.WriteByte('@')
		return nil
	case key.origin != "":
		return refuse("no public key follows the [fingerprint/path]; copy the key again from your wallet")
	case len(p.open) == 0 && !strings.HasPrefix(p.text[p.at:], "("), !isName(token):
		return refuse("this is neither an extended public key (xpub, ypub, zpub, tpub, upub, vpub) nor a public descriptor")
	}
	p.template.WriteString(token)
	return nil
}

// takesBareX tells whether 64 hex digits are public at this place: a key without its first byte, which only taproot
// descriptors have (BIP386), or the hash of a secret. Anywhere else they are taken for a private key.
func (p *parser) takesBareX() bool {
	before := p.template.String()
	return strings.HasPrefix(before, "tr(") || strings.HasPrefix(before, "rawtr(") || strings.HasSuffix(before, "256(")
}

func (p *parser) extended(token string, key keyExpression) (err error) {
	if key.key, err = parseExtended(token, p.network); err != nil {
		return err
	}
	if err = p.path(&key); err != nil {
		return err
	}
	if int(key.key.Depth())+len(key.path) >= 255 {
		return refuse("the key's path is deeper than the 255 steps that exist")
	}
	p.keys = append(p.keys, key)
	p.template.WriteByte('@')
	return nil
}

// origin reads "[f00dbabe/84'/0h/0H]" and gives it with h's and a fingerprint in lower case.
func (p *parser) origin() (string, error) {
	inner, _, closed := strings.Cut(p.text[p.at+1:], "]")
	if !closed {
		return "", refuse("the key's [fingerprint/path] is not closed")
	}
	p.at += len(inner) + 2

	steps := strings.Split(inner, "/")
	if fingerprint, err := hex.DecodeString(steps[0]); err != nil || len(fingerprint) != 4 {
		return "", refuse("the fingerprint in the key's [fingerprint/path] is not eight hex digits")
	}
	var out strings.Builder
	out.WriteString("[" + strings.ToLower(steps[0]))
	for _, text := range steps[1:] {
		step, isHardened, ok := parseStep(text)
		if !ok {
			return "", refuse("a step in the key's [fingerprint/path] is not a number below 2147483648, with h if it is hardened")
		}
		out.WriteString("/" + strconv.FormatUint(uint64(step), 10))
		if isHardened {
			out.WriteByte('h')
		}
	}
	return out.String() + "]", nil
}

// path reads the steps after a key: "/0/*", "/<0;1>/*", "/*".
func (p *parser) path(key *keyExpression) error {
	for p.at < len(p.text) && p.text[p.at] == '/' {
		if key.ranged {
			return refuse("a step follows the * of a key's path; the * comes last")
		}
		p.at++
		step := p.take(func(c rune) bool { return isWord(c) || strings.ContainsRune("*'<;>", c) })
		var err error
		if strings.HasPrefix(step, "<") {
			err = key.branch(step)
		} else {
			err = key.step(step)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// step adds one plain step, or the *.
func (k *keyExpression) step(text string) error {
	if text == "*" {
		k.ranged = true
		return nil
	}
	number, wild := strings.CutPrefix(text, "*")
	if wild {
		number = "0" + number
	}
	step, isHardened, ok := parseStep(number)
	switch {
	case !ok || wild && !isHardened:
		return refuse("a step after the key is not a number below 2147483648, and not a * at the end")
	case isHardened:
		return refuse("a hardened step follows the public key, which needs the private one; export the public key below that step")
	}
	k.path = append(k.path, step)
	return nil
}

// branch adds the first of the branches that "<0;1>" names: the one for receiving (BIP389).
func (k *keyExpression) branch(text string) error {
	inner, closed := strings.CutSuffix(text[1:], ">")
	if !closed || k.branches > 0 {
		return refuse("the branches between < and > are not written as <0;1>, once for a key")
	}
	var steps []uint32
	for part := range strings.SplitSeq(inner, ";") {
		step, isHardened, ok := parseStep(part)
		switch {
		case isHardened:
			return refuse("a hardened step follows the public key, which needs the private one; export the public key below that step")
		case !ok || slices.Contains(steps, step):
			return refuse("the branches between < and > are not different numbers below 2147483648")
		}
		steps = append(steps, step)
	}
	if len(steps) < 2 {
		return refuse("there is only one branch between < and >; write it without them")
	}
	k.branches = len(steps)
	k.path = append(k.path, steps[0])
	return nil
}

func (p *parser) take(wanted func(rune) bool) string {
	start := p.at
	for p.at < len(p.text) && wanted(rune(p.text[p.at])) {
		p.at++
	}
	return p.text[start:p.at]
}

// parseStep reads "84", "84h", "84H" or "84'".
func parseStep(text string) (step uint32, isHardened, ok bool) {
	digits := strings.TrimRight(text, "hH'")
	if len(text)-len(digits) > 1 || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return 0, false, false
	}
	v, err := strconv.ParseUint(digits, 10, 31)
	return uint32(v), digits != text, err == nil
}

// looksExtended tells whether a word is meant as an extended key, even if it is mistyped.
func looksExtended(token string) bool {
	return len(token) >= 4 && token[1:4] == "pub" || len(token) > 100 && !isHex(token)
}

// isHex tells whether a word is a public key, a key without its first byte, or a hash.
func isHex(token string) bool {
	switch len(token) {
	case 40, 64, 66, 130:
		_, err := hex.DecodeString(token)
		return err == nil
	}
	return false
}

// isName tells whether a word is a function, a wrapper or a number of a descriptor. The longest are sortedmulti_a and
// ten digits.
func isName(token string) bool {
	return token != "" && len(token) <= 14 && strings.Trim(token, "abcdefghijklmnopqrstuvwxyz0123456789_") == ""
}
