package store

import "context"

// CheckFile checks a database that no daemon uses: every checksum, record, index, counter and sum.
func CheckFile(ctx context.Context, path string) (list []Problem, err error) {
	db, err := Open(Config{Path: path})
	if err != nil {
		return nil, err
	}
	list, err = db.Check(ctx)
	if closing := db.Close(); err == nil {
		err = closing
	}
	return list, err
}
