package daemon

import (
	"log/slog"

	"golang.org/x/sys/unix"
)

// Of the files that the process may have open, so many are kept for everything but callers: the node, callbacks, the
// database, rates, mail, the operator's socket. A crowd at the door takes none of them.
const (
	filesKept      = 256
	connectionsMax = 4096
)

// connections is how many connections callers may hold at once.
func connections(log *slog.Logger) int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur >= connectionsMax+filesKept {
		return connectionsMax
	}
	may := int(limit.Cur)
	n := max(may-filesKept, may/4)
	log.Warn("few files may be open at once, so few callers are served at once; raise LimitNOFILE (ulimit -n)", "files", may, "connections", n)
	return n
}
