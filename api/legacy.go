package api

import (
	"encoding/base64"
	"mime"
	"net/http"
	"strings"
)

// legacyPath is where shops made invoices before there were tokens: with an API key for the name of HTTP's basic
// authentication (RFC 7617), and an invoice for an answer that has nothing around it. Any token that needs no signature is
// such a key.
const legacyPath = "/api/invoice"

// isForm tells that a body is a form, as programs wrote it by hand and curl does with -d. Nobody's page can send one in a
// shop's name: it would need the key.
func isForm(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded" && h.Get("Content-Encoding") == ""
}

// basic reads an API key from "Authorization: Basic …". Some clients write the colon behind it, and others do not.
func basic(h http.Header) string {
	scheme, text, _ := strings.Cut(strings.TrimSpace(h.Get("Authorization")), " ")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	if err != nil || !strings.EqualFold(scheme, "Basic") {
		return ""
	}
	key, _, _ := strings.Cut(string(raw), ":")
	return key
}
