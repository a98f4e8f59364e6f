package regtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"satchel/chain"
)

// Config is how a node is started. The zero Config is a good one.
type Config struct {
	Dir    string   // where the node's own folder is made; empty: the system's temporary folder
	Binary string   // bitcoind; empty: $BITCOIND, the PATH, or where "make deps" puts it
	Args   []string // further arguments, which win over ours: "-txindex=1"
	Log    *slog.Logger
}

// Node is a running bitcoind on regtest.
type Node struct {
	binary string
	dir    string
	args   []string
	rpc    string // host:port
	zmq    map[string]string
	log    *slog.Logger
	node   *chain.Node
	payer  *chain.Node // the same node, on the path of its wallet

	mu       sync.Mutex
	process  *process
	walletMu sync.Mutex
	wallet   bool // the wallet is loaded
}

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 20 * time.Second
	startTries   = 3 // a port may be taken between our choosing it and bitcoind's
	walletName   = "payer"
)

// topics are what the node publishes over ZMQ, each at an address of its own.
func topics() []string { return []string{"rawtx", "sequence", "hashblock"} }

// Start starts a node and waits until it answers.
func Start(ctx context.Context, cfg Config) (*Node, error) {
	binary, err := find(cfg.Binary)
	if err != nil {
		return nil, err
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	for try := 1; ; try++ {
		n, err := start(ctx, binary, cfg, log)
		if err == nil {
			return n, nil
		}
		if try == startTries || ctx.Err() != nil || !errors.Is(err, errEnded) {
			return nil, err
		}
		log.Warn("bitcoind did not start; trying other ports", "err", err)
	}
}

func start(ctx context.Context, binary string, cfg Config, log *slog.Logger) (*Node, error) {
	dir, err := os.MkdirTemp(cfg.Dir, "regtest-")
	if err != nil {
		return nil, fmt.Errorf("make the node's folder: %w", err)
	}
	n := &Node{binary: binary, dir: dir, log: log, zmq: map[string]string{}}
	if err := n.prepare(ctx, cfg.Args); err == nil {
		err = n.run(ctx)
		if err == nil {
			return n, nil
		}
		return nil, errors.Join(err, n.Stop())
	}
	return nil, errors.Join(err, os.RemoveAll(dir))
}

// prepare chooses ports, writes the configuration and makes the clients.
func (n *Node) prepare(ctx context.Context, extra []string) error {
	addresses, err := FreePorts(ctx, 1+len(topics()))
	if err != nil {
		return err
	}
	n.rpc = addresses[0]
	_, port, err := net.SplitHostPort(n.rpc)
	if err != nil {
		return err
	}
	n.args = []string{
		"-regtest", "-server", "-rest", "-datadir=" + n.dir, "-rpcport=" + port, "-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1",
		"-listen=0", "-dnsseed=0", "-fixedseeds=0", "-natpmp=0", "-txindex=0", "-checkmempool=0", "-checkblockindex=0", "-printtoconsole=0", "-keypool=4",
		"-fallbackfee=0.0002", "-minrelaytxfee=0.000001", "-blockmintxfee=0.000001", "-blockmaxweight=3996000", "-rpcworkqueue=256",
	}
	for i, topic := range topics() {
		n.zmq[topic] = "tcp://" + addresses[1+i]
		n.args = append(n.args, "-zmqpub"+topic+"="+n.zmq[topic], "-zmqpub"+topic+"hwm=100000")
	}
	n.args = append(n.args, extra...)
	// Only Knots knows this one: in the file, other nodes pass over it.
	if err := os.WriteFile(filepath.Join(n.dir, "bitcoin.conf"), []byte("[regtest]\nblockmaxsize=4000000\n"), 0o600); err != nil {
		return fmt.Errorf("write the node's configuration: %w", err)
	}
	cfg := chain.NodeConfig{URL: n.URL(), CookieFile: n.CookieFile(), Network: "regtest", Log: n.log}
	if n.node, err = chain.NewNode(cfg); err != nil {
		return err
	}
	cfg.URL += "/wallet/" + walletName
	n.payer, err = chain.NewNode(cfg)
	return err
}

// errEnded: bitcoind ended instead of starting.
var errEnded = errors.New("bitcoind ended")

// run starts the process and waits until it answers.
func (n *Node) run(ctx context.Context) error {
	p, err := launch(n.binary, n.args)
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.process = p
	n.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-p.done:
			return fmt.Errorf("%w: %s", errEnded, p.why())
		case <-ctx.Done():
			return fmt.Errorf("wait for bitcoind to answer: %w: %w", ctx.Err(), n.node.Alive())
		case <-tick.C:
		}
		// The plain call: a user's wallet or mempool may still load, but the chain is there.
		if _, err := n.node.Call(ctx, "getblockcount"); err == nil {
			n.log.Debug("bitcoind answers", "url", n.URL())
			return nil
		}
	}
}

