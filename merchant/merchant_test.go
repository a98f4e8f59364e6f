package merchant

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// However a merchant is printed or logged, nobody reads a secret by accident.
func TestSecretsDoNotPrint(t *testing.T) {
	const secret = "whsec_aGVsbG8gd29ybGQ"
	m := Merchant{ID: "m", Watch: Watch{Key: secret}, Secrets: Secrets{Webhook: secret, Previous: []Retired{{Secret: secret}}}}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("merchant", "secret", m.Secrets.Webhook, "all", m, "secrets", m.Secrets, "watch", m.Watch)
	}
	doc, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"%v": fmt.Sprintf("%v", m), "%+v": fmt.Sprintf("%+v", m), "%#v": fmt.Sprintf("%#v", m), "%s": fmt.Sprintf("%s", m.Secrets.Webhook),
		"%q": fmt.Sprintf("%q", m.Secrets.Webhook), "%x": fmt.Sprintf("%x", m.Secrets.Webhook), "log": log.String(), "json": string(doc),
	} {
		if strings.Contains(text, "aGVsbG8") || strings.Contains(text, fmt.Sprintf("%x", secret)) {
			t.Errorf("%s shows it: %s", name, text)
		}
	}
	if m.Secrets.Webhook.Reveal() != secret {
		t.Error("the secret itself is lost")
	}
}

func TestWordsOfSettings(t *testing.T) {
	for _, s := range []Speed{High, Medium, Low} {
		if back, ok := ParseSpeed(s.String()); !ok || back != s {
			t.Errorf("%v: %v %v", s, back, ok)
		}
	}
	for text, want := range map[string]ZeroConf{"limited": Limited, "always": Always, "never": Never} {
		if z, ok := ParseZeroConf(text); !ok || z != want || z.String() != text {
			t.Errorf("%s: %v %v", text, z, ok)
		}
	}
	for _, text := range []string{"", "HIGH", "unknown", "low-medium"} {
		if s, ok := ParseSpeed(text); ok {
			t.Errorf("%q is %v", text, s)
		}
		if z, ok := ParseZeroConf(text); ok {
			t.Errorf("%q is %v", text, z)
		}
	}
}
