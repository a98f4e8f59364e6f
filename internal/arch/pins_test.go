package arch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The five modules only work together at these versions: btcd v0.26 moved the packages that btcutil v1 imports, and
// btcec v2.5.1 asks for a newer Go.
func TestPinnedVersionsDidNotMove(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join("..", "..", "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pin := range []string{
		"github.com/btcsuite/btcd v0.25.0",
		"github.com/btcsuite/btcd/btcutil v1.2.0",
		"github.com/btcsuite/btcd/btcec/v2 v2.5.0",
		"github.com/pebbe/zmq4 v1.4.0",
		"go.etcd.io/bbolt v1.5.0",
	} {
		if !strings.Contains(string(mod), "\t"+pin+"\n") {
			t.Errorf("go.mod does not require %q directly", pin)
		}
	}
}
