package config

import (
	"cmp"
	"regexp"
	"strconv"

	"satchel"
)

// Fresh is what a new configuration says in place of the defaults.
type Fresh struct {
	Network, Key, AddressType string
	DataDir                   string
	NodeURL, Cookie           string // "": the network's usual
	StartIndex, Birthday      int64
}

// Text is the example with these values.
func (f Fresh) Text() string {
	node := usualNode(f.Network)
	url := cmp.Or(f.NodeURL, node.url)
	node.cookie = cmp.Or(f.Cookie, node.cookie)
	text := satchel.ConfigExample
	for _, kv := range [][2]string{
		{"network", f.Network},
		{"data_dir", f.DataDir},
		{"url", url},
		{"cookie_file", node.cookie},
		{"key", f.Key},
		{"address_type", f.AddressType},
	} {
		text = SetKey(text, kv[0], strconv.Quote(kv[1]))
	}
	text = SetKey(text, "birthday", strconv.FormatInt(f.Birthday, 10))
	text = SetKey(text, "start_index", strconv.FormatInt(f.StartIndex, 10))
	if f.Network == "regtest" {
		text = SetKey(text, "allow_private", "true")
		text = SetKey(text, "fixed", `{USD = "50000", EUR = "45000"}`)
		text = SetKey(text, "sources", "[]")
	}
	return text
}

// SetKey replaces a key's value and keeps its comment; the keys it is used for have distinct names.
func SetKey(text, key, value string) string {
	re := regexp.MustCompile(`(?m)^` + key + `( *= )("[^"]*"|[^#\n]*?)( *#.*)?$`)
	return re.ReplaceAllStringFunc(text, func(line string) string {
		m := re.FindStringSubmatch(line)
		return key + m[1] + value + m[3]
	})
}

type usual struct{ url, cookie string }

// usualNode is where Bitcoin Core listens and keeps its cookie, by network.
func usualNode(network string) usual {
	switch network {
	case "mainnet":
		return usual{"http://127.0.0.1:8332", "~/.bitcoin/.cookie"}
	case "testnet4":
		return usual{"http://127.0.0.1:48332", "~/.bitcoin/testnet4/.cookie"}
	case "signet":
		return usual{"http://127.0.0.1:38332", "~/.bitcoin/signet/.cookie"}
	}
	return usual{"http://127.0.0.1:18443", "~/.bitcoin/regtest/.cookie"}
}
