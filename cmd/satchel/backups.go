package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"satchel/chain"
	"satchel/cmd/satchel/internal/config"
	"satchel/cmd/satchel/internal/daemon"
	"satchel/cmd/satchel/internal/keys"
	"satchel/fault"
	"satchel/invoice"
	"satchel/store"
	"satchel/wallet"
)

// backupDocument is what `satchel backup --json` prints.
type backupDocument struct {
	File string `json:"file"`
	Size int64  `json:"size"` // bytes
}

func (a *app) backupCommand() *cobra.Command {
	return &cobra.Command{Use: "backup FILE", Short: "Write a checked copy of the running daemon's database", Args: args(1), RunE: func(cmd *cobra.Command, args []string) error {
		s, err := config.Load(a.config)
		if err != nil {
			return err
		}
		path, err := filepath.Abs(config.Expand(args[0]))
		if err != nil {
			return err
		}
		err = store.Save(cmd.Context(), path, func(w io.Writer) error {
			return a.client(s).Download(cmd.Context(), "backup", w)
		})
		if err != nil {
			return fmt.Errorf("back up: %w", err)
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		doc := backupDocument{File: path, Size: info.Size()}
		return a.print(doc, func(w io.Writer) {
			fmt.Fprintf(w, "%s: %d bytes, every record and index is sound\n", doc.File, doc.Size)
		})
	}}
}

// restoreDocument is what `satchel restore --json` prints.
type restoreDocument struct {
	Database string        `json:"database"`
	Keys     []restoredKey `json:"keys"`
}

// restoredKey is how far a watch key was moved ahead.
type restoredKey struct {
	Fingerprint string `json:"fingerprint"`
	Was         uint32 `json:"was"`
	Next        uint32 `json:"next"`
	Watched     int    `json:"watched"` // skipped addresses
}

func (a *app) restoreCommand() *cobra.Command {
	var skip int64
	c := &cobra.Command{Use: "restore FILE", Short: "Make the database from a backup (the daemon must be stopped)", Args: args(1)}
	c.Flags().Int64Var(&skip, "skip", keys.Beyond, "pass over so many addresses of each key: at least as many as were issued since the backup")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := config.Load(a.config)
		if err != nil {
			return err
		}
		if skip < 0 || skip > maxSkip {
			return usageError{fmt.Errorf("--skip must be between 0 and %d", maxSkip)}
		}
		if daemonRuns(cmd.Context(), s.Socket()) {
			return fmt.Errorf("a daemon runs on %s; stop it first", s.DataDir)
		}
		if err := os.MkdirAll(s.DataDir, 0o700); err != nil {
			return err
		}
		r := restoring{set: s, skip: uint32(skip), doc: restoreDocument{Database: s.Database(), Keys: []restoredKey{}}}
		if err := store.Restore(cmd.Context(), config.Expand(args[0]), s.Database(), r.prepare); err != nil {
			return restoreHelp(err)
		}
		return a.print(r.doc, func(w io.Writer) { showRestored(w, r.doc) })
	}
	return c
}

// maxSkip bounds --skip; deriving so many takes a minute.
const maxSkip = 1_000_000

// restoreHelp says what to do about a database that is there already.
func restoreHelp(err error) error {
	if fault.Is(err, fault.Conflict) {
		return fmt.Errorf("restore: %w; move it away first, and keep it: it may know more than the backup", err)
	}
	return fmt.Errorf("restore: %w", err)
}

