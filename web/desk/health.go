package desk

import (
	"time"

	"satchel/merchant"
)

// Health is how the daemon and its node are.
type Health struct {
	Version, Network  string
	Ready             bool
	Reasons, Degraded []string // in the words of /readyz
	Advice            string
	Height, Node      int32
	Hash              string
	Synced            time.Time // the last complete look at chain and mempool
	Now               time.Time
	Links             []Link
	Keys              []Key
	Totals            *Totals // over all merchants
	Warnings          []string
}

// Link is a ZMQ topic of the node.
type Link struct {
	Topic     string
	Connected bool
	Messages  uint64
	Gaps      uint64
	Last      time.Time
}

// Key is how far a watch key's addresses were issued.
type Key struct {
	Merchant    merchant.ID
	Fingerprint string
	Next, Gap   uint32
	Create      string // makes a watch-only wallet in bitcoind, once
	Import      string // makes it look far enough; "": every wallet does
	Refill      string // instead, for a wallet there that holds the private keys
}

// Totals are over all merchants of the server.
type Totals struct {
	Scripts, Events, Undelivered uint64
	Oldest                       time.Time // of the undelivered
	Bytes                        int64
}

// reasonText says in words what /readyz says in codes.
func reasonText(code string) string {
	switch code {
	case "node_unreachable":
		return "the node does not answer"
	case "node_syncing":
		return "the node is catching up"
	case "node_behind":
		return "the node is behind what was seen before"
	case "node_pruned_gap":
		return "the node has thrown blocks away that are needed"
	case "node_wrong_network":
		return "the node is of another network"
	case "node_forked":
		return "the node follows another chain"
	case "tip_lagging":
		return "blocks are being read"
	case "store_unwritable":
		return "the disk takes no more"
	case "rates_unavailable":
		return "no exchange rate now"
	}
	return code
}

// seenHealth is the health as far as the operator may know it: totals and other merchants' keys are for those who see all.
func (v *visit) seenHealth() (Health, error) {
	h, err := v.d.cfg.Health(v.ctx())
	if err != nil {
		return h, err
	}
	var keys []Key
	for _, k := range h.Keys {
		if k.Merchant == v.shop.ID {
			keys = append(keys, k)
		}
	}
	h.Keys = keys
	if all, err := v.seesServer(); err != nil || !all {
		if err != nil {
			return h, err
		}
		h.Totals, h.Warnings, h.Links = nil, nil, nil
	}
	return h, nil
}

func (v *visit) health() error {
	h, err := v.seenHealth()
	if err != nil {
		return err
	}
	return v.page("health", h)
}
