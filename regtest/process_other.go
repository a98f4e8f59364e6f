//go:build !linux

package regtest

import "syscall"

// dieWithUs can do nothing where the kernel has no such signal: a node then outlives a process that was killed.
func dieWithUs() *syscall.SysProcAttr { return nil }

// untilStopped cannot know where there is no /proc.
func untilStopped(int) {}
