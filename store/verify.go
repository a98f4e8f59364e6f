package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"slices"
)

// checker checks a file page by page: that each page in use is where it says it is, that its rows lie in it without a
// gap and in order, that each value's checksum is right, that each branch names the first key of its children, and that
// each page is in use once, or free, and not both.
type checker struct {
	rootOf

	file     *os.File
	pages    []seenPage
	children map[uint64][]child // of branch pages, and of leaf pages that hold buckets
}

// seenPage is what was found on a page; whether it matters is known only after all were read.
type seenPage struct {
	fault    string // why it is not a page; "": it is one
	leaf     bool
	list     bool // a list of free pages
	overflow uint32
	first    uint32 // checksum of its first key
	used     bool
}

// child is a page that another one points to.
type child struct {
	page  uint64
	first uint32 // checksum of the key that the parent gives it
	free  bool   // a bucket's root: its parent does not know its first key
}

// readSize is how much is read at once.
const readSize = 1 << 20

func (c *checker) readAll() error {
	buf := make([]byte, max(readSize, c.pageSize))
	perRead := uint64(len(buf)) / uint64(c.pageSize) //nolint:gosec // positive
	for at := uint64(2); at < uint64(len(c.pages)); at += perRead {
		n := min(perRead, uint64(len(c.pages))-at)
		part := buf[:int64(n)*c.pageSize] //nolint:gosec // below readSize
		if _, err := c.file.ReadAt(part, c.offset(at)); err != nil {
			return fmt.Errorf("read the file through: %w", err)
		}
		for i := range n {
			if err := c.look(at+i, part[int64(i)*c.pageSize:]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *checker) offset(page uint64) int64 { return int64(page) * c.pageSize } //nolint:gosec // below the file's size

// look reads one page. rest is the file from its beginning on, as far as it was read.
func (c *checker) look(id uint64, rest []byte) error {
	order := binary.NativeEndian
	p := &c.pages[id]
	flags := order.Uint16(rest[8:])
	if order.Uint64(rest) != id || flags != leafPage && flags != branchPage && flags != freePage {
		p.fault = "is not where it should be"
		return nil
	}
	p.overflow = order.Uint32(rest[12:])
	if uint64(p.overflow) >= uint64(len(c.pages))-id {
		p.fault = "reaches beyond the end"
		return nil
	}
	body, err := c.body(id, rest)
	if err != nil {
		return err
	}
	switch flags {
	case freePage:
		p.fault, p.list = "is a list of free pages", true
		return nil
	case leafPage:
		p.leaf = true
	}
	var kids []child
	end, fault := rows(body, flags, func(e element) string {
		if e.n == 0 {
			p.first = keySum(e.key)
		}
		kid, fault := e.check(flags)
		if kid.page != 0 {
			kids = append(kids, kid)
		}
		return fault
	})
	if fault == "" && (end == pageHeader || (end+c.pageSize-1)/c.pageSize != int64(p.overflow)+1) {
		fault = "has another size than its rows"
	}
	p.fault = fault
	if len(kids) > 0 {
		c.children[id] = kids
	}
	return nil
}

// body gives a page with its overflow, read again where rest ends before it does.
func (c *checker) body(id uint64, rest []byte) ([]byte, error) {
	size := (int64(c.pages[id].overflow) + 1) * c.pageSize
	if int64(len(rest)) >= size {
		return rest[:size], nil
	}
	body := make([]byte, size)
	if _, err := c.file.ReadAt(body, c.offset(id)); err != nil {
		return nil, fmt.Errorf("read the file through: %w", err)
	}
	return body, nil
}

func keySum(key []byte) uint32 { return crc32.Checksum(key, crc32.MakeTable(crc32.Castagnoli)) }

// element is one row of a page.
type element struct {
	n     int
	flags uint32 // of a leaf
	page  uint64 // of a branch
	key   []byte
	value []byte
}

// rows walks the rows of a page and gives where the last one ends. bbolt writes them in order and without a gap, so
// that a wrong count, position or length shows.
func rows(page []byte, flags uint16, fn func(element) string) (end int64, fault string) {
	order := binary.NativeEndian
	count := int(order.Uint16(page[10:]))
	at := pageHeader + count*elementSize
	if at > len(page) {
		return 0, "counts more rows than it has room for"
	}
	var before []byte
	for i := range count {
		start := pageHeader + i*elementSize
		head := page[start : start+elementSize]
		e := element{n: i}
		pos, keyLen, valueLen := order.Uint32(head), order.Uint32(head[4:]), uint32(0)
		if flags == leafPage {
			e.flags, pos, keyLen, valueLen = order.Uint32(head), order.Uint32(head[4:]), order.Uint32(head[8:]), order.Uint32(head[12:])
		} else {
			e.page = order.Uint64(head[8:])
		}
		next := uint64(at) + uint64(keyLen) + uint64(valueLen)
		if uint64(start)+uint64(pos) != uint64(at) || keyLen == 0 || next > uint64(len(page)) {
			return 0, "has a row that is not where it should be"
		}
		e.key = page[at : at+int(keyLen)]
		e.value = page[at+int(keyLen) : next]
		if i > 0 && bytes.Compare(before, e.key) >= 0 {
			return 0, "has rows out of order"
		}
		if fault := fn(e); fault != "" {
			return 0, fault
		}
		before, at = e.key, int(next) //nolint:gosec // within the page
	}
	return int64(at), ""
}

// check checks a row: the sum of a value, the place of a child, the inside of a small bucket.
func (e element) check(flags uint16) (child, string) {
	switch {
	case flags == branchPage:
		return child{page: e.page, first: keySum(e.key)}, ""
	case e.flags == 0 && intact(e.key, e.value):
		return child{}, ""
	case e.flags == 0:
		return child{}, "has a value with a wrong checksum"
	case e.flags != 1 || len(e.value) < 16:
		return child{}, "has a row of no known kind"
	}
	if root := binary.NativeEndian.Uint64(e.value); root != 0 {
		return child{page: root, free: true}, ""
	}
	inside := e.value[16:] // a bucket that is small enough lies in its parent's row
	if len(inside) < pageHeader || binary.NativeEndian.Uint16(inside[8:]) != leafPage {
		return child{}, "has a small bucket that is none"
	}
	end, fault := rows(inside, leafPage, func(e element) string {
		if e.flags != 0 || !intact(e.key, e.value) {
			return "has a value with a wrong checksum"
		}
		return ""
	})
	if fault == "" && end != int64(len(inside)) {
		fault = "has a small bucket of another size than its rows"
	}
	return child{}, fault
}

// reach walks from the root to every page in use.
func (c *checker) reach() error {
	todo := []child{{page: c.root, free: true}}
	for len(todo) > 0 {
		kid := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if kid.page < 2 || kid.page >= uint64(len(c.pages)) {
			return broken("a branch leads to page %d, which does not exist", kid.page)
		}
		p := &c.pages[kid.page]
		switch {
		case p.fault != "":
			return broken("page %d %s", kid.page, p.fault)
		case !kid.free && p.first != kid.first:
			return broken("page %d begins with another key than its branch says", kid.page)
		}
		if err := c.use(kid.page, p.overflow, "in use twice"); err != nil {
			return err
		}
		kids := c.children[kid.page]
		if !p.leaf && len(kids) == 0 {
			return broken("page %d is a branch that leads nowhere", kid.page)
		}
		todo = append(todo, kids...)
	}
	return nil
}

func (c *checker) use(page uint64, overflow uint32, twice string) error {
	for id := page; id <= page+uint64(overflow); id++ {
		if c.pages[id].used {
			return broken("page %d is %s", id, twice)
		}
		c.pages[id].used = true
	}
	return nil
}

// noList stands for the list of free pages in a file that has none: all that is not in use is free.
const noList = math.MaxUint64

// account compares what is in use with the list of free pages, where there is one: a page in both would be overwritten.
func (c *checker) account() error {
	if c.freelist == noList {
		return nil
	}
	if c.freelist < 2 || c.freelist >= uint64(len(c.pages)) || !c.pages[c.freelist].list {
		return broken("its list of free pages is missing")
	}
	overflow := c.pages[c.freelist].overflow
	b := make([]byte, (int64(overflow)+1)*c.pageSize)
	if _, err := c.file.ReadAt(b, c.offset(c.freelist)); err != nil {
		return fmt.Errorf("read the list of free pages: %w", err)
	}
	order := binary.NativeEndian
	count, ids := uint64(order.Uint16(b[10:])), b[pageHeader:]
	if count == 0xFFFF {
		count, ids = order.Uint64(ids), ids[8:]
	}
	if count > uint64(len(ids))/8 {
		return broken("its list of free pages is longer than its room")
	}
	if err := c.use(c.freelist, overflow, "in use and in the list of free pages"); err != nil {
		return err
	}
	for i := range count {
		id := order.Uint64(ids[8*i:])
		if id < 2 || id >= uint64(len(c.pages)) {
			return broken("its list of free pages names page %d, which does not exist", id)
		}
		if err := c.use(id, 0, "in use and free"); err != nil {
			return err
		}
	}
	if i := slices.IndexFunc(c.pages[2:], func(p seenPage) bool { return !p.used }); i >= 0 {
		return broken("page %d is neither in use nor free", i+2)
	}
	return nil
}
