package chain

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// Weakness is something about the node's configuration that costs speed or safety.
type Weakness struct {
	Name     string // stable: rest_off, zmq_missing, zmq_high_water, zmq_shared, wallet_loaded, pruned_gap, blocks_only
	Sentence string
	Config   string // the line to add to bitcoin.conf
}

// leastHighWater is the queue below which the node drops notifications with an ordinary full block.
const leastHighWater = 10_000

// wantedTopics are the ZMQ topics we listen to, each on a port of its own.
func wantedTopics() []Notification {
	return []Notification{
		{Topic: "rawtx", Address: "tcp://127.0.0.1:28332", HighWater: 100_000},
		{Topic: "sequence", Address: "tcp://127.0.0.1:28333", HighWater: 100_000},
		{Topic: "hashblock", Address: "tcp://127.0.0.1:28334", HighWater: 100_000},
	}
}

// Weaknesses looks at the node's configuration and lists what should be changed, with the line that changes it. tip is
// ours: a node pruned above it cannot give us the blocks between.
func (n *Node) Weaknesses(ctx context.Context, tip Header) ([]Weakness, error) {
	var found []Weakness
	rest, err := n.restOn(ctx)
	if err != nil {
		return nil, err
	}
	if !rest {
		found = append(found, Weakness{"rest_off", "The node does not serve REST; blocks are read five times slower without it.", "rest=1"})
	}
	topics, err := n.Notifications(ctx)
	if err != nil && !hasCode(err, codeMethodNotFound) {
		return nil, err
	}
	found = append(found, zmqWeaknesses(topics)...)
	for _, look := range []func(context.Context) ([]Weakness, error){
		n.walletWeakness,
		func(ctx context.Context) ([]Weakness, error) { return n.prunedWeakness(ctx, tip) },
		n.relayWeakness,
	} {
		more, err := look(ctx)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// restOn asks about REST afresh: the answer is for somebody who may just have changed it.
func (n *Node) restOn(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	n.rest.known.Store(0)
	return n.hasREST(ctx)
}

func zmqWeaknesses(have []Notification) []Weakness {
	var found []Weakness
	at := make(map[string][]string) // address → topics
	seen := make(map[string]bool)
	for _, h := range have {
		if !seen[h.Address+" "+h.Topic] {
			at[h.Address] = append(at[h.Address], h.Topic)
		}
		seen[h.Address+" "+h.Topic] = true
	}
	for _, want := range wantedTopics() {
		found = append(found, topicWeakness(want, have)...)
	}
	for _, h := range have {
		if topics := at[h.Address]; len(topics) > 1 {
			found = append(found, Weakness{
				"zmq_shared",
				fmt.Sprintf("The ZMQ topics %s share %s, and with it one queue: a full block pushes the others' messages out.", strings.Join(topics, ", "), h.Address),
				"zmqpub" + topics[len(topics)-1] + "=" + ownAddress(topics[len(topics)-1]),
			})
			delete(at, h.Address)
		}
	}
	return found
}

func topicWeakness(want Notification, have []Notification) []Weakness {
	missing := true
	for _, h := range have {
		if h.Topic != want.Topic {
			continue
		}
		missing = false
		if h.HighWater != 0 && h.HighWater < leastHighWater && h.Topic != "hashblock" { // which sends one message per block
			return []Weakness{{
				"zmq_high_water",
				fmt.Sprintf("The node queues only %d %s messages, and drops the rest of a full block; payments are then seen later.", h.HighWater, h.Topic),
				fmt.Sprintf("zmqpub%shwm=%d", want.Topic, want.HighWater),
			}}
		}
	}
	if missing {
		return []Weakness{{
			"zmq_missing",
			fmt.Sprintf("The node does not publish %s over ZMQ; payments are seen only when it is asked.", want.Topic),
			"zmqpub" + want.Topic + "=" + want.Address,
		}}
	}
	return nil
}

// ownAddress suggests an address that no other topic has.
func ownAddress(topic string) string {
	for _, t := range wantedTopics() {
		if t.Topic == topic {
			return t.Address
		}
	}
	return "tcp://127.0.0.1:28335"
}

// walletWeakness is one on mainnet alone: elsewhere the node's wallet is what tests pay with.
func (n *Node) walletWeakness(ctx context.Context) ([]Weakness, error) {
	if n.chain != "main" {
		return nil, nil
	}
	raw, err := rawCall(ctx, n, "listwallets")
	if hasCode(err, codeMethodNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var loaded []string
	if err := json.Unmarshal(raw, &loaded); err != nil {
		return nil, fmt.Errorf("listwallets: %w", err)
	}
	if len(loaded) == 0 {
		return nil, nil
	}
	return []Weakness{{
		"wallet_loaded",
		fmt.Sprintf("The node has %d wallet(s) loaded; its notifications wait behind their work, by seconds when many of their coins confirm.", len(loaded)),
		"disablewallet=1",
	}}, nil
}

func (n *Node) prunedWeakness(ctx context.Context, tip Header) ([]Weakness, error) {
	info, err := n.Info(ctx)
	if err != nil {
		return nil, err
	}
	if !info.Pruned || tip.Height+1 >= info.PruneHeight {
		return nil, nil
	}
	return []Weakness{{
		"pruned_gap",
		fmt.Sprintf("The node threw away the blocks from height %d to %d, which we have not seen.", tip.Height+1, info.PruneHeight-1),
		"prune=0",
	}}, nil
}

func (n *Node) relayWeakness(ctx context.Context) ([]Weakness, error) {
	raw, err := rawCall(ctx, n, "getnetworkinfo")
	if err != nil {
		return nil, err
	}
	var network struct {
		Relay *bool `json:"localrelay"`
	}
	if err := json.Unmarshal(raw, &network); err != nil {
		return nil, fmt.Errorf("getnetworkinfo: %w", err)
	}
	if network.Relay == nil || *network.Relay {
		return nil, nil
	}
	return []Weakness{{"blocks_only", "The node takes no transactions from its peers, so no payment is seen before it is in a block.", "blocksonly=0"}}, nil
}
