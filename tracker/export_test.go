package tracker

import (
	"context"
	"time"
)

// Load reads where an earlier tracker stopped, as Run does first.
func (t *Tracker) Load(ctx context.Context) error { return t.load(ctx) }

// Round does everything that is due, once, as Run does whenever something wakes it.
func (t *Tracker) Round(ctx context.Context) error { return t.round(ctx) }

// Watched is how many unsettled payments are watched for conflicts.
func (t *Tracker) Watched() int { return len(t.watch) }

// Costs says what the last comparison of the mempool cost.
func (t *Tracker) Costs(d time.Duration) { t.pass.cost = d }

// Free forgets what the last comparison of the mempool cost, which is measured in real time.
func (t *Tracker) Free() { t.pass.cost = 0 }
