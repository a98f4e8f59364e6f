package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // for the document
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// openAPI is openapi.yaml as JSON (OpenAPI 3.0.3); a test holds the two together.
//
//go:embed openapi.json
var openAPI string

// serverInDocument is the address that the document is written with. Callers get the one that they called.
const serverInDocument = `"servers":[{"url":"https://pay.example"`

// openAPIAge is how long the document may be used without asking, so that an update of the server is soon seen.
const openAPIAge = "public, max-age=300"

// described is the document for those who call us by one of our public URLs.
type described struct {
	body []byte
	etag string // of the body (RFC 9110)
}

// OpenAPI is the document of this API (OpenAPI 3.0.3, JSON), for the server https://pay.example.
func OpenAPI() []byte { return []byte(openAPI) }

// describe makes the document for each public URL.
func describe(bases []base) (map[string]described, error) {
	var small bytes.Buffer
	if err := json.Compact(&small, []byte(openAPI)); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	all := make(map[string]described, len(bases))
	for _, b := range bases {
		server, err := json.Marshal(b.url)
		if err != nil {
			return nil, fmt.Errorf("write a public URL: %w", err)
		}
		body := bytes.Replace(small.Bytes(), []byte(serverInDocument), append([]byte(`"servers":[{"url":`), server...), 1)
		sum := sha256.Sum256(body)
		all[b.url] = described{body, `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
	}
	return all, nil
}

// showOpenAPI is GET /openapi.json: what this API is, for programs. Who has it already is told so.
func (a *API) showOpenAPI(w http.ResponseWriter, req *http.Request) {
	d := a.documents[a.base(req)]
	h := w.Header()
	h.Set("ETag", d.etag)
	h.Set("Cache-Control", openAPIAge)
	if holds(req.Header.Values("If-None-Match"), d.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	writeKept(w, http.StatusOK, d.body)
}

// holds tells whether If-None-Match names an ETag (RFC 9110, 13.1.2); weak ones compare like strong ones.
func holds(list []string, etag string) bool {
	for _, line := range list {
		for one := range strings.SplitSeq(line, ",") {
			if one = strings.TrimSpace(one); one == "*" || strings.TrimPrefix(one, "W/") == etag {
				return true
			}
		}
	}
	return false
}
