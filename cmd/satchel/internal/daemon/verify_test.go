package daemon

import (
	"math"
	"runtime/debug"
	"testing"
)

func TestSettleMemory(t *testing.T) {
	before := debug.SetMemoryLimit(math.MaxInt64)
	defer debug.SetMemoryLimit(before)
	t.Setenv("GOMEMLIMIT", "1GiB")
	if settleMemory(); debug.SetMemoryLimit(-1) != math.MaxInt64 {
		t.Error("the operator's bound was replaced")
	}
	t.Setenv("GOMEMLIMIT", "")
	settleMemory()
	if got := debug.SetMemoryLimit(-1); got < spareMemory || got > spareMemory+1<<30 {
		t.Errorf("the bound is %d MB", got>>20)
	}
}
