package wallet

import "fmt"

// Commands make another wallet of the same key, in bitcoind, see every payment: shell commands to paste. They look from the
// first block on (hours on mainnet; whoever knows better sets the timestamp, or gives rescanblockchain a height).
type Commands struct {
	Create string // makes a watch-only wallet, once
	Import string // lets it look far enough; again whenever more addresses were issued
	Refill string // instead of both, for a wallet that holds the private keys; NAME stands for its name
}

// watchOnly is the wallet that the commands make. A wallet that holds private keys takes no public descriptor.
const watchOnly = "satchel-watch"

// keypool is how far bitcoind looks beyond the last used address by itself. A wallet whose view is that wide takes no
// descriptor that would narrow it.
const keypool = 1000

// widestRange is the most indexes that bitcoind takes in one range.
const widestRange = 1_000_000

// CommandsFor gives the commands after which a wallet looks as far as the index upTo at least.
func (k *WatchKey) CommandsFor(upTo uint32) Commands {
	cli := "bitcoin-cli"
	if k.network != Mainnet {
		cli += " -" + string(k.network) // and not -chain=, which bitcoin-cli refuses beside regtest=1 in bitcoin.conf
	}
	last := min(upTo, hardened-1-keypool) + keypool
	first := uint32(0)
	if last >= widestRange {
		first = last - widestRange + 1
	}
	return Commands{
		Create: fmt.Sprintf("%s -named createwallet wallet_name=%s disable_private_keys=true blank=true load_on_startup=true", cli, watchOnly),
		Import: fmt.Sprintf(`%s -rpcwallet=%s importdescriptors '[{"desc":"%s","range":[%d,%d],"timestamp":0}]'`, cli, watchOnly, k.descriptor, first, last),
		Refill: fmt.Sprintf("%s -rpcwallet=NAME keypoolrefill %d && %s -rpcwallet=NAME rescanblockchain", cli, last, cli),
	}
}