// daemonRuns tells whether somebody answers at the socket. The database's lock does not tell: its file may be gone.
func daemonRuns(ctx context.Context, socket string) bool {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

// restoring moves the keys of a restored database ahead, before it gets its name.
type restoring struct {
	set  config.Settings
	skip uint32
	doc  restoreDocument
}

func (r *restoring) prepare(ctx context.Context, db *store.DB) error {
	if db.Network() != string(r.set.Network) {
		return fmt.Errorf("the backup is of %s, the configuration says %s", db.Network(), r.set.Network)
	}
	merchants, err := db.Merchants(ctx)
	if err != nil {
		return err
	}
	derivers := keys.New()
	first, err := derivers.Load(r.set, merchants)
	if err != nil {
		return err
	}
	// The key may have been set after the backup: then its addresses were shown by the lost database alone.
	if err := db.RegisterKey(ctx, daemon.FirstKey(r.set, first)); err != nil {
		return fault.Named("wallet.key", err)
	}
	known, err := db.Keys(ctx)
	if err != nil {
		return err
	}
	for _, k := range known {
		if err := r.ahead(ctx, db, derivers, k); err != nil {
			return fmt.Errorf("key %s: %w", k.Fingerprint, err)
		}
	}
	return nil
}

// ahead skips indexes of one key. One that neither the configuration nor a merchant has any more issues nothing.
func (r *restoring) ahead(ctx context.Context, db *store.DB, derivers *keys.Derivers, k store.Key) error {
	done := restoredKey{Fingerprint: k.Fingerprint, Was: k.Next, Next: k.Next + r.skip}
	var skipped []invoice.Address
	if key := derivers.WatchKey(k.Fingerprint); key != nil && r.skip > 0 {
		var err error
		if skipped, err = r.derive(ctx, key, done.Was, done.Next); err != nil {
			return err
		}
	}
	done.Watched = len(skipped)
	if err := db.SkipAhead(ctx, k.Fingerprint, done.Next, skipped); err != nil {
		return err
	}
	r.doc.Keys = append(r.doc.Keys, done)
	return nil
}

// derive gives a key's addresses from an index (included) to another.
func (r *restoring) derive(ctx context.Context, key *wallet.WatchKey, from, to uint32) ([]invoice.Address, error) {
	node, err := chain.NewNode(r.set.Node)
	if err != nil {
		return nil, err
	}
	defer node.Close()
	list := make([]invoice.Address, 0, to-from)
	for a, err := range keys.Derived(ctx, key, keys.ByNode(node), keys.Span{From: from, To: to}) {
		if err != nil && key.NeedsNode() {
			return nil, fmt.Errorf("only the node can derive its addresses, and it did not; start the node and try again: %w", err)
		}
		if err != nil {
			return nil, err
		}
		list = append(list, keys.Of(key).Given(a))
	}
	return list, nil
}

func showRestored(w io.Writer, d restoreDocument) {
	fmt.Fprintf(w, "%s is made from the backup; every record and index is sound\n", d.Database)
	for _, k := range d.Keys {
		fmt.Fprintf(w, "key %s: the next index was %d and is %d; %d skipped addresses are watched\n", k.Fingerprint[:min(16, len(k.Fingerprint))], k.Was, k.Next, k.Watched)
	}
	fmt.Fprint(w, "\nNext: satchel serve, then satchel attention and satchel reconcile: payments for invoices that were lost need a hand.\n")
}

// compactDocument is what `satchel compact --json` prints.
type compactDocument struct {
	Database string `json:"database"`
	Before   int64  `json:"before"` // bytes
	After    int64  `json:"after"`
}

func (a *app) compactCommand() *cobra.Command {
	return &cobra.Command{Use: "compact", Short: "Give the database's unused space back (the daemon must be stopped)", Args: args(0), RunE: func(cmd *cobra.Command, _ []string) error {
		s, err := config.Load(a.config)
		if err != nil {
			return err
		}
		before, after, err := store.Compact(cmd.Context(), s.Database())
		if err != nil {
			return fmt.Errorf("compact: %w", err)
		}
		doc := compactDocument{Database: s.Database(), Before: before, After: after}
		return a.print(doc, func(w io.Writer) {
			fmt.Fprintf(w, "%s: %.1f MB, was %.1f MB; every record and index is sound\n", doc.Database, float64(after)/1e6, float64(before)/1e6)
		})
	}}
}
