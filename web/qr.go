package web

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"unicode/utf8"

	"rsc.io/qr"

	"satchel/invoice"
	"satchel/money"
)

// quiet is the white border that ISO/IEC 18004 asks for, in modules.
const quiet = 4

// maxLabel bounds label and message in a payment request, each in characters and in escaped bytes, so that the code stays
// easy to scan.
const (
	maxLabel   = 32
	maxEscaped = 60
)

// request is what a wallet is asked to pay.
type request struct {
	Address string
	Due     money.Sats // 0: what the payer likes
	Label   string     // who is paid
	Message string     // what for
}

// paymentURI writes a BIP21 request.
func paymentURI(r request) string {
	var q []string
	if r.Due > 0 {
		q = append(q, "amount="+r.Due.Number())
	}
	if label := brief(r.Label); label != "" {
		q = append(q, "label="+label)
	}
	if message := brief(r.Message); message != "" {
		q = append(q, "message="+message)
	}
	uri := "bitcoin:" + percent(r.Address)
	if len(q) > 0 {
		uri += "?" + strings.Join(q, "&")
	}
	return uri
}

// protocolURI writes a BIP72 request without an address: the wallet asks the server how to pay.
func protocolURI(base string, id invoice.ID) string { return "bitcoin:?r=" + base + "/i/" + string(id) }

// brief gives a text escaped and shortened by whole characters.
func brief(text string) string {
	text = clean(text, maxLabel)
	for len(percent(text)) > maxEscaped {
		cut := strings.TrimSuffix(text, "…")
		_, last := utf8.DecodeLastRuneInString(cut)
		text = cut[:len(cut)-last] + "…"
	}
	return percent(text)
}

// percent escapes everything but the unreserved characters of RFC 3986, spaces as %20.
func percent(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// code is a QR code as a path of SVG, stroked one module wide, in a square of Size modules with the quiet zone included.
// Lines run through the middle of a row, so the square begins half a module above 0.
type code struct {
	Size int    `json:"size"`
	Path string `json:"path"`
}

// encode draws a text with medium error correction; a run of dark modules becomes one line.
func encode(text string) (code, error) {
	c, err := qr.Encode(text, qr.M)
	if err != nil {
		return code{}, fmt.Errorf("encode QR: %w", err)
	}
	var p strings.Builder
	for y := range c.Size {
		for x := 0; x < c.Size; x++ {
			start := x
			for c.Black(x, y) {
				x++
			}
			if n := x - start; n > 0 {
				fmt.Fprintf(&p, "M%d %dh%d", start+quiet, y+quiet, n)
			}
		}
	}
	return code{Size: c.Size + 2*quiet, Path: p.String()}, nil
}

// generation is how many codes are remembered before those that nobody asked for since are forgotten.
const generation = 256

// codes remembers the codes of late, so that an invoice's is encoded once while people look at it. The zero value is
// ready; it holds two generations at most, about 2 MB.
type codes struct {
	mu         sync.Mutex
	young, old map[string]code
}

func (c *codes) get(text string) (code, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.young[text]
	if ok {
		return v, nil
	}
	if v, ok = c.old[text]; !ok {
		var err error
		if v, err = encode(text); err != nil {
			return code{}, err
		}
	}
	if c.young == nil || len(c.young) >= generation {
		c.old, c.young = c.young, make(map[string]code, generation)
	}
	c.young[text] = v
	return v, nil
}
