package static

import (
	"net/http/httptest"
	"testing"
	"testing/fstest"
)

func load(t *testing.T, files fstest.MapFS) *Files {
	t.Helper()
	s, err := Load(files, "assets")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFilesAreServedUnderTheNameOfTheirContent(t *testing.T) {
	s := load(t, fstest.MapFS{
		"assets/a.css": {Data: []byte("a{}")}, "assets/b.js": {Data: []byte("b()")}, "assets/c.svg": {Data: []byte("<svg/>")}, "assets/d.bin": {Data: []byte{1}},
	})
	for plain, kind := range map[string]string{
		"a.css": "text/css; charset=utf-8", "b.js": "text/javascript; charset=utf-8", "c.svg": "image/svg+xml", "d.bin": "application/octet-stream",
	} {
		rec := httptest.NewRecorder()
		if !s.Serve(rec, s.Name(plain)) || rec.Header().Get("Content-Type") != kind || rec.Header().Get("X-Content-Type-Options") != "nosniff" || rec.Body.Len() == 0 {
			t.Errorf("%s: %d %v", plain, rec.Code, rec.Header())
		}
	}
	if kind, body := s.Read("b.js"); kind != "text/javascript; charset=utf-8" || string(body) != "b()" {
		t.Errorf("%s %q", kind, body)
	}
	if kind, body := s.Read("none"); kind != "" || body != nil {
		t.Errorf("%s %q", kind, body)
	}
	for _, name := range []string{"a.css", "", "../static.go", "a.0000000000000000.css"} {
		rec := httptest.NewRecorder()
		if s.Serve(rec, name) || rec.Body.Len() > 0 {
			t.Errorf("%q is served", name)
		}
	}
	other := load(t, fstest.MapFS{"assets/a.css": {Data: []byte("a{ }")}})
	if other.Name("a.css") == s.Name("a.css") || s.Name("none.css") != "" {
		t.Error("the name does not change with the content")
	}
}

func TestAFolderThatIsNotThere(t *testing.T) {
	if _, err := Load(fstest.MapFS{}, "assets"); err == nil {
		t.Error("nothing was loaded from nowhere")
	}
}
