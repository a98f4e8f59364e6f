package web

import (
	"bytes"
	"embed"
	"net/http"
	"strconv"
	"time"
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
	kind, body := w.assets.Read("bitpay.js")
	h := rw.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(modalAge))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("ETag", `"`+w.assets.Name("bitpay.js")+`"`)
	http.ServeContent(rw, r, "bitpay.js", time.Time{}, bytes.NewReader(body))
}
