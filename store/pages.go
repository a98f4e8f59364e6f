package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// lockWait is how long a file that another process uses is waited for; one that just stops gets the chance to.
const (
	lockWait  = time.Second
	lockTries = 20
)

// How much address space is mapped at first. A file that outgrows its map is mapped anew, for which the commit waits
// until the last reader has ended, and new readers wait with it: one long reader stops everything. So the map is larger
// than a file ever is; it takes no memory. Where address space is limited (ulimit -v), less must do.
const (
	wideMap   int64 = 1 << 36
	narrowMap int64 = 1 << 30
)

// openBolt opens an existing file: it locks it, checks every page, and only then lets bbolt map it.
func openBolt(path string) (*bolt.DB, error) {
	if strconv.IntSize < 64 {
		return openMapped(path, 0)
	}
	file, err := openMapped(path, wideMap)
	if errors.Is(err, unix.ENOMEM) {
		return openMapped(path, narrowMap)
	}
	return file, err
}

func openMapped(path string, size int64) (file *bolt.DB, err error) {
	options := layout()
	options.Timeout, options.InitialMmapSize = lockWait, int(size)
	options.OpenFile = func(name string, _ int, _ os.FileMode) (*os.File, error) { return openChecked(name) }
	err = guard(func() error {
		file, err = bolt.Open(path, 0o600, options)
		return err
	})
	return file, err
}

// layout is how the file is kept. The list of free pages is not: it would be written anew with each commit, and while a
// reader holds an old view, no page of an earlier list can be used again. Each list would name all lists before it, so
// that the file grew beyond all bounds, instead of by what is written. It is found again when the file is opened.
func layout() *bolt.Options {
	return &bolt.Options{FreelistType: bolt.FreelistMapType, NoFreelistSync: true}
}

// openChecked opens the file, locks it and checks its pages.
func openChecked(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0) //nolint:gosec // the operator's own path
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNone
	}
	if errors.Is(err, os.ErrPermission) || errors.Is(err, unix.EROFS) {
		return nil, fmt.Errorf("satchel must be able to write it; see to its owner, its mode and the disk's mount: %w", bare(err))
	}
	if err != nil {
		return nil, bare(err)
	}
	if err = lock(f); err == nil {
		err = stillNamed(f, path)
	}
	if err == nil {
		err = checkFile(f)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// bare takes the path and the call off an error of the system, where the sentence around it names the file already.
func bare(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	if call, ok := errors.AsType[*os.SyscallError](err); ok {
		err = call.Err
	}
	return err
}

// ErrNone is a database that is not there.
var ErrNone = errors.New("there is none; mount its disk if it was there before, or make it again from a backup with " +
	"`satchel restore FILE`; without one `satchel init` makes an empty one")

// ErrInUse is a file that another process has open.
var ErrInUse = errors.New("another satchel uses it; stop that one first")

// lock takes the lock that bbolt takes again later, on the same open file.
func lock(f *os.File) error {
	for tries := lockTries; ; time.Sleep(lockWait / lockTries) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("lock it: %w", err)
		}
		if tries--; tries == 0 {
			return ErrInUse
		}
	}
}

// stillNamed refuses a file that lost its name while its lock was waited for: what is written to it would be lost.
func stillNamed(f *os.File, path string) error {
	ours, err := f.Stat()
	if err != nil {
		return err
	}
	named, err := os.Stat(path)
	if err != nil || !os.SameFile(ours, named) {
		return errors.Join(err, errors.New("it was replaced a moment ago; try again"))
	}
	return nil
}

// ErrDamaged is a file that is no database, or not as it was written. Nothing is repaired by guessing.
var ErrDamaged = errors.New("it is not a whole satchel database")

// advised says what to do about a database that is damaged.
func advised(err error) error {
	if !errors.Is(err, ErrDamaged) {
		return err
	}
	return fmt.Errorf("%w; restore a backup with `satchel restore FILE` (the chain is read again from there)", err)
}

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// The layout of bbolt's pages, file format version 2, in the machine's byte order.
const (
	pageHeader  = 16 // id uint64, flags uint16, count uint16, overflow uint32
	elementSize = 16 // of leaf and branch pages alike
	metaLen     = 64
	metaMagic   = 0xED0CDAED
	metaVersion = 2
	leastPage   = 1024
	mostPage    = 1 << 24
	branchPage  = 0x01
	leafPage    = 0x02
	metaPage    = 0x04
	freePage    = 0x10
)

// rootOf is what a meta page says.
type rootOf struct {
	pageSize int64
	root     uint64
	freelist uint64
	pages    uint64 // how many there are
	txid     uint64
}

// readMeta reads a meta page. A commit writes one of the two in one sector, so that a broken one is damage and not an
// interrupted commit; to go on with the other one would forget a commit that was answered.
func readMeta(f io.ReaderAt, at int64, number uint64) (rootOf, error) {
	b := make([]byte, pageHeader+metaLen)
	if _, err := f.ReadAt(b, at); err != nil {
		return rootOf{}, broken("it ends within its first pages")
	}
	order := binary.NativeEndian
	m := b[pageHeader:]
	if order.Uint32(m) != metaMagic || order.Uint32(m[4:]) != metaVersion {
		return rootOf{}, broken("page %d does not begin a database", number)
	}
	h := fnv.New64a()
	_, _ = h.Write(m[:metaLen-8]) // never fails (hash.Hash)
	if order.Uint64(m[metaLen-8:]) != h.Sum64() || order.Uint64(b) != number || order.Uint16(b[8:]) != metaPage {
		return rootOf{}, broken("page %d, a root of the database, has a wrong checksum", number)
	}
	return rootOf{
		pageSize: int64(order.Uint32(m[8:])), root: order.Uint64(m[16:]), freelist: order.Uint64(m[32:]),
		pages: order.Uint64(m[40:]), txid: order.Uint64(m[48:]),
	}, nil
}

// newestRoot reads both meta pages and gives the newer one.
func newestRoot(f *os.File) (rootOf, error) {
	first, err := readMeta(f, 0, 0)
	if err != nil {
		return rootOf{}, err
	}
	if first.pageSize < leastPage || first.pageSize > mostPage {
		return rootOf{}, broken("its pages have an impossible size")
	}
	second, err := readMeta(f, first.pageSize, 1)
	if err != nil {
		return rootOf{}, err
	}
	newest := first
	if second.txid > first.txid {
		newest = second
	}
	info, err := f.Stat()
	if err != nil {
		return rootOf{}, err
	}
	if newest.pages < 2 || newest.pages > uint64(info.Size()/first.pageSize) { //nolint:gosec // sizes are positive
		return rootOf{}, broken("it was cut: it has %d pages of %d", info.Size()/first.pageSize, newest.pages)
	}
	return newest, nil
}

// checkFile reads the whole file in order, which also brings it into the system's cache, and checks every page that is
// in use.
func checkFile(f *os.File) error {
	root, err := newestRoot(f)
	if err != nil {
		return err
	}
	c := &checker{file: f, rootOf: root, pages: make([]seenPage, root.pages), children: map[uint64][]child{}}
	if err := c.readAll(); err != nil {
		return err
	}
	if err := c.reach(); err != nil {
		return err
	}
	return c.account()
}
