package auth

import (
	"context"
	"crypto/hmac"
	"encoding/binary"
	"errors"
	"time"

	"github.com/btcsuite/btcd/btcutil/base58"
)

// An invitation's key is the second since 1970 in which it ends, and half an HMAC-SHA256 (128 bits) of that, the
// operator's name, his version and a number of the invitation's own. The version changes with every password, so that a key
// works once; the number with every invitation, so that only the newest works.
const (
	inviteEnd = 8
	inviteLen = inviteEnd + 16
	maxInvite = 48 // characters; a key has about 33
)

// Invite makes the key with which an operator sets his password; an earlier one does not work any more. The key is not stored.
func (s *Staff) Invite(ctx context.Context, name string) (key string, end time.Time, err error) {
	var o Operator
	invite := newVersion()
	err = s.cfg.Store.UpdateStaff(ctx, func(tx StaffTx) (err error) {
		var ok bool
		if o, ok, err = tx.Operator(name); err != nil || !ok {
			return errors.Join(err, missingOperator(err == nil))
		}
		o.Invite = invite
		return tx.PutOperator(o)
	})
	if err != nil {
		return "", time.Time{}, err
	}
	end = s.cfg.Now().Add(InviteTime).Truncate(time.Second)
	raw := binary.BigEndian.AppendUint64(nil, uint64(end.Unix())) //nolint:gosec // after 1970
	return base58.Encode(append(raw, s.cfg.Secret.inviteMAC(raw, o)...)), end, nil
}

// Invited finds whom a key was made for; ErrInvite for any key that does not work, or no longer.
func (s *Staff) Invited(ctx context.Context, name, key string) (o Operator, err error) {
	var raw []byte
	if len(key) <= maxInvite && len(name) <= maxOperator {
		raw = base58.Decode(key)
	}
	if len(raw) != inviteLen {
		return Operator{}, ErrInvite
	}
	var known bool
	err = s.cfg.Store.ReadStaff(ctx, func(v StaffView) error {
		o, known, err = v.Operator(name)
		return err
	})
	if err != nil {
		return Operator{}, err
	}
	end := time.Unix(int64(binary.BigEndian.Uint64(raw)), 0) //nolint:gosec // compared below with what we made
	// A name that is nobody's takes as long as one that is.
	fits := hmac.Equal(raw[inviteEnd:], s.cfg.Secret.inviteMAC(raw[:inviteEnd], o))
	if !fits || !known || !s.cfg.Now().Before(end) {
		return Operator{}, ErrInvite
	}
	return o, nil
}

// Welcome sets the password of who was invited, and signs him in. The key is used up.
func (s *Staff) Welcome(ctx context.Context, name, key, password string) (seat string, o Operator, err error) {
	was, err := s.Invited(ctx, name, key)
	if err != nil {
		return "", Operator{}, err
	}
	o, err = s.replace(ctx, name, password, func(is Operator) error {
		if is.Version != was.Version || is.Invite != was.Invite {
			return ErrInvite
		}
		return nil
	})
	if err != nil {
		return "", Operator{}, err
	}
	seat, err = s.sit(ctx, o)
	return seat, o, err
}

func (s Secret) inviteMAC(head []byte, o Operator) []byte {
	return s.mac("invite", head, []byte(o.Name), o.Version[:], o.Invite[:])[:inviteLen-inviteEnd]
}

// KnownKey is what a browser keeps after it signed in as an operator, and shows when it does so again. It proves nothing
// but that, and is told from one made up.
func (s Secret) KnownKey(name string, nonce [16]byte) string {
	return base58.Encode(append(nonce[:], s.mac("browser", nonce[:], []byte(name))[:16]...))
}

// ReadKnown tells whether a browser signed in as an operator before, and gives its nonce.
func (s Secret) ReadKnown(name, key string) (nonce [16]byte, ok bool) {
	var raw []byte
	if len(key) <= maxInvite {
		raw = base58.Decode(key)
	}
	if len(raw) != 2*len(nonce) {
		return nonce, false
	}
	nonce = [16]byte(raw[:len(nonce)])
	return nonce, same(s.KnownKey(name, nonce), key)
}
