package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"

	"satchel/fault"
)

// maxBody is how large a body may be. The largest honest invoice is under 100 KiB: posData of 10 kB with each
// character escaped to six bytes, as Python sends it.
const maxBody = 128 << 10

// errSlowBody marks a body that did not arrive in time.
var errSlowBody = errors.New("body did not arrive in time")

// readAll reads a body of at most so many bytes, as it was sent, since a signature is over them.
func readAll(w http.ResponseWriter, req *http.Request, limit int64) ([]byte, error) {
	if req.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, req.Body, limit))
	var over *http.MaxBytesError
	switch {
	case err == nil:
		return raw, nil
	case errors.As(err, &over):
		return nil, tooLarge(limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, fault.New(fault.Invalid, "The body did not arrive in time").Because(errSlowBody)
	}
	return nil, fault.New(fault.Invalid, "The body could not be read").Because(err)
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "The body is larger than %d bytes", limit)
}

// checkType takes JSON, and a body without a type. Every client in the field says application/json; a form or plain
// text is what a page of somebody else can send without asking first.
func checkType(h http.Header) error {
	if enc := h.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return fault.New(fault.Unsupported, "Content-Encoding is not supported: send the body as it is")
	}
	text := h.Get("Content-Type")
	if text == "" {
		return nil
	}
	kind, params, err := mime.ParseMediaType(text)
	charset := params["charset"]
	if err != nil || kind != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return fault.New(fault.Unsupported, "Content-Type must be application/json in UTF-8")
	}
	return nil
}
