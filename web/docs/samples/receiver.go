// A receiver of Satchel's callbacks in Go, with the standard library alone.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// verify tells why a callback does not come from the server that shares the secret (Standard Webhooks); nil: it does.
func verify(secret string, h http.Header, body []byte, now time.Time) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) < 16 { // with an empty key anybody could sign
		return errors.New("the secret is not whsec_ and base64")
	}
	id, stamp := h.Get("webhook-id"), h.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return errors.New("it is too old, or from the future")
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, stamp, body)
	want := mac.Sum(nil)
	for one := range strings.FieldsSeq(h.Get("webhook-signature")) { // two, while the secret is changed
		text, ok := strings.CutPrefix(one, "v1,")
		got, err := base64.StdEncoding.DecodeString(text)
		if ok && err == nil && hmac.Equal(got, want) {
			return nil
		}
	}
	return errors.New("no signature fits")
}

type invoice struct {
	ID      string `json:"id"`
	OrderID string `json:"orderId"`
	Status  string `json:"status"`
}

func receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20)) // the bytes as they came: nothing parsed and written again
	if err == nil {
		err = verify(os.Getenv("SATCHEL_WEBHOOK_SECRET"), r.Header, body, time.Now())
	}
	var message struct {
		invoice
		Data *invoice `json:"data"` // the extended format
	}
	if err == nil {
		err = json.Unmarshal(body, &message)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	inv := message.invoice
	if message.Data != nil {
		inv = *message.Data
	}
	// The same event may come again: r.Header.Get("webhook-id") is equal then.
	if inv.Status == "confirmed" || inv.Status == "complete" {
		fmt.Println("order", inv.OrderID, "is paid by invoice", inv.ID)
	}
	w.WriteHeader(http.StatusNoContent)
}

func main() {
	server := &http.Server{
		Addr: "127.0.0.1:" + os.Getenv("PORT"), Handler: http.HandlerFunc(receive), ReadHeaderTimeout: 5 * time.Second,
	}
	log.Fatal(server.ListenAndServe())
}
