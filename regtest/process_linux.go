package regtest

import "syscall"

// dieWithUs makes the kernel kill the node when the thread that started it ends, and so when the process does.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
