package main

import (
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// giveBack returns memory that only the start needed: the heap's free pages, and the pages of our own code, most of
// which ran once. What is needed again is mapped again from the page cache. Only executable mappings of the binary are
// touched: they are clean by definition, and nothing is lost.
func giveBack() {
	debug.FreeOSMemory()
	self, err := os.Executable()
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "r-xp" || f[5] != self {
			continue
		}
		from, to, _ := strings.Cut(f[0], "-")
		start, err1 := strconv.ParseUint(from, 16, 64)
		end, err2 := strconv.ParseUint(to, 16, 64)
		if err1 == nil && err2 == nil && end > start {
			code := unsafe.Slice((*byte)(unsafe.Add(unsafe.Pointer(nil), uintptr(start))), int(end-start)) //nolint:gosec // an address of our own mapping
			_ = unix.Madvise(code, unix.MADV_DONTNEED)                                                     // advice; nothing depends on it
		}
	}
}
