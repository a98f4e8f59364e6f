package chain

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// FuzzZMQ: whoever can speak to the node's port can send any frames. None makes us panic, and what becomes a hint is of a
// form that bitcoind sends.
func FuzzZMQ(f *testing.F) {
	tx := txBytes(f, fullBlock(f, 1).Transactions[1])
	number := []byte{1, 0, 0, 0}
	f.Add(3, []byte("rawtx"), tx, number)
	f.Add(3, []byte("sequence"), append(make([]byte, 32), 'C'), number)
	f.Add(3, []byte("sequence"), append(append(make([]byte, 32), 'R'), make([]byte, 8)...), number)
	f.Add(3, []byte("sequence"), append(append(make([]byte, 32), 'A'), make([]byte, 8)...), []byte{255, 255, 255, 255})
	f.Add(3, []byte("hashblock"), make([]byte, 32), number)
	f.Add(3, []byte("rawtxx"), tx, number)
	f.Add(1, []byte("rawtx"), []byte{}, []byte{})
	f.Fuzz(func(t *testing.T, count int, name, body, number []byte) {
		filter := watchMost()
		w := NewWatcher(WatcherConfig{Filter: filter, Now: time.Now})
		l := &zmqLink{watcher: w, topics: w.topics[:]}
		m := message{frames: [3][]byte{name, body, number}, count: count}
		w.handle(l, m)
		w.handle(l, m) // the same number again is a gap
		h := w.Take()
		wellFormed := count == 3 && len(number) == 4
		if !wellFormed && (h.Blocks || h.Resync || len(h.Txs)+len(h.Removed) > 0) {
			t.Fatalf("a message of %d frames became %+v", count, h)
		}
		if len(h.Removed) > 0 && (string(name) != "sequence" || len(body) != 41) {
			t.Fatalf("%q %x removed something", name, body)
		}
		if h.Blocks && string(name) == "rawtx" || len(h.Txs) > 0 && string(name) != "rawtx" {
			t.Fatalf("%q became %+v", name, h)
		}
		if health := w.Health(); len(health) != topicCount {
			t.Fatalf("health %+v", health)
		}
	})
}

// FuzzAnswers: whatever a node, or somebody in its place, answers over RPC is read or refused, and never a panic.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"result":{"hash":"00","tx":[]},"error":null,"id":1}`, `{"result":null,"error":{"code":-28,"message":"Loading"},"id":1}`,
		`[{"result":"00","error":null,"id":0},{"result":null,"error":{"code":-5,"message":"x"},"id":1}]`, `[{"id":0},{"id":0}]`, `[`,
		`{"result":{"hash":"0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206","previousblockhash":"00","time":1296688602,` +
			`"bits":"207fffff","height":0,"tx":[{"txid":"4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b","vin":[{"coinbase":"00"}],` +
			`"vout":[{"value":50.00000000,"n":0,"scriptPubKey":{"hex":"51"}}]}]},"error":null,"id":1}`,
		`{"result":["4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b",7],"id":1}`, `{"result":{"txids":null,"mempool_sequence":1}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		block, err := watchMost().readDecodedBlock(bytes.NewReader(answer))
		if err == nil {
			again, err := watchMost().readDecodedBlock(bytes.NewReader(answer))
			if err != nil || !cmp.Equal(block.head, again.head) {
				t.Fatalf("read twice: %+v, %+v, %v", block.head, again.head, err)
			}
		}
		seen := 0
		err = readBatch(bytes.NewReader(answer), 2, func(i int, _ json.RawMessage, _ error) error {
			if seen++; i < 0 || i > 1 {
				t.Fatalf("answer %d of two", i)
			}
			return nil
		})
		if err == nil && seen != 2 {
			t.Fatalf("%d answers of two, and no error", seen)
		}
		ids, _, err := readIDList(newStride(bytes.NewReader(answer), smallReply))
		if err != nil && len(ids) > 0 {
			t.Fatalf("%d ids beside %v", len(ids), err)
		}
	})
}

// FuzzIDs: what is read as an id is written as it was.
func FuzzIDs(f *testing.F) {
	f.Add("4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b")
	f.Add("4A5E")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := ParseTxID(text)
		hash, other := ParseBlockHash(text)
		if (err == nil) != (other == nil) {
			t.Fatalf("%q is one and not the other: %v, %v", text, err, other)
		}
		if err == nil && (!equalFold(id.String(), text) || !equalFold(hash.String(), text)) {
			t.Fatalf("%q became %s", text, id)
		}
	})
}

func equalFold(a, b string) bool { return bytes.EqualFold([]byte(a), []byte(b)) }
