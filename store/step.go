package store

// stepKind is a moment of a commit.
type stepKind uint8

const (
	beforeWrite stepKind = iota
	beforeCommit
	afterCommit
)

// step is where a commit can be interrupted: before each row that it writes, before it ends, and before anybody is told
// that it did.
type step struct {
	kind  stepKind
	in    bucket
	key   []byte
	value []byte // sealed; nil: the row is removed
}

// step tells a test where the commit is.
func (db *DB) step(s step) {
	if db != nil && db.cfg.hook != nil {
		db.cfg.hook(s)
	}
}
