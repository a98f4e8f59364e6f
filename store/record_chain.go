package store

import "satchel/chain"

// keyRecord is a watch key's counter; its fingerprint is its key.
type keyRecord struct {
	Number   uint32 `json:"number"` // of the key, for the look-ahead's rows
	No       uint32 `json:"merchant"`
	Next     uint32 `json:"next"`               // the index that is issued next
	Paid     uint32 `json:"paid,omitempty"`     // one above the highest index that was ever paid
	Birthday int32  `json:"birthday,omitempty"` // height from which old receipts are looked for
}

type headerRecord struct {
	Hash hash32  `json:"hash"`
	Prev hash32  `json:"prev"`
	Time instant `json:"time,omitempty"`
	Work hash32  `json:"work"`
}

// firstRecord is the first block that was taken.
type firstRecord struct {
	Height int32        `json:"height"`
	Header headerRecord `json:"header"`
}

func fromHeader(h *chain.Header) headerRecord {
	return headerRecord{Hash: hash32(h.Hash), Prev: hash32(h.Prev), Time: toInstant(h.Time), Work: hash32(h.Work)}
}

func (r *headerRecord) header(height int32) chain.Header {
	return chain.Header{
		Hash: chain.BlockHash(r.Hash), Prev: chain.BlockHash(r.Prev), Height: height, Time: r.Time.time(), Work: chain.Work(r.Work),
	}
}
