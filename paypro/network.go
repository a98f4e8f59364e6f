package paypro

// Network is the chain that an invoice is paid on.
type Network uint8

// The networks that the protocols tell apart.
const (
	Main Network = iota + 1
	Test
	Regtest
)

// NetworkOf gives the network for a name of the configuration: mainnet, testnet4, signet or regtest. The protocols have
// one word for all public test networks.
func NetworkOf(name string) Network {
	switch name {
	case "mainnet":
		return Main
	case "regtest":
		return Regtest
	}
	return Test
}

// String gives the word of the wire.
func (n Network) String() string {
	switch n {
	case Main:
		return "main"
	case Test:
		return "test"
	case Regtest:
		return "regtest"
	}
	return "unknown"
}

// version is the first byte of a P2PKH address: a key is named like one.
func (n Network) version() byte {
	if n == Main {
		return 0x00
	}
	return 0x6f
}
