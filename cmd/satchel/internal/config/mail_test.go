package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMailSettings(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "mail.secret"), []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, problems := Parse(minimal+`[mail]
smtp = "mail.example:587"
from = "Mein Lädchen <shop@mail.example>"
user = "shop"
password = "file:mail.secret"
`, dir)
	if len(problems) > 0 || s.Mail == nil || s.Mail.Host != "mail.example" || s.Mail.Port != 587 || s.Mail.From.Name != "Mein Lädchen" ||
		s.Mail.From.Address != "shop@mail.example" || s.Mail.User != "shop" || s.Mail.Password.Reveal() != "hunter2" || len(s.Notes()) != 0 {
		t.Errorf("%+v %v", s.Mail, problems)
	}
	s, problems = Parse(minimal+"[mail]\nfrom = \"nonsense\"\n", dir)
	if len(problems) > 0 || s.Mail != nil || len(s.Notes()) != 1 {
		t.Errorf("no server: %+v %v %v", s.Mail, problems, s.Notes())
	}
}

func TestMailProblemsNameTheirKeys(t *testing.T) {
	for text, keys := range map[string][]string{
		`smtp = "mail.example"`:                                                               {"mail.smtp", "mail.from"},
		`smtp = "mail.example:0"` + "\nfrom = \"a@b.example\"":                                {"mail.smtp"},
		`smtp = "mail.example:65536"` + "\nfrom = \"a@b.example\"":                            {"mail.smtp"},
		`smtp = ":25"` + "\nfrom = \"a@b.example\"":                                           {"mail.smtp"},
		`smtp = "smtp://x:hunter2@mail.example:25"` + "\nfrom = \"a@b.example\"":              {"mail.smtp"},
		`smtp = "mail.example:25"` + "\nfrom = \"a@b.example, c@d.example\"":                  {"mail.from"},
		`smtp = "mail.example:25"` + "\nfrom = \"ä@b.example\"":                               {"mail.from"},
		`smtp = "mail.example:25"` + "\nfrom = \"a@b.example\"\nuser = \"u\"":                 {"mail.password"},
		`smtp = "mail.example:25"` + "\nfrom = \"a@b.example\"\npassword = \"hunter2\"":       {"mail.user"},
		`smtp = "no"` + "\nfrom = \"no\"\nuser = \"u\"\npassword = \"file:missing\"":          {"mail.password", "mail.smtp", "mail.from"},
		`smtp = "[2001:db8::1]:465"` + "\nfrom = \"a@b.example\"\nuser=\"u\"\npassword=\"p\"": nil,
		`smtp = "localhost:25"` + "\nfrom = \"a@b.example\"":                                  nil,
	} {
		_, problems := Parse(minimal+"[mail]\n"+text+"\n", t.TempDir())
		var got []string
		for _, p := range problems {
			key, _, _ := strings.Cut(p, ":")
			got = append(got, key)
		}
		if !slices.Equal(got, keys) || strings.Contains(strings.Join(problems, " "), "hunter2") {
			t.Errorf("%s\n%v, want %v", text, problems, keys)
		}
	}
}
