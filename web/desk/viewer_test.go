package desk

import (
	"strings"
	"testing"

	"satchel/auth"
)

// Whoever has the code of an offer can claim its token, which allows more than to look: a viewer is shown no code.
func TestAViewerIsShownNoCodes(t *testing.T) {
	o := newOffice(t)
	f := o.furnish(shopA)
	secrets := map[string]string{"an offer's code": f.offer.Pairing.Code, "a waiting client's code": f.asked.Pairing.Code, "a token": o.access.Token(f.token)}
	b := o.hires("vera", auth.Viewer, shopA)
	for _, path := range []string{"clients", "clients?made=" + f.token.ID.String(), "events", "", "callbacks", "settings", "health"} {
		page := b.loads(path)
		for what, secret := range secrets {
			if strings.Contains(page, secret) {
				t.Errorf("%q shows %s to a viewer", path, what)
			}
		}
	}
	b.loads("clients", "till 2", "unclaimed")
	o.hires("olga", auth.Owner, shopA).loads("clients", "unclaimed: "+f.offer.Pairing.Code)
}
