package daemon

import (
	"context"

	"satchel/auth"
	"satchel/notify"
)

// madeWith gives the token that made a delivery's invoice; "" where the operator or a link made it, and for a token that was
// revoked: whoever found it must not be able to sign with it.
func (d *parts) madeWith(ctx context.Context, of notify.Delivery) (string, error) {
	if id, wrong := auth.ParseTokenID(of.Creator); wrong == nil {
		g, ok, err := d.db.Grant(ctx, id)
		if err == nil && ok && g.Revoked.IsZero() {
			return d.db.ServerSecret().Token(id), nil
		}
		return "", err
	}
	return "", nil
}
