package bitpay

import (
	"strconv"
	"time"
	"unicode/utf8"

	"satchel/money"
)

// encoder appends a JSON document. It writes a comma wherever something stands before, so that members may be left out
// freely. Amounts go in as integers and come out as decimals; there is no way to put in a float.
type encoder struct{ b []byte }

func newEncoder(size int) *encoder { return &encoder{b: make([]byte, 0, size)} }

// sep writes the comma between two values.
func (e *encoder) sep() {
	if n := len(e.b); n > 0 {
		switch e.b[n-1] {
		case '{', '[', ':':
		default:
			e.b = append(e.b, ',')
		}
	}
}

func (e *encoder) name(name string) {
	e.sep()
	e.b = append(e.b, '"')
	e.b = append(e.b, name...)
	e.b = append(e.b, '"', ':')
}

func (e *encoder) open() {
	e.sep()
	e.b = append(e.b, '{')
}
func (e *encoder) close() { e.b = append(e.b, '}') }

func (e *encoder) openIn(name string) {
	e.name(name)
	e.open()
}

func (e *encoder) openList(name string) {
	e.name(name)
	e.b = append(e.b, '[')
}
func (e *encoder) closeList() { e.b = append(e.b, ']') }

func (e *encoder) text(name, v string) {
	e.name(name)
	e.b = appendString(e.b, v)
}

// opt writes a text unless it is empty: absent and empty are one thing on this wire.
func (e *encoder) opt(name, v string) {
	if v != "" {
		e.text(name, v)
	}
}

func (e *encoder) raw(name, v string) {
	e.name(name)
	e.b = append(e.b, v...)
}

func (e *encoder) flag(name string, v bool) {
	e.name(name)
	e.b = strconv.AppendBool(e.b, v)
}

func (e *encoder) int(name string, v int64) {
	e.name(name)
	e.b = strconv.AppendInt(e.b, v, 10)
}

// millis writes a time as milliseconds since 1970.
func (e *encoder) millis(name string, t time.Time) { e.int(name, t.UnixMilli()) }

// iso writes a time in ISO 8601, UTC, with milliseconds.
func (e *encoder) iso(name string, t time.Time) {
	e.name(name)
	e.b = append(e.b, '"')
	e.b = t.UTC().AppendFormat(e.b, "2006-01-02T15:04:05.000Z")
	e.b = append(e.b, '"')
}

// sats writes an amount as an integer of satoshis.
func (e *encoder) sats(name string, v money.Sats) { e.int(name, int64(v)) }

// btc writes an amount as a text of bitcoin with eight decimals.
func (e *encoder) btc(name string, v money.Sats) {
	e.name(name)
	e.b = append(e.b, '"')
	e.b = appendBTC(e.b, v)
	e.b = append(e.b, '"')
}

// bitcoin is a map of one coin: {"BTC": …}.
func (e *encoder) bitcoin(name string, inner func()) {
	e.openIn(name)
	inner()
	e.close()
}

// appendBTC appends bitcoin with eight decimals, as money.Sats formats it.
func appendBTC(b []byte, s money.Sats) []byte {
	v := uint64(s) //nolint:gosec // the sign is taken off next
	if s < 0 {
		b, v = append(b, '-'), -v
	}
	const unit = uint64(money.Bitcoin)
	b = strconv.AppendUint(b, v/unit, 10)
	b = append(b, '.')
	for d := unit / 10; d > 0; d /= 10 {
		b = append(b, byte('0'+v/d%10))
	}
	return b
}

const hexDigits = "0123456789abcdef"

// appendString appends a JSON string. Escaped are also the characters that end a script element or a line of JavaScript,
// since some shops put documents straight into a page.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' && c != '<' {
				i++
				continue
			}
			b = append(b, s[from:i]...)
			b = appendEscape(b, c)
			i++
			from = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 || r == 0x2028 || r == 0x2029 {
			b = append(b, s[from:i]...)
			b = append(b, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
			from = i + size
		}
		i += size
	}
	return append(append(b, s[from:]...), '"')
}

func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
