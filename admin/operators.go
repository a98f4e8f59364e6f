package admin

import (
	"context"
	"net/url"
	"strings"
	"time"

	"satchel/auth"
	"satchel/fault"
	"satchel/merchant"
)

// Staff lets people sign in at the desk.
type Staff interface {
	Add(ctx context.Context, n auth.NewOperator) (auth.Operator, error)
	Operators(ctx context.Context) ([]auth.Operator, error)
	Operator(ctx context.Context, name string) (auth.Operator, error)
	Invite(ctx context.Context, name string) (key string, end time.Time, err error)
	SetPassword(ctx context.Context, name, password string) (auth.Operator, error)
	Remove(ctx context.Context, name string) error
}

// OperatorRequest is `satchel operator add`.
type OperatorRequest struct {
	Of
	Name     string `json:"name"`
	Role     string `json:"role"`
	All      bool   `json:"all"`      // every merchant, also those added later
	Password string `json:"password"` // "": a link lets the operator set one
}

// OperatorByName is a command on one operator.
type OperatorByName struct {
	Name     string `json:"name"`
	Password string `json:"password,omitempty"` // the new one; "": a link lets the operator set one
}

// OperatorDoc is somebody who may sign in.
type OperatorDoc struct {
	Name     string     `json:"name"`
	Role     string     `json:"role"`
	Merchant string     `json:"merchant,omitempty"` // "": every merchant
	Shop     string     `json:"merchantName,omitempty"`
	Created  time.Time  `json:"created"`
	Changed  *time.Time `json:"passwordSet,omitempty"` // absent: nobody has set a password yet
	Link     string     `json:"link,omitempty"`        // sets the password, once
	Expires  *time.Time `json:"linkExpires,omitempty"`
}

func (o *Operator) registerOperators(s *Server) {
	Handle(s, "operator-add", o.addOperator)
	Handle(s, "operator-list", o.listOperators)
	Handle(s, "operator-password", o.operatorPassword)
	Handle(s, "operator-remove", func(ctx context.Context, r OperatorByName) (Nothing, error) {
		return Nothing{}, unknown(o.cfg.Staff.Remove(ctx, r.Name), listedOperators)
	})
}

func (o *Operator) addOperator(ctx context.Context, r OperatorRequest) (OperatorDoc, error) {
	role, ok := auth.ParseRole(r.Role)
	if !ok {
		return OperatorDoc{}, fault.Field("role", "%q is not owner or viewer", r.Role)
	}
	var m merchant.ID
	switch {
	case r.All && r.Merchant != "":
		return OperatorDoc{}, fault.Field("all", "cannot be combined with one merchant")
	case !r.All:
		var err error
		if m, err = o.find(ctx, r.Merchant); err != nil {
			return OperatorDoc{}, err
		}
	}
	who, err := o.cfg.Staff.Add(ctx, auth.NewOperator{Name: r.Name, Role: role, Merchant: m, Password: r.Password})
	if err != nil {
		return OperatorDoc{}, err
	}
	return o.invited(ctx, who, r.Password == "")
}

// invited is an operator's document, with a new link where he needs one.
func (o *Operator) invited(ctx context.Context, who auth.Operator, link bool) (OperatorDoc, error) {
	names, err := o.names(ctx)
	doc := operatorDoc(who, names)
	if err != nil || !link {
		return doc, err
	}
	key, end, err := o.cfg.Staff.Invite(ctx, who.Name)
	if err != nil {
		return OperatorDoc{}, err
	}
	query := url.Values{"name": {who.Name}, "key": {key}}
	doc.Link, doc.Expires = strings.TrimRight(o.cfg.Base, "/")+"/dashboard/welcome?"+query.Encode(), &end
	return doc, nil
}

func (o *Operator) listOperators(ctx context.Context, _ Nothing) ([]OperatorDoc, error) {
	list, err := o.cfg.Staff.Operators(ctx)
	if err != nil {
		return nil, err
	}
	names, err := o.names(ctx)
	docs := make([]OperatorDoc, 0, len(list))
	for _, who := range list {
		docs = append(docs, operatorDoc(who, names))
	}
	return docs, err
}

func (o *Operator) operatorPassword(ctx context.Context, r OperatorByName) (OperatorDoc, error) {
	if r.Password == "" {
		who, err := o.cfg.Staff.Operator(ctx, r.Name)
		if err != nil {
			return OperatorDoc{}, unknown(err, listedOperators)
		}
		return o.invited(ctx, who, true)
	}
	who, err := o.cfg.Staff.SetPassword(ctx, r.Name, r.Password)
	if err != nil {
		return OperatorDoc{}, unknown(err, listedOperators)
	}
	return o.invited(ctx, who, false)
}

func operatorDoc(o auth.Operator, names map[merchant.ID]string) OperatorDoc {
	return OperatorDoc{
		Name: o.Name, Role: o.Role.String(), Merchant: string(o.Merchant), Shop: names[o.Merchant], Created: o.Created, Changed: timePtr(o.Changed),
	}
}
