package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/btcsuite/btcd/btcec/v2"
	"github.com/btcsuite/btcd/btcec/v2/ecdsa"

	"satchel/admin"
	"satchel/auth"
)

const (
	signers  = 16 // clients at once
	signings = 4_000
)

// signedCalls measures signed requests per second (BitAuth) beside verifying alone, by as many goroutines.
func (b *bench) signedCalls(ctx context.Context) error {
	_, d, end, err := b.young(ctx)
	if err != nil {
		return err
	}
	defer end()
	s, err := d.newSigner(ctx)
	if err != nil {
		return err
	}
	inv, err := d.post(http.DefaultClient, "25")
	if err != nil {
		return err
	}
	gets, posts := make([]call, signings), make([]call, signings)
	for i := range gets {
		gets[i] = s.sign(http.MethodGet, "/invoices/"+inv.ID+"?token="+s.token, "")
		posts[i] = s.sign(http.MethodPost, "/invoices", fmt.Sprintf(`{"token":%q,"price":25,"currency":"USD","orderId":"signed-%d"}`, s.token, i))
	}
	verify, err := s.verifyRate(posts)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name   string
		calls  []call
		target float64
	}{{"signed GET /invoices/:id", gets, 0.3}, {"signed POST /invoices", posts, 0.15}} {
		rate, err := s.rate(ctx, c.calls)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		b.atLeast(figure{Name: c.name, Value: rate, Unit: "/s", Beside: "verifying alone, /s", Limit: verify}, c.target)
	}
	return nil
}

// signer is a client with a key, paired.
type signer struct {
	api, public string
	key         *btcec.PrivateKey
	identity    string
	token       string
	client      *http.Client
}

// call is a request with its signature.
type call struct{ method, target, body, signature string }

func (d *daemon) newSigner(ctx context.Context) (*signer, error) {
	key, err := btcec.NewPrivateKey()
	if err != nil {
		return nil, err
	}
	s := &signer{
		api: "http://" + d.api, public: "http://127.0.0.1:8350", key: key, identity: hex.EncodeToString(key.PubKey().SerializeCompressed()),
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: signers}},
	}
	id, err := auth.ParseIdentity(s.identity)
	if err != nil {
		return nil, err
	}
	answer, err := d.run(ctx, "token", "create", "--facade", "merchant", "--sin", string(id.SIN()))
	if err != nil {
		return nil, err
	}
	var t admin.Token
	if err := json.Unmarshal(answer, &t); err != nil {
		return nil, err
	}
	s.token = t.Token
	return s, nil
}

func (s *signer) sign(method, target, body string) call {
	digest := sha256.Sum256([]byte(s.public + target + body))
	return call{method, target, body, hex.EncodeToString(ecdsa.Sign(s.key, digest[:]).Serialize())}
}

// verifyRate is how many of the calls are verified in a second, and nothing else.
func (s *signer) verifyRate(calls []call) (float64, error) {
	v, err := auth.NewVerifier([]string{s.public})
	if err != nil {
		return 0, err
	}
	return s.each(calls, func(c call) error {
		_, err := v.Verify(auth.Signed{
			Identity: s.identity, Signature: c.signature, Scheme: "http", Host: strings.TrimPrefix(s.public, "http://"), Target: c.target, Body: []byte(c.body),
		})
		return err
	})
}

// rate is how many of the calls are answered in a second.
func (s *signer) rate(ctx context.Context, calls []call) (float64, error) {
	return s.each(calls, func(c call) error {
		req, err := http.NewRequestWithContext(ctx, c.method, s.api+c.target, strings.NewReader(c.body))
		if err != nil {
			return err
		}
		req.Host = strings.TrimPrefix(s.public, "http://")
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("X-Identity", s.identity)
		req.Header.Set("X-Signature", c.signature)
		res, err := s.client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", res.Status, text)
		}
		return err
	})
}

func (s *signer) each(calls []call, do func(call) error) (float64, error) {
	errs := make([]error, signers)
	start := time.Now()
	var wg sync.WaitGroup
	for w := range signers {
		wg.Go(func() {
			for i := w; i < len(calls) && errs[w] == nil; i += signers {
				errs[w] = do(calls[i])
			}
		})
	}
	wg.Wait()
	return float64(len(calls)) / time.Since(start).Seconds(), errors.Join(errs...)
}
