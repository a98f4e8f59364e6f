package desk

import (
	"hash/maphash"
	"sync"
	"time"
)

// throttle lets every key do a thing so many times at once, and then once in a while. It holds a fixed number of slots
// that keys share by a keyed hash, so that nobody makes it grow, pushes another's count out, or learns from it which
// names there are.
type throttle struct {
	every time.Duration
	burst int
	seed  maphash.Seed

	mu    sync.Mutex
	slots []int64 // when a slot is as good as new, in nanoseconds since 1970
}

// slotCount is how many slots a throttle has.
const slotCount = 1 << 14

func newThrottle(every time.Duration, burst int) *throttle {
	return &throttle{every: every, burst: burst, seed: maphash.MakeSeed(), slots: make([]int64, slotCount)}
}

func (t *throttle) slot(key string) *int64 {
	return &t.slots[maphash.String(t.seed, key)%slotCount]
}

// take counts a try before it is known how it ends. Where there were too many it counts nothing, and says how long to
// wait.
func (t *throttle) take(key string, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.slot(key)
	full := max(*s, now.UnixNano()) + int64(t.every)
	if over := time.Duration(full-now.UnixNano()) - time.Duration(t.burst)*t.every; over > 0 {
		return over
	}
	*s = full
	return 0
}

// giveBack takes a try that did not fail out of the count.
func (t *throttle) giveBack(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*t.slot(key) -= int64(t.every)
}

// door slows those down who try to get in: by address, by name, and all strangers together, for each try costs the
// machine a hash; and browsers that signed in before by themselves. It also counts pairing codes that are tried.
type door struct{ addresses, names, strangers, browsers, codes *throttle }

func newDoor() door {
	return door{
		addresses: newThrottle(10*time.Second, 10), names: newThrottle(30*time.Second, 20), strangers: newThrottle(250*time.Millisecond, 60),
		browsers: newThrottle(30*time.Second, 10), codes: newThrottle(10*time.Second, 20),
	}
}

// try is one attempt to get in.
type try struct {
	address string // "": it is not counted
	name    string // "": it is in nobody's
	browser string // "": it is not known
}

// knock counts an attempt. A browser that is known is counted by itself alone: whatever strangers do in its owner's name,
// he gets in. It gives what takes the attempt out of the count again, or how long to wait.
func (d door) knock(t try, now time.Time) (giveBack func(), wait time.Duration) {
	if t.browser != "" {
		wait := d.browsers.take(t.browser, now)
		return func() { d.browsers.giveBack(t.browser) }, wait
	}
	var taken []func()
	undo := func() {
		for _, fn := range taken {
			fn()
		}
	}
	for _, by := range []struct {
		*throttle
		key string
		on  bool
	}{{d.addresses, t.address, t.address != ""}, {d.names, t.name, t.name != ""}, {d.strangers, "", true}} {
		if !by.on {
			continue
		}
		if wait := by.take(by.key, now); wait > 0 {
			undo()
			return nil, wait
		}
		taken = append(taken, func() { by.giveBack(by.key) })
	}
	return undo, 0
}
