package wallet

import "strings"

// The alphabets of BIP380: what a descriptor may be written with, and what its checksum is written with.
const (
	descriptorCharset = "0123456789()[],'/*abcdefgh@:$%{}" +
		"IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~" +
		"ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
	checksumCharset = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
	checksumLength  = 8
)

// checksum computes the eight characters that follow a descriptor's "#" (BIP380); false where the descriptor contains
// a character that none may contain.
func checksum(descriptor string) (string, bool) {
	state := uint64(1)
	group, members := 0, 0
	for i := range len(descriptor) {
		at := strings.IndexByte(descriptorCharset, descriptor[i])
		if at < 0 {
			return "", false
		}
		state = polymod(state, at&31)
		group = group*3 + at>>5
		if members++; members == 3 {
			state = polymod(state, group)
			group, members = 0, 0
		}
	}
	if members > 0 {
		state = polymod(state, group)
	}
	for range checksumLength {
		state = polymod(state, 0)
	}
	state ^= 1

	var sum [checksumLength]byte
	for i := range sum {
		sum[i] = checksumCharset[state>>(5*(checksumLength-1-i))&31]
	}
	return string(sum[:]), true
}

// polymod feeds five bits into the BCH code of BIP380.
func polymod(state uint64, value int) uint64 {
	top := state >> 35
	state = (state&0x7ffffffff)<<5 ^ uint64(value) //nolint:gosec // value is 0 to 31
	for i, generator := range [5]uint64{0xf5dee51989, 0xa9fdca3312, 0x1bab10e32d, 0x3706b1677a, 0x644d626ffd} {
		if top>>i&1 == 1 {
			state ^= generator
		}
	}
	return state
}

// withChecksum appends the checksum to a descriptor that is known to be well written.
func withChecksum(descriptor string) string {
	sum, _ := checksum(descriptor)
	return descriptor + "#" + sum
}

// cutChecksum takes the checksum off and verifies it, if there is one.
func cutChecksum(text string) (descriptor string, err error) {
	descriptor, given, found := strings.Cut(text, "#")
	want, clean := checksum(descriptor)
	switch {
	case !clean:
		return "", refuse("the key contains a character that no descriptor has; copy it again")
	case !found:
		return descriptor, nil
	case !strings.Contains(descriptor, "("):
		return "", refuse("a checksum belongs to a whole descriptor such as wpkh(…); remove the # and what follows, or give the descriptor")
	case len(given) != checksumLength:
		return "", refuse("the descriptor's checksum has %d characters where 8 belong after the #; copy it again, or remove the # and what follows", len(given))
	case strings.Trim(given, checksumCharset) != "":
		return "", refuse("the descriptor's checksum contains a character that no checksum has; copy it again, or remove the # and what follows")
	case given != want:
		return "", refuse("the descriptor's checksum does not match; a character of the descriptor is wrong, copy it again from your wallet")
	}
	return descriptor, nil
}
