package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"time"

	"satchel/invoice"
)

// overhead is what seal adds to a payload: the version and the checksum.
const overhead = 1 + crc32.Size

// sum is the checksum of a value without its last four bytes, under its key.
func sum(key, body []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Update(0, table, key), table, body)
}

// seal makes a value of a payload.
func seal(key []byte, payload ...[]byte) []byte {
	n := overhead
	for _, p := range payload {
		n += len(p)
	}
	value := append(make([]byte, 0, n), recordVersion)
	for _, p := range payload {
		value = append(value, p...)
	}
	return binary.BigEndian.AppendUint32(value, sum(key, value))
}

// intact tells whether a value is what was written under its key.
func intact(key, value []byte) bool {
	if len(value) < overhead {
		return false
	}
	at := len(value) - crc32.Size
	return binary.BigEndian.Uint32(value[at:]) == sum(key, value[:at])
}

// DamageError is a value that is not what was written. It is never served; a backup must be restored.
type DamageError struct {
	Bucket string
	Key    []byte
	What   string
}

// Error names the bucket and the key, and what to do.
func (e *DamageError) Error() string {
	return fmt.Sprintf("the database is damaged: %s in bucket %s at key %s; stop and restore a backup",
		e.What, e.Bucket, hex.EncodeToString(e.Key))
}

func damaged(b bucket, key []byte, what string) error {
	return &DamageError{Bucket: b.String(), Key: slices.Clone(key), What: what}
}

// unseal gives the payload of a value, after its checksum was compared.
func unseal(b bucket, key, value []byte) ([]byte, error) {
	if !intact(key, value) {
		return nil, damaged(b, key, "a wrong checksum")
	}
	if value[0] != recordVersion {
		return nil, damaged(b, key, fmt.Sprintf("a value of version %d", value[0]))
	}
	return value[1 : len(value)-crc32.Size], nil
}

// ref is an invoice's place: its merchant's number and its own.
type ref struct {
	no  uint32
	seq uint64
}

// Widths of key parts.
const (
	noLen       = 4
	seqLen      = 8
	refLen      = noLen + seqLen
	timeLen     = 8
	outpointLen = 36
	hashLen     = 16
)

func (r ref) key() []byte { return r.append(make([]byte, 0, refLen)) }

func (r ref) append(b []byte) []byte { return key64(key32(b, r.no), r.seq) }

func parseRef(b []byte) ref {
	return ref{no: binary.BigEndian.Uint32(b), seq: binary.BigEndian.Uint64(b[noLen:])}
}

func key32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }

func key64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

// keyTime writes a time so that keys run in its order.
func keyTime(b []byte, t time.Time) []byte {
	return binary.BigEndian.AppendUint64(b, uint64(toInstant(t))^1<<63) //nolint:gosec // the sign bit is flipped on purpose
}

func parseTime(b []byte) time.Time {
	return instant(binary.BigEndian.Uint64(b) ^ 1<<63).time() //nolint:gosec // as above
}

func keyOutpoint(b []byte, o invoice.Outpoint) []byte {
	return key32(append(b, o.TxID[:]...), o.Vout)
}

func parseOutpoint(b []byte) invoice.Outpoint {
	return invoice.Outpoint{TxID: invoice.TxID(b[:32]), Vout: binary.BigEndian.Uint32(b[32:outpointLen])}
}

// keyHash writes 16 bytes that stand for a text.
func keyHash(b []byte, text string) []byte {
	h := sha256.Sum256([]byte(text))
	return append(b, h[:hashLen]...)
}

// instant is a time in nanoseconds since 1970, UTC. 0 is the zero time. Times that do not fit (before 1678, after 2262)
// are kept at the nearest that does.
type instant int64

func toInstant(t time.Time) instant {
	switch {
	case t.IsZero():
		return 0
	case t.Year() < 1678:
		return math.MinInt64
	case t.Year() >= 2262:
		return math.MaxInt64
	}
	return instant(t.UnixNano())
}

func (i instant) time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(i)).UTC()
}

// after gives the key that follows every key with the prefix; nil: none does.
func after(prefix []byte) []byte {
	next := slices.Clone(prefix)
	for i := len(next) - 1; i >= 0; i-- {
		next[i]++
		if next[i] != 0 {
			return next[:i+1]
		}
	}
	return nil
}
