package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"satchel/auth"
	"satchel/fault"
	"satchel/invoice"
	"satchel/merchant"
	"satchel/notify"
	"satchel/tracker"
)

// Derivers knows who gives a merchant's addresses. It is asked inside transactions: without I/O.
type Derivers interface {
	For(m merchant.ID) (d invoice.Deriver, ok bool)
}

// Config is what a store works with. Path is needed; without Derivers no invoice can be created that has an address.
type Config struct {
	Path string
	Log  *slog.Logger     // nil: nothing is logged
	Now  func() time.Time // nil: the system's clock
	// Render makes an event's document and what goes out for it, inside the commit: without I/O, and the same for the same
	// event. nil: events have neither.
	Render      func(ev invoice.Event, m merchant.Merchant) (document []byte, out []notify.Outgoing, err error)
	NewID       func() string   // event ids; nil: of the form of invoices' ids
	AfterCommit func(Touched)   // called after each commit, before its callers go on; must not block
	Fatal       func(error)     // a commit returned an error and may be on the disk: the process must stop
	MinFree     int64           // bytes of the disk that must stay free for new invoices; 0: 64 MiB
	Room        int64           // bytes that must be free for any commit, else it waits; 0: 16 MiB
	Watch       invoice.Watcher // learns a script before the commit that issues it
	Derivers    Derivers        // give the addresses of the merchants' indexes

	hook func(step) // called at each step of a commit, by tests that interrupt it; nil: nobody
}

// DB is the open store. Reads work at once, writes while Run runs.
type DB struct {
	cfg     Config
	bolt    *bolt.DB
	secret  auth.Secret
	paypro  [32]byte
	network string
	queue   *queue
	running atomic.Bool
	quit    chan struct{} // closed by Close
	broken  chan struct{} // closed when a commit failed
	stopped chan struct{} // closed when Run returns
	once    sync.Once
	full    atomic.Pointer[fault.Error] // why nothing may be created; nil: it may
	holding atomic.Bool                 // commits wait for room on the disk
	shared  bool                        // the last commit was of several writes; the committer's own
}

var (
	_ invoice.Store   = (*DB)(nil)
	_ tracker.Store   = (*DB)(nil)
	_ notify.Store    = (*DB)(nil)
	_ auth.Store      = (*DB)(nil)
	_ auth.StaffStore = (*DB)(nil)
)

// Open opens the file at cfg.Path and reads it through once; every checksum is compared. It refuses, with a sentence,
// a file that does not exist, that another process uses, that a newer version wrote, or that is damaged. A file of an
// older version is migrated after a copy was made beside it.
func Open(cfg Config) (*DB, error) {
	db, err := openNamed(cfg)
	if err != nil {
		return nil, fmt.Errorf("open the database %s: %w", cfg.Path, advised(err))
	}
	return db, nil
}

// openNamed is Open, with errors for a sentence that names the file.
func openNamed(cfg Config) (*DB, error) {
	cfg = cfg.withDefaults()
	file, err := openBolt(cfg.Path)
	if err != nil {
		return nil, err
	}
	db := &DB{cfg: cfg, bolt: file, queue: newQueue(), quit: make(chan struct{}), broken: make(chan struct{}), stopped: make(chan struct{})}
	if err := guard(db.prepare); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return db, nil
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // the one place where the system clock is the default
	}
	if c.NewID == nil {
		c.NewID = func() string { return string(invoice.NewID()) }
	}
	if c.MinFree == 0 {
		c.MinFree = 64 << 20
	}
	if c.Room == 0 {
		c.Room = 16 << 20
	}
	return c
}

// prepare brings the file to this version and reads what belongs to it.
func (db *DB) prepare() error {
	if err := removeLeftovers(db.cfg.Path); err != nil {
		return err
	}
	if err := migrate(db.bolt, migrations()); err != nil {
		return err
	}
	if err := complete(db.bolt); err != nil {
		return err
	}
	err := db.view(context.Background(), func(t *txn) error {
		secret, ok, err := t.get(bMeta, []byte(metaSecret))
		if err != nil || !ok || len(secret) != len(db.secret) {
			return errors.Join(errors.New("it has no server secret"), err)
		}
		db.secret = auth.Secret(secret)
		key, _, err := t.get(bMeta, []byte(metaPayPro))
		if copy(db.paypro[:], key) != len(db.paypro) || err != nil {
			return errors.Join(errors.New("it has no key for the payment protocols"), err)
		}
		network, _, err := t.get(bMeta, []byte(metaNetwork))
		db.network = string(network)
		return err
	})
	if err != nil {
		return err
	}
	db.probe()
	return nil
}

// Close releases the file. It lets a Run that still runs end first; what was queued is committed.
func (db *DB) Close() error {
	var err error
	db.once.Do(func() {
		close(db.quit)
		if db.running.Swap(true) {
			<-db.stopped
		}
		db.queue.refuse(stoppedFault())
		err = db.bolt.Close()
	})
	return err
}

func (db *DB) quitting() bool {
	select {
	case <-db.quit:
		return true
	default:
		return false
	}
}

// ServerSecret is the server's key for tokens. Backups carry it.
func (db *DB) ServerSecret() auth.Secret { return db.secret }

// PaymentKey is the secret of the key that signs the answers of the payment protocols. It is made once, and backups carry it.
func (db *DB) PaymentKey() [32]byte { return db.paypro }

// Network is the network that the file was made for, in the configuration's word.
func (db *DB) Network() string { return db.network }

// Size is the file's size in bytes.
func (db *DB) Size() (int64, error) {
	info, err := os.Stat(db.cfg.Path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// view runs fn on a consistent view. What fn keeps, it copies.
func (db *DB) view(ctx context.Context, fn func(t *txn) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	tx, err := db.bolt.Begin(false)
	if err != nil {
		return fmt.Errorf("begin a read: %w", err)
	}
	err = newTxn(db, tx).run(fn)
	if end := tx.Rollback(); err == nil && end != nil {
		return fmt.Errorf("end a read: %w", end)
	}
	return err
}