// URL is where the node answers RPC and REST.
func (n *Node) URL() string { return "http://" + n.rpc }

// WalletURL is where the node answers for its wallet.
func (n *Node) WalletURL() string { return n.URL() + "/wallet/" + walletName }

// CookieFile is where the node writes its user and password at each start.
func (n *Node) CookieFile() string { return filepath.Join(n.dir, "regtest", ".cookie") }

// CLI is the command that makes a call to the node from a shell, word by word: bitcoin-cli, where it lies beside bitcoind,
// and what tells it of this node.
func (n *Node) CLI() []string {
	cli := filepath.Join(filepath.Dir(n.binary), "bitcoin-cli")
	if _, err := os.Stat(cli); err != nil {
		cli = "bitcoin-cli"
	}
	_, port, _ := net.SplitHostPort(n.rpc)
	return []string{cli, "-regtest", "-datadir=" + n.dir, "-rpcport=" + port}
}

// Dir is the node's folder.
func (n *Node) Dir() string { return n.dir }

// ZMQ gives the addresses of the topics rawtx, sequence and hashblock.
func (n *Node) ZMQ() map[string]string {
	all := make(map[string]string, len(n.zmq))
	maps.Copy(all, n.zmq)
	return all
}

// Chain is a client of the node that watches nothing.
func (n *Node) Chain() *chain.Node { return n.node }

// Call makes any call to the node.
func (n *Node) Call(ctx context.Context, method string, params ...any) (json.RawMessage, error) {
	return n.node.Call(ctx, method, params...)
}

func (n *Node) running() (*process, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.process == nil {
		return nil, errors.New("bitcoind is not running")
	}
	return n.process, nil
}

// halt ends the process if there is one.
func (n *Node) halt(end func(*process)) {
	n.mu.Lock()
	p := n.process
	n.process = nil
	n.mu.Unlock()
	if p != nil {
		end(p)
	}
	n.walletMu.Lock()
	n.wallet = false
	n.walletMu.Unlock()
}

// Stop ends the node cleanly and removes its folder.
func (n *Node) Stop() error {
	n.halt(func(p *process) { p.end(stopTimeout) })
	n.node.Close()
	n.payer.Close()
	if err := os.RemoveAll(n.dir); err != nil {
		return fmt.Errorf("remove the node's folder: %w", err)
	}
	return nil
}

// Kill ends the node with SIGKILL: what it did not write is lost, as after a power cut. Restart starts it again.
func (n *Node) Kill() { n.halt((*process).kill) }

// Shutdown ends the node cleanly and keeps its folder. Restart starts it again.
func (n *Node) Shutdown() { n.halt(func(p *process) { p.end(stopTimeout) }) }

// Restart starts the node again at the same addresses, after a clean stop if it runs. Its cookie is a new one.
func (n *Node) Restart(ctx context.Context) error {
	n.Shutdown()
	return n.run(ctx)
}

// Pause freezes the node (SIGSTOP): it accepts connections and answers nothing.
func (n *Node) Pause() error {
	p, err := n.running()
	if err != nil {
		return err
	}
	if err := p.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	untilStopped(p.cmd.Process.Pid)
	return nil
}

// Resume lets a paused node go on.
func (n *Node) Resume() error {
	p, err := n.running()
	if err != nil {
		return err
	}
	return p.signal(syscall.SIGCONT)
}
