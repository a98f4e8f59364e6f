package paypro

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"satchel/money"
)

// TxID is a transaction's id in internal byte order.
type TxID [32]byte

// Outpoint names an output: the transaction and the output's index in it.
type Outpoint struct {
	TxID TxID
	Vout uint32
}

// Output pays an amount to a script.
type Output struct {
	Sats   money.Sats
	Script []byte
}

// Tx is a transaction as far as a payment is judged by it.
type Tx struct {
	Raw     []byte
	ID      TxID // without the witness, so of a SegWit payment the same before and after it is signed
	Inputs  []Outpoint
	Outputs []Output
	base    int64 // its size without the witness
}

// VSize is the size in virtual bytes (BIP 141).
func (t Tx) VSize() int64 { return (t.weight() + 3) / 4 }

func (t Tx) weight() int64 { return 3*t.base + int64(len(t.Raw)) }

// maxWeight is the largest transaction that nodes relay. It also bounds the coins that are looked up for one.
const maxWeight = 400_000

// Out is the sum of the outputs.
func (t Tx) Out() money.Sats {
	var sum money.Sats
	for _, o := range t.Outputs {
		sum += o.Sats
	}
	return sum
}

// To is what the outputs to a script are together, and whether there is any.
func (t Tx) To(script []byte) (sum money.Sats, found bool) {
	for _, o := range t.Outputs {
		if string(o.Script) == string(script) {
			sum, found = sum+o.Sats, true
		}
	}
	return sum, found
}

var errTx = errors.New("not a transaction")

// ParseTx reads a serialised transaction, with or without witness (BIP 144), signed or not. It wants all of raw, at least
// one input and one output, amounts that can be, and no more weight than nodes relay.
func ParseTx(raw []byte) (Tx, error) {
	c := cursor{b: raw}
	t := Tx{Raw: raw}
	c.take(4)
	witness := len(raw) > 6 && raw[4] == 0 && raw[5] == 1
	if witness {
		c.take(2)
	}
	start := c.at
	t.Inputs = c.inputs()
	t.Outputs = c.outputs()
	end := c.at
	if witness {
		c.witnesses(len(t.Inputs))
	}
	c.take(4)
	if c.bad || c.at != len(raw) || len(t.Inputs) == 0 || len(t.Outputs) == 0 {
		return Tx{}, errTx
	}
	bare := make([]byte, 0, end-start+8)
	bare = append(append(append(bare, raw[:4]...), raw[start:end]...), raw[len(raw)-4:]...)
	first := sha256.Sum256(bare)
	t.ID, t.base = sha256.Sum256(first[:]), int64(len(bare))
	if t.weight() > maxWeight {
		return Tx{}, errTx
	}
	return t, nil
}

// cursor reads forward. Once something is missing it is bad and gives nothing more, so that no length is trusted.
type cursor struct {
	b   []byte
	at  int
	bad bool
}

func (c *cursor) take(n uint64) []byte {
	if c.bad || n > uint64(len(c.b)-c.at) { //nolint:gosec // never beyond the end
		c.bad = true
		return nil
	}
	from := c.at
	c.at += int(n) //nolint:gosec // not more than there is
	return c.b[from:c.at]
}

func (c *cursor) uint(n uint64) uint64 {
	var wide [8]byte
	copy(wide[:], c.take(n))
	return binary.LittleEndian.Uint64(wide[:])
}

// varint reads a CompactSize. The shortest form is not asked for: the node does that.
func (c *cursor) varint() uint64 {
	switch first := c.uint(1); first {
	case 0xfd:
		return c.uint(2)
	case 0xfe:
		return c.uint(4)
	case 0xff:
		return c.uint(8)
	default:
		return first
	}
}

func (c *cursor) inputs() (list []Outpoint) {
	for range c.varint() {
		var o Outpoint
		copy(o.TxID[:], c.take(32))
		o.Vout = uint32(c.uint(4)) //nolint:gosec // four bytes
		c.take(c.varint())
		c.take(4)
		if c.bad {
			return nil
		}
		list = append(list, o)
	}
	return list
}

// outputs reads amounts whose sum can be: a sum beyond all bitcoin would wrap around in the end.
func (c *cursor) outputs() (list []Output) {
	left := uint64(money.MaxSats)
	for range c.varint() {
		sats := c.uint(8)
		script := c.take(c.varint())
		if c.bad || sats > left {
			c.bad = true
			return nil
		}
		left -= sats
		list = append(list, Output{Sats: money.Sats(sats), Script: script}) //nolint:gosec // not more than there is
	}
	return list
}

func (c *cursor) witnesses(inputs int) {
	for range inputs {
		for range c.varint() {
			if c.take(c.varint()); c.bad {
				return
			}
		}
	}
}
