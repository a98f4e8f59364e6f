package admin

import (
	"net/url"
	"strings"
	"testing"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
)

const words = "correct horse battery"

func newStaffDesk(t *testing.T) (*desk, *auth.Staff) {
	t.Helper()
	d := newDesk(t)
	staff, err := auth.NewStaff(auth.StaffConfig{Store: d.db, Secret: d.db.ServerSecret(), Now: d.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	d.cfg.Staff = staff
	if err := d.db.PutMerchant(t.Context(), merchant.Merchant{ID: "second", Name: "Coffee", Secrets: merchant.Secrets{Webhook: "whsec_x"}}); err != nil {
		t.Fatal(err)
	}
	return d, staff
}

func TestOperatorsAreInvited(t *testing.T) {
	d, staff := newStaffDesk(t)
	doc, err := d.addOperator(t.Context(), OperatorRequest{Name: "alice", Role: "owner"})
	if err != nil || doc.Merchant != "first" || doc.Role != "owner" || doc.Changed != nil || doc.Expires == nil {
		t.Fatalf("%+v %v", doc, err)
	}
	u, err := url.Parse(doc.Link)
	if err != nil || !strings.HasPrefix(doc.Link, "https://pay.example/shop/dashboard/welcome?") {
		t.Fatalf("%s %v", doc.Link, err)
	}
	who, err := staff.Invited(t.Context(), u.Query().Get("name"), u.Query().Get("key"))
	if err != nil || who.Name != "alice" {
		t.Fatalf("%+v %v", who, err)
	}
	again, err := d.operatorPassword(t.Context(), OperatorByName{Name: "alice"})
	if err != nil || again.Link == "" || again.Merchant != "first" {
		t.Errorf("%+v %v", again, err)
	}
	if _, err := d.operatorPassword(t.Context(), OperatorByName{Name: "bob"}); !fault.Is(err, fault.NotFound) {
		t.Errorf("%v", err)
	}
}

func TestOperatorsWithPasswords(t *testing.T) {
	d, staff := newStaffDesk(t)
	for _, c := range []struct {
		r    OperatorRequest
		want merchant.ID
	}{
		{OperatorRequest{Name: "bob", Role: "viewer", Password: words, Of: Of{Merchant: "Coffee"}}, "second"},
		{OperatorRequest{Name: "carol", Role: "owner", Password: words, All: true}, ""},
	} {
		doc, err := d.addOperator(t.Context(), c.r)
		if err != nil || doc.Link != "" || doc.Merchant != string(c.want) || doc.Changed == nil {
			t.Errorf("%+v %v", doc, err)
		}
		if _, who, err := staff.SignIn(t.Context(), auth.Credentials{Name: c.r.Name, Password: words}); err != nil || who.Merchant != c.want || who.Role.String() != c.r.Role {
			t.Errorf("%+v %v", who, err)
		}
	}
	if doc, err := d.operatorPassword(t.Context(), OperatorByName{Name: "bob", Password: "staple of another kind"}); err != nil || doc.Link != "" {
		t.Errorf("%+v %v", doc, err)
	}
	if _, _, err := staff.SignIn(t.Context(), auth.Credentials{Name: "bob", Password: words}); err != auth.ErrSignIn { //nolint:errorlint // a sentinel
		t.Errorf("the old password: %v", err)
	}
	list, err := d.listOperators(t.Context(), Nothing{})
	if err != nil || len(list) != 2 || list[0].Name != "bob" || list[1].Name != "carol" {
		t.Errorf("%+v %v", list, err)
	}
	for _, r := range []OperatorRequest{
		{Name: "dave", Role: "boss"},
		{Name: "dave", Role: "owner", All: true, Of: Of{Merchant: "first"}},
		{Name: "dave", Role: "owner", Of: Of{Merchant: "none"}},
		{Name: "Dave", Role: "owner"},
		{Name: "dave", Role: "owner", Password: "short"},
		{Name: "dave"},
	} {
		if _, err := d.addOperator(t.Context(), r); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if _, err := d.addOperator(t.Context(), OperatorRequest{Name: "bob", Role: "owner"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("a name twice: %v", err)
	}
}
