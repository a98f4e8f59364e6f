package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"
)

//go:embed assets pages words
var embedded embed.FS

// asset is a file that never changes under its name.
type asset struct {
	kind string
	body []byte
}

// assets finds files by their hashed name, and the hashed name by the plain one.
type assets struct {
	files map[string]asset
	names map[string]string
}

func loadAssets() (assets, error) {
	a := assets{files: map[string]asset{}, names: map[string]string{}}
	list, err := embedded.ReadDir("assets")
	if err != nil {
		return a, err
	}
	for _, f := range list {
		body, err := embedded.ReadFile(path.Join("assets", f.Name()))
		if err != nil {
			return a, err
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(f.Name())
		name := strings.TrimSuffix(f.Name(), ext) + "." + hex.EncodeToString(sum[:8]) + ext
		a.files[name] = asset{kind: mediaType(ext), body: body}
		a.names[f.Name()] = name
	}
	return a, nil
}

// mediaType is fixed here, because the mime package asks the machine it runs on.
func mediaType(ext string) string {
	switch ext {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return "application/octet-stream"
}

func (w *Web) asset(rw http.ResponseWriter, r *http.Request) {
	f, ok := w.assets.files[r.PathValue("file")]
	if !ok {
		w.problem(rw, r, errNoPage)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	w.send(rw, r, f.body)
}

// assetURL gives the path under which a browser finds an asset.
func (w *Web) assetURL(name string) string { return w.prefix + "/assets/" + w.assets.names[name] }

// modalAge is how long a shop's browser keeps bitpay.js, in seconds; its name never changes.
const modalAge = 3600

// modal answers with bitpay.js, which pages of other hosts load.
func (w *Web) modal(rw http.ResponseWriter, r *http.Request) {
	name := w.assets.names["bitpay.js"]
	f := w.assets.files[name]
	h := rw.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(modalAge))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("ETag", `"`+name+`"`)
	http.ServeContent(rw, r, "bitpay.js", time.Time{}, bytes.NewReader(f.body))
}
