package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"satchel/web/static"
)

//go:embed assets pages words
var embedded embed.FS

func (w *Web) asset(rw http.ResponseWriter, r *http.Request) {
	if !w.assets.Serve(rw, r.PathValue("file")) {
		w.problem(rw, r, errNoPage)
	}
}

// assetURL gives the path under which a browser finds an asset.
func (w *Web) assetURL(name string) string { return w.prefix + "/assets/" + w.assets.Name(name) }

// modalAge is how long a shop's browser keeps bitpay.js, in seconds; its name never changes.
const modalAge = 3600

// modal answers with bitpay.js, which pages of other hosts load.
func (w *Web) modal(rw http.ResponseWriter, r *http.Request) {
	h := rw.Header()
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(modalAge))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("ETag", w.shopScript.etag)
	http.ServeContent(rw, r, "bitpay.js", time.Time{}, bytes.NewReader(w.shopScript.body))
}

// script is a file that others load by a name which never changes.
type script struct {
	body []byte
	etag string
}

// shopScriptFor gives bitpay.js with the address of its server in it, for pages that do not load it by a script tag.
func shopScriptFor(files *static.Files, base string) (script, error) {
	_, body := files.Read("bitpay.js")
	home, err := json.Marshal(base)
	if err != nil {
		return script{}, fmt.Errorf("encode public_url: %w", err)
	}
	body = bytes.Replace(body, []byte(`home = ""`), append([]byte("home = "), home...), 1)
	sum := sha256.Sum256(body)
	return script{body: body, etag: `"` + hex.EncodeToString(sum[:8]) + `"`}, nil
}
