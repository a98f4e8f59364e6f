package chaintest_test

import (
	"os"
	"testing"

	"satchel/chain"
	"satchel/chain/chaintest"
)

func TestMain(m *testing.M) { os.Exit(chaintest.Main(m)) }

func TestFake(t *testing.T) {
	chaintest.Suite(t, func(_ *testing.T, filter *chain.Filter) chaintest.Backend { return chaintest.FakeBackend(filter) })
}

func TestReal(t *testing.T) {
	chaintest.Suite(t, func(t *testing.T, filter *chain.Filter) chaintest.Backend { return chaintest.RealBackend(t, filter) })
}
