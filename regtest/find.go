package regtest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// ErrNoBitcoind says that there is no bitcoind to start.
var ErrNoBitcoind = errors.New("no bitcoind found: run \"make deps\", or set BITCOIND to the path of one")

// find looks for bitcoind: the configured one, $BITCOIND, the PATH, and where scripts/bitcoind.sh puts it.
func find(binary string) (string, error) {
	if binary == "" {
		binary = os.Getenv("BITCOIND")
	}
	if binary != "" {
		path, err := exec.LookPath(binary)
		if err != nil {
			return "", fmt.Errorf("%w: %w", ErrNoBitcoind, err)
		}
		return path, nil
	}
	if path, err := exec.LookPath("bitcoind"); err == nil {
		return path, nil
	}
	if cache, err := os.UserCacheDir(); err == nil {
		if path, err := exec.LookPath(filepath.Join(cache, "satchel", "bitcoind", "bin", "bitcoind")); err == nil {
			return path, nil
		}
	}
	return "", ErrNoBitcoind
}
