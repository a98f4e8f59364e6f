package chain

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/btcsuite/btcd/btcjson"
	"github.com/btcsuite/btcd/rpcclient"

	"satchel/money"
)

// Spender finds a transaction in the mempool that spends one of the outpoints (gettxspendingprevout): who replaced or
// double-spent a payment. False means that none is in the mempool; a block may hold one all the same.
func (n *Node) Spender(ctx context.Context, spent []Outpoint) (TxID, bool, error) {
	if len(spent) == 0 {
		return TxID{}, false, nil
	}
	type prevout struct {
		ID   string `json:"txid"`
		Vout uint32 `json:"vout"`
	}
	asked := make([]prevout, len(spent))
	for i, p := range spent {
		asked[i] = prevout{p.TxID.String(), p.Vout}
	}
	raw, err := rawCall(ctx, n, "gettxspendingprevout", asked)
	if err != nil {
		return TxID{}, false, err
	}
	var found []struct {
		Spender string `json:"spendingtxid"`
	}
	if err := json.Unmarshal(raw, &found); err != nil {
		return TxID{}, false, fmt.Errorf("gettxspendingprevout: %w", err)
	}
	for _, f := range found {
		if f.Spender != "" {
			id, err := ParseTxID(f.Spender)
			return id, err == nil, err
		}
	}
	return TxID{}, false, nil
}

// feeTarget is within how many blocks a transaction at the fee floor is expected to confirm.
const feeTarget = 6

// FeeFloor is the node's estimate of the fee rate that confirms within six blocks (estimatesmartfee), or the least that
// its mempool takes where it has no estimate.
func (n *Node) FeeFloor(ctx context.Context) (money.SatPerVB, error) {
	raw, err := rawCall(ctx, n, "estimatesmartfee", feeTarget)
	if err != nil {
		return 0, err
	}
	var estimate struct {
		Rate json.Number `json:"feerate"` // bitcoin per 1,000 virtual bytes; absent without an estimate
	}
	if err := json.Unmarshal(raw, &estimate); err != nil {
		return 0, fmt.Errorf("estimatesmartfee: %w", err)
	}
	if estimate.Rate != "" {
		return parseFeeRate(estimate.Rate)
	}
	raw, err = rawCall(ctx, n, "getmempoolinfo")
	if err != nil {
		return 0, err
	}
	var pool struct {
		Least json.Number `json:"mempoolminfee"`
	}
	if err := json.Unmarshal(raw, &pool); err != nil {
		return 0, fmt.Errorf("getmempoolinfo: %w", err)
	}
	return parseFeeRate(pool.Least)
}

// parseFeeRate reads bitcoin per 1,000 virtual bytes: that many satoshis are thousandths of sat/vB.
func parseFeeRate(number json.Number) (money.SatPerVB, error) {
	sats, err := money.ParseBTC(number.String())
	if err != nil {
		return 0, fmt.Errorf("fee rate: %w", err)
	}
	return money.SatPerVB(sats), nil
}

// Descriptor is what the node makes of an output descriptor (BIP 380).
type Descriptor struct {
	Checksum string // of the descriptor as it was given
	Ranged   bool   // it has a wildcard
	Solvable bool
	Private  bool // it holds a private key, and must not be kept
}

// DescriptorInfo asks the node about a descriptor, with or without its checksum (getdescriptorinfo). One that the node
// does not accept is an *RPCError with code -5.
func (n *Node) DescriptorInfo(ctx context.Context, descriptor string) (Descriptor, error) {
	r, err := typed(ctx, n, "getdescriptorinfo", func(c *rpcclient.Client) future[*btcjson.GetDescriptorInfoResult] {
		return c.GetDescriptorInfoAsync(descriptor)
	})
	if err != nil {
		return Descriptor{}, err
	}
	return Descriptor{Checksum: r.Checksum, Ranged: r.IsRange, Solvable: r.IsSolvable, Private: r.HasPrivateKeys}, nil
}

// withChecksum completes a descriptor, which other calls insist on.
func (n *Node) withChecksum(ctx context.Context, descriptor string) (string, error) {
	if strings.Contains(descriptor, "#") {
		return descriptor, nil
	}
	info, err := n.DescriptorInfo(ctx, descriptor)
	return descriptor + "#" + info.Checksum, err
}

// Derived is an address of a descriptor.
type Derived struct {
	Address string
	Script  []byte // its scriptPubKey
}

// maxDerived is how many addresses are asked for at once.
const maxDerived = 1000

