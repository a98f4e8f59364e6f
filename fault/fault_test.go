package fault

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestKindSurvivesWrapping(t *testing.T) {
	cause := errors.New("disk on fire")
	err := fmt.Errorf("create invoice: %w", New(Unavailable, "try later").Because(cause).After(time.Second))
	if !Is(err, Unavailable) || Is(err, Invalid) {
		t.Fatalf("kind of %v is %v", err, KindOf(err))
	}
	if !errors.Is(err, cause) {
		t.Fatal("the cause is lost")
	}
	var e *Error
	if !errors.As(err, &e) || e.Retry != time.Second {
		t.Fatal("the retry hint is lost")
	}
	if KindOf(cause) != Internal {
		t.Fatal("an error without a kind must be internal")
	}
	if Is(nil, Internal) {
		t.Fatal("no error is no internal error")
	}
}

func TestFieldIsNamedAndDecoratingCopies(t *testing.T) {
	base := Field("price", "must not be negative")
	if got := base.Error(); got != "price: must not be negative" {
		t.Fatalf("got %q", got)
	}
	if base.Because(errors.New("x")); base.Cause != nil {
		t.Fatal("Because changed its receiver")
	}
}
