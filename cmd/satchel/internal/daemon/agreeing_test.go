package daemon

import (
	"context"

	"satchel/wallet"
)

// agreeing is a node that derives as we do, unless a test wants otherwise.
type agreeing struct {
	derive  func(descriptor string, from, to uint32) ([]wallet.Address, error)
	highest func() (int64, error)
}

func (a agreeing) DeriveScripts(_ context.Context, descriptor string, from, to uint32) ([]wallet.Address, error) {
	if a.derive != nil {
		return a.derive(descriptor, from, to)
	}
	key, err := wallet.ParseKey(descriptor, wallet.Regtest, "")
	if err != nil {
		return nil, err
	}
	var list []wallet.Address
	for i := from; i < to; i++ {
		one, err := key.Derive(i)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

func (a agreeing) HighestUsed(context.Context, string, uint32) (int64, error) {
	if a.highest != nil {
		return a.highest()
	}
	return -1, nil
}