// DeriveScripts derives a ranged descriptor's addresses and scripts with the indexes from..to, both included
// (deriveaddresses, validateaddress).
func (n *Node) DeriveScripts(ctx context.Context, descriptor string, from, to uint32) ([]Derived, error) {
	if to < from {
		return nil, errors.New("derive addresses: the range ends before it begins")
	}
	descriptor, err := n.withChecksum(ctx, descriptor)
	if err != nil {
		return nil, err
	}
	var all []Derived
	for start := uint64(from); start <= uint64(to); start += maxDerived {
		some, err := n.derivePart(ctx, descriptor, int(start), int(min(start+maxDerived-1, uint64(to)))) //nolint:gosec // 32 bits
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

func (n *Node) derivePart(ctx context.Context, descriptor string, from, to int) ([]Derived, error) {
	addresses, err := typed(ctx, n, "deriveaddresses", func(c *rpcclient.Client) future[*btcjson.DeriveAddressesResult] {
		return c.DeriveAddressesAsync(descriptor, &btcjson.DescriptorRange{Value: []int{from, to}})
	})
	if err != nil {
		return nil, err
	}
	if len(*addresses) != to-from+1 {
		return nil, fmt.Errorf("deriveaddresses: %d addresses for indexes %d to %d: %w", len(*addresses), from, to, errMalformed)
	}
	params := make([][]any, len(*addresses))
	derived := make([]Derived, len(*addresses))
	for i, address := range *addresses {
		params[i] = []any{address}
		derived[i].Address = address
	}
	err = n.timedBatch(ctx, "validateaddress", params, func(i int, result json.RawMessage, err error) error {
		if err != nil {
			return err
		}
		derived[i].Script, err = parseScript(result)
		return err
	})
	return derived, err
}

func parseScript(result json.RawMessage) ([]byte, error) {
	var r struct {
		Valid  bool   `json:"isvalid"`
		Script string `json:"scriptPubKey"`
	}
	if err := json.Unmarshal(result, &r); err != nil {
		return nil, err
	}
	script, err := hex.DecodeString(r.Script)
	if err != nil || !r.Valid || len(script) == 0 {
		return nil, errors.Join(errMalformed, err)
	}
	return script, nil
}

// HighestUsed finds the highest index up to upTo whose address holds unspent coins in a block (scantxoutset), -1 for
// none. Coins that were spent again leave no trace there. It takes minutes on mainnet; when ctx ends, the node is told
// to stop. Only one such scan can run on a node: a second one is an *RPCError with code -8.
func (n *Node) HighestUsed(ctx context.Context, descriptor string, upTo uint32) (int64, error) {
	descriptor, err := n.withChecksum(ctx, descriptor)
	if err != nil {
		return 0, err
	}
	derived, err := n.DeriveScripts(ctx, descriptor, 0, upTo)
	if err != nil {
		return 0, err
	}
	scanCtx, cancel := context.WithTimeout(ctx, scanTimeout)
	defer cancel()
	raw, err := n.wire.call(scanCtx, jsonReply, "scantxoutset", "start", []any{map[string]any{"desc": descriptor, "range": []uint32{0, upTo}}})
	if err != nil {
		if scanCtx.Err() != nil {
			n.abortScan(ctx)
		}
		return 0, err
	}
	return highestIndex(raw, derived)
}

func highestIndex(raw json.RawMessage, derived []Derived) (int64, error) {
	var r struct {
		Success bool `json:"success"`
		Coins   []struct {
			Script string `json:"scriptPubKey"`
		} `json:"unspents"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return 0, fmt.Errorf("scantxoutset: %w", err)
	}
	if !r.Success {
		return 0, errors.New("scantxoutset: the scan was stopped")
	}
	index := make(map[string]int64, len(derived))
	for i, d := range derived {
		index[hex.EncodeToString(d.Script)] = int64(i)
	}
	highest := int64(-1)
	for _, coin := range r.Coins {
		if i, ok := index[strings.ToLower(coin.Script)]; ok {
			highest = max(highest, i)
		}
	}
	return highest, nil
}

// abortScan stops a scan whose caller has gone.
func (n *Node) abortScan(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if _, err := n.wire.call(ctx, smallReply, "scantxoutset", "abort"); err != nil {
		n.log.Warn("cannot stop the node's scan", "err", err)
	}
}

// Notification is a ZMQ topic that the node publishes.
type Notification struct {
	Topic     string // rawtx, sequence, hashblock, …
	Address   string // as the node was configured: tcp://127.0.0.1:28332
	HighWater int    // how many messages it queues per subscriber before it drops; 0: no limit
}

// Notifications asks what the node publishes over ZMQ (getzmqnotifications).
func (n *Node) Notifications(ctx context.Context) ([]Notification, error) {
	raw, err := rawCall(ctx, n, "getzmqnotifications")
	if err != nil {
		return nil, err
	}
	var r []struct {
		Type    string `json:"type"`
		Address string `json:"address"`
		HWM     int    `json:"hwm"`
	}
	if err := json.Unmarshal(raw, &r); err != nil {
		return nil, fmt.Errorf("getzmqnotifications: %w", err)
	}
	list := make([]Notification, len(r))
	for i, one := range r {
		list[i] = Notification{Topic: strings.TrimPrefix(one.Type, "pub"), Address: one.Address, HighWater: one.HWM}
	}
	slices.SortStableFunc(list, func(a, b Notification) int { return strings.Compare(a.Topic, b.Topic) })
	return list, nil
}

// Endpoints gives the address of each ZMQ topic, for a subscriber here. Where the node listens on all its interfaces,
// that is the host at which it answers RPC.
func (n *Node) Endpoints(ctx context.Context) (map[string]string, error) {
	topics, err := n.Notifications(ctx)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(n.wire.root)
	if err != nil {
		return nil, err
	}
	endpoints := make(map[string]string, len(topics))
	for _, t := range topics {
		address, port, ok := strings.Cut(strings.TrimPrefix(t.Address, "tcp://"), ":")
		if ok && strings.HasPrefix(t.Address, "tcp://") && (address == "*" || address == "0.0.0.0") {
			t.Address = "tcp://" + net.JoinHostPort(u.Hostname(), port)
		}
		endpoints[t.Topic] = t.Address
	}
	return endpoints, nil
}
