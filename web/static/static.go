// Package static serves embedded files under names that change with their content, so that a browser may keep them for
// ever and never shows an old one.
package static

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// Files are a folder's files. They do not change.
type Files struct {
	files map[string]file   // by the name with the hash
	names map[string]string // that name by the plain one
}

type file struct {
	kind string
	body []byte
}

// Load reads all files of a folder.
func Load(fsys fs.FS, dir string) (*Files, error) {
	list, err := fs.ReadDir(fsys, dir)
	if err != nil {
		return nil, err
	}
	s := &Files{files: map[string]file{}, names: map[string]string{}}
	for _, f := range list {
		body, err := fs.ReadFile(fsys, path.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		sum, ext := sha256.Sum256(body), path.Ext(f.Name())
		name := strings.TrimSuffix(f.Name(), ext) + "." + hex.EncodeToString(sum[:8]) + ext
		s.files[name], s.names[f.Name()] = file{kind: mediaType(ext), body: body}, name
	}
	return s, nil
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

// Name gives the name under which a file is served; "" for a file that is not there.
func (s *Files) Name(plain string) string { return s.names[plain] }

// Read gives a file's type and content by its plain name; none for a file that is not there.
func (s *Files) Read(plain string) (kind string, body []byte) {
	f := s.files[s.names[plain]]
	return f.kind, f.body
}

// Serve answers with a file by the name that Name gave; false: there is none, and nothing was answered.
func (s *Files) Serve(w http.ResponseWriter, name string) bool {
	f, ok := s.files[name]
	if !ok {
		return false
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	_, _ = w.Write(f.body) // a client that went away is no news
	return true
}
