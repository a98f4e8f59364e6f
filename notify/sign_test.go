package notify

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"

	"satchel/merchant"
)

func signedHeader(t *testing.T, s merchant.Secrets, id string, at time.Time, body []byte) http.Header {
	t.Helper()
	value, err := Sign(s, id, at, body)
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", strconv.FormatInt(at.Unix(), 10))
	h.Set("webhook-signature", value)
	return h
}

// TestSignGivesThePublishedVector is the example of the Standard Webhooks libraries.
func TestSignGivesThePublishedVector(t *testing.T) {
	s := merchant.Secrets{Webhook: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	got, err := Sign(s, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; err != nil || got != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestNewSecret(t *testing.T) {
	a, b := NewSecret(), NewSecret()
	if a == b {
		t.Error("two secrets are equal")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(a.Reveal(), "whsec_"))
	if err != nil || len(key) != 32 || !strings.HasPrefix(a.Reveal(), "whsec_") {
		t.Errorf("%d bytes, %v", len(key), err)
	}
}

func TestSignVerifiesWithTheLibrary(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		body := rapid.SliceOfN(rapid.Byte(), 0, 3000).Draw(rt, "body")
		s := merchant.Secrets{Webhook: NewSecret()}
		h := signedHeader(t, s, "evt-1", time.Now(), body)
		w, err := webhooks.NewWebhook(s.Webhook.Reveal())
		if err != nil {
			rt.Fatal(err)
		}
		if err := w.Verify(body, h); err != nil {
			rt.Fatal(err)
		}
		if err := w.Verify(append(body, ' '), h); err == nil {
			rt.Fatal("another body is taken")
		}
		h.Set("webhook-id", "evt-2")
		if err := w.Verify(body, h); err == nil {
			rt.Fatal("another id is taken")
		}
	})
}

func TestRotationSignsTwiceUntilItsEnd(t *testing.T) {
	at, body := start(), []byte(`{}`)
	old := merchant.Secrets{Webhook: NewSecret()}
	now := Rotate(old, at, 24*time.Hour)
	if now.Webhook == old.Webhook || len(now.Previous) != 1 || now.Previous[0].Secret != old.Webhook {
		t.Fatalf("%d previous secrets", len(now.Previous))
	}
	during := signedHeader(t, now, "e", at.Add(24*time.Hour-time.Second), body)
	if n := len(strings.Fields(during.Get("webhook-signature"))); n != 2 {
		t.Errorf("%d signatures", n)
	}
	for _, s := range []merchant.Secret{old.Webhook, now.Webhook} {
		if err := Verify(s, during, body, at.Add(24*time.Hour)); err != nil {
			t.Error(err)
		}
	}
	after := signedHeader(t, now, "e", at.Add(24*time.Hour), body)
	if err := Verify(old.Webhook, after, body, at.Add(24*time.Hour)); !errors.Is(err, webhooks.ErrNoMatchingSignature) {
		t.Errorf("the retired secret still signs: %v", err)
	}
	again := Rotate(now, at.Add(time.Hour), time.Hour)
	if len(again.Previous) != 2 {
		t.Errorf("a second rotation within the overlap keeps %d", len(again.Previous))
	}
	if last := Rotate(again, at.Add(100*time.Hour), 0); len(last.Previous) != 0 {
		t.Errorf("what is over is kept: %d", len(last.Previous))
	}
	if first := Rotate(merchant.Secrets{}, at, time.Hour); len(first.Previous) != 0 || first.Webhook == "" {
		t.Error("a merchant without a secret has retired the empty one")
	}
}

func TestVerifyChecksTheTime(t *testing.T) {
	s := NewSecret()
	h := signedHeader(t, merchant.Secrets{Webhook: s}, "e", start(), nil)
	for off, want := range map[time.Duration]error{
		0: nil, 5 * time.Minute: nil, -5 * time.Minute: nil,
		5*time.Minute + time.Second: webhooks.ErrMessageTooOld, -5*time.Minute - time.Second: webhooks.ErrMessageTooNew,
	} {
		if err := Verify(s, h, nil, start().Add(off)); !errors.Is(err, want) {
			t.Errorf("%v later: %v", off, err)
		}
	}
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		less := h.Clone()
		less.Del(name)
		if err := Verify(s, less, nil, start()); !errors.Is(err, webhooks.ErrRequiredHeaders) {
			t.Errorf("without %s: %v", name, err)
		}
	}
}

func TestBadSecretsNeitherSignNorShow(t *testing.T) {
	for _, s := range []merchant.Secret{
		"", "whsec_", "whsec_aHVzaA==", "hush-hush-hush-hush-hush-hush", "whsec_hush!hush!hush!hush!hush!hush!",
		"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
	} {
		_, err := Sign(merchant.Secrets{Webhook: s}, "e", start(), nil)
		if !errors.Is(err, ErrSecret) {
			t.Errorf("%q signs: %v", s.Reveal(), err)
		}
		if text := fmt.Sprint(err); strings.Contains(text, "hush") {
			t.Errorf("the error shows the secret: %s", text)
		}
		both := merchant.Secrets{Webhook: NewSecret(), Previous: []merchant.Retired{{Secret: s, Until: start().Add(time.Hour)}}}
		if _, err := Sign(both, "e", start(), nil); !errors.Is(err, ErrSecret) {
			t.Errorf("%q signs as a retired one: %v", s.Reveal(), err)
		}
		if err := Verify(s, http.Header{}, nil, start()); !errors.Is(err, ErrSecret) {
			t.Errorf("%q verifies: %v", s.Reveal(), err)
		}
	}
}
