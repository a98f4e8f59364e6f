package notify

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"satchel/merchant"
)

const (
	secretPrefix = "whsec_"
	secretBytes  = 32
	minSecret    = 16              // a shorter key is a mistake, an empty one signs what anybody can sign
	replayWindow = 5 * time.Minute // Standard Webhooks: how far a timestamp may be off
)

// ErrSecret tells that a webhook secret is not "whsec_" and at least 16 bytes of base64.
var ErrSecret = errors.New("not a webhook secret (whsec_ and base64)")

// NewSecret makes a webhook secret: "whsec_" and 32 random bytes in base64 (Standard Webhooks).
func NewSecret() merchant.Secret {
	var b [secretBytes]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the process first
	return merchant.Secret(secretPrefix + base64.StdEncoding.EncodeToString(b[:]))
}

// Rotate gives a merchant a new webhook secret. The old one signs beside it for the overlap; retired ones whose time is
// over are dropped.
func Rotate(s merchant.Secrets, now time.Time, overlap time.Duration) merchant.Secrets {
	next := merchant.Secrets{Webhook: NewSecret()}
	if s.Webhook != "" && overlap > 0 {
		next.Previous = append(next.Previous, merchant.Retired{Secret: s.Webhook, Until: now.Add(overlap)})
	}
	for _, r := range s.Previous {
		if r.Until.After(now) {
			next.Previous = append(next.Previous, r)
		}
	}
	return next
}

// Sign gives the value of the webhook-signature header (Standard Webhooks, HMAC-SHA256): one signature with the current
// secret, and one more for each retired secret that is still valid at the time, separated by spaces.
func Sign(s merchant.Secrets, id string, at time.Time, body []byte) (string, error) {
	value, err := signOnce(s.Webhook, id, at, body)
	if err != nil {
		return "", err
	}
	for _, r := range s.Previous {
		if !r.Until.After(at) {
			continue
		}
		more, err := signOnce(r.Secret, id, at, body)
		if err != nil {
			return "", err
		}
		value += " " + more
	}
	return value, nil
}

func signOnce(s merchant.Secret, id string, at time.Time, body []byte) (string, error) {
	w, err := signer(s)
	if err != nil {
		return "", err
	}
	value, err := w.Sign(id, at, body)
	if err != nil {
		return "", fmt.Errorf("sign callback: %w", err)
	}
	return value, nil
}

// tokenSignature is the header by which BitPay came to sign its callbacks.
const tokenSignature = "X-Signature"

// SignWithToken gives the value of BitPay's X-Signature header, without which its newer plug-ins take no callback: base64 of
// HMAC-SHA256 over the body, whose key is the text of the token that made the invoice.
func SignWithToken(token string, body []byte) string {
	h := hmac.New(sha256.New, []byte(token))
	h.Write(body)
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// Verify checks a callback as its receiver does (Standard Webhooks): one of the signatures is the secret's, and the
// timestamp is within five minutes of now.
func Verify(s merchant.Secret, h http.Header, body []byte, now time.Time) error {
	w, err := signer(s)
	if err != nil {
		return err
	}
	if err := w.VerifyIgnoringTimestamp(body, h); err != nil {
		return fmt.Errorf("verify callback: %w", err)
	}
	sec, err := strconv.ParseInt(h.Get(webhooks.HeaderWebhookTimestamp), 10, 64)
	if err != nil {
		return fmt.Errorf("verify callback: %w", webhooks.ErrInvalidHeaders)
	}
	switch at := time.Unix(sec, 0); {
	case at.Before(now.Add(-replayWindow)):
		return fmt.Errorf("verify callback: %w", webhooks.ErrMessageTooOld)
	case at.After(now.Add(replayWindow)):
		return fmt.Errorf("verify callback: %w", webhooks.ErrMessageTooNew)
	}
	return nil
}

// signer refuses what the library would take for a key. No error of it shows the secret.
func signer(s merchant.Secret) (*webhooks.Webhook, error) {
	text, found := strings.CutPrefix(s.Reveal(), secretPrefix)
	if !found || base64.StdEncoding.DecodedLen(len(text)) < minSecret {
		return nil, ErrSecret
	}
	w, err := webhooks.NewWebhook(text)
	if err != nil {
		return nil, ErrSecret
	}
	return w, nil
}
