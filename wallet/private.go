package wallet

import (
	"slices"
	"strings"
)

// holdsPrivate tells whether a text contains a private key or a seed in any usual notation: extended private keys of
// every version, keys in WIF, encrypted keys (BIP38), shares (BIP93), seed words (BIP39). It looks at
// the text before anything is parsed, and rather suspects too much.
func holdsPrivate(text string) bool {
	words := strings.FieldsFunc(text, func(r rune) bool { return !isWord(r) })
	return seedWords(text) || slices.ContainsFunc(words, privateToken)
}

func privateToken(token string) bool {
	lower := strings.ToLower(token)
	switch {
	case len(lower) >= 4 && lower[1:4] == "prv" && strings.Contains("xyztuv", lower[:1]):
		return true
	case strings.HasPrefix(lower, "ms1") && len(lower) >= 48:
		return true
	case (len(token) == 51 || len(token) == 52) && strings.Contains("5KL9c", token[:1]) && isBase58(token):
		return true
	case len(token) == 58 && strings.HasPrefix(token, "6P") && isBase58(token):
		return true
	}
	payload, ok := decodeCheck(token)
	return ok && privatePayload(payload)
}

// privatePayload tells whether what a checksum protects is a private key.
func privatePayload(payload []byte) bool {
	switch len(payload) {
	case 33, 34: // WIF of any network: version, 32 bytes, and perhaps a mark for the compressed form
		return true
	case extendedLength:
		return payload[keyAt] == 0
	}
	return false
}

// seedWords tells whether a text is a row of words, as the backup of a wallet is (BIP39: 12 to 24, in ten languages).
// Nothing public has so many spaces.
func seedWords(text string) bool { return len(strings.Fields(text)) >= 12 }

func isWord(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_'
}

func isBase58(token string) bool {
	return strings.Trim(token, "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz") == ""
}
