package chain

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"
)

// blocksAhead is how many blocks are fetched and scanned at once.
const blocksAhead = 4

// scanned is a block after the scan: its header and what of it concerns us.
type scanned struct {
	head RawHeader
	txs  []Tx
}

// blocks fetches and scans blocks, several at once, and gives those before the first that failed, with its error.
func (n *Node) blocks(ctx context.Context, hashes []BlockHash) ([]scanned, error) {
	out := make([]scanned, len(hashes))
	done := make([]bool, len(hashes))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(blocksAhead)
	for i, hash := range hashes {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() error {
			var err error
			if out[i], err = n.block(ctx, hash); err != nil {
				return fmt.Errorf("block %v: %w", hash, err)
			}
			done[i] = true
			return nil
		})
	}
	failed := group.Wait()
	if failed == nil {
		failed = ctx.Err() // the caller's; without it all are done
	}
	if first := slices.Index(done, false); first >= 0 {
		return out[:first], failed
	}
	return out, nil
}

// block fetches and scans one block.
func (n *Node) block(ctx context.Context, hash BlockHash) (scanned, error) {
	ctx, cancel := context.WithTimeout(ctx, blockTimeout)
	defer cancel()
	buffer, ok := n.buffers.Get().(*bytes.Buffer)
	if !ok {
		buffer = new(bytes.Buffer)
	}
	defer n.buffers.Put(buffer)
	buffer.Reset()
	raw, err := n.rawBlock(ctx, hash, buffer)
	if err != nil {
		return scanned{}, err
	}
	head, txs, err := n.filter.ScanBlock(raw)
	if err == nil && head.Hash != hash {
		err = fmt.Errorf("it is block %v: %w", head.Hash, errMalformed)
	}
	if err != nil {
		n.logOnce("block", hash, err)
		return n.decodedBlock(ctx, hash)
	}
	return scanned{head, txs}, nil
}

// rawBlock gives a block's bytes, which live in the buffer: over REST where the node serves it, which is five times
// faster, else by getblock.
func (n *Node) rawBlock(ctx context.Context, hash BlockHash, buffer *bytes.Buffer) ([]byte, error) {
	rest, err := n.hasREST(ctx)
	if err != nil {
		return nil, err
	}
	if rest {
		body, err := n.wire.rest(ctx, "/rest/block/"+hash.String()+".bin")
		if err != nil {
			return nil, err
		}
		if body != nil {
			defer finish(body)
			_, err := buffer.ReadFrom(&bounded{r: body, left: blockReply})
			return buffer.Bytes(), err
		}
		// There is no such block: getblock says why.
	}
	return n.getBlock(ctx, hash, buffer)
}

// hasREST tells whether the node serves REST. It is asked once, and again after the node was lost.
func (n *Node) hasREST(ctx context.Context) (bool, error) {
	asked := n.wire.health.lost.Load() + 1
	if n.rest.known.Load() == asked {
		return n.rest.on.Load(), nil
	}
	body, err := n.wire.rest(ctx, "/rest/chaininfo.json")
	if err != nil {
		return false, err
	}
	if body != nil {
		finish(body)
	}
	n.rest.on.Store(body != nil)
	n.rest.known.Store(asked)
	return body != nil, nil
}

// getBlock asks for a block in hex and decodes it in place.
func (n *Node) getBlock(ctx context.Context, hash BlockHash, buffer *bytes.Buffer) ([]byte, error) {
	answer, err := n.wire.post(ctx, []byte(`{"method":"getblock","params":["`+hash.String()+`",0],"id":1}`))
	if err != nil {
		return nil, err
	}
	defer finish(answer)
	if _, err := buffer.ReadFrom(&bounded{r: answer, left: blockReply}); err != nil {
		return nil, err
	}
	text, ok := cutResult(buffer.Bytes())
	if !ok {
		_, err := n.wire.decode(buffer.Bytes())
		return nil, blockError(err)
	}
	size, err := hex.Decode(text, text)
	if err != nil {
		return nil, fmt.Errorf("getblock: %w: %w", errMalformed, err)
	}
	return text[:size], nil
}

// cutResult cuts the hex out of {"result":"…", without decoding megabytes as JSON.
func cutResult(answer []byte) ([]byte, bool) {
	start := bytes.Index(answer, []byte(`"result":"`))
	if start < 0 || start > 64 {
		return nil, false
	}
	text := answer[start+len(`"result":"`):]
	end := bytes.IndexByte(text, '"')
	return text[:max(end, 0)], end > 0
}

// blockError gives the reason why getblock answered without a block. A hash that the node no longer knows was in its
// best chain a moment ago.
func blockError(err error) error {
	if err == nil {
		return fmt.Errorf("getblock: no block in the answer: %w", errMalformed)
	}
	if hasCode(err, codeNotFound) {
		return fmt.Errorf("%w: %w", ErrMoved, err)
	}
	return fmt.Errorf("getblock: %w", err)
}
