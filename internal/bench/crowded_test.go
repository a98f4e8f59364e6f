package main

import (
	"testing"
	"time"
)

// Payments that came while the daemon was down are found in a crowd of thousands.
func TestStartBesideACrowdedMempool(t *testing.T) {
	b := &bench{dir: t.TempDir(), began: time.Now()}
	if err := b.crowdedWith(t.Context(), 5_000); err != nil {
		t.Fatal(err)
	}
	hold(t, b)
}
