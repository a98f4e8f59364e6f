package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
)

// A stream that is interrupted was not heard to its end, and says so; one that came to its end does not.
func TestAnInterruptedStreamIsAnError(t *testing.T) {
	t.Parallel()
	s := NewServer(filepath.Join(t.TempDir(), "admin.sock"), slog.New(slog.DiscardHandler))
	HandleStream(s, "one", func(_ context.Context, r echo, emit func(echo) error) error { return emit(r) })
	HandleStream(s, "more", func(ctx context.Context, r echo, emit func(echo) error) error {
		err := emit(r)
		<-ctx.Done()
		return err
	})
	c := run(t, s)
	heard := 0
	count := func(json.RawMessage) error { heard++; return nil }
	if err := c.Stream(t.Context(), "one", echo{"x"}, count); err != nil || heard != 1 {
		t.Errorf("%d documents, %v", heard, err)
	}
	ctx, stop := context.WithCancel(t.Context())
	err := c.Stream(ctx, "more", echo{"x"}, func(d json.RawMessage) error { stop(); return count(d) })
	if !errors.Is(err, context.Canceled) || heard != 2 {
		t.Errorf("%d documents, %v", heard, err)
	}
}
