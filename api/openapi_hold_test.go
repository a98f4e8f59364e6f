package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// exchange is a request and its answer.
type exchange struct {
	req   *http.Request
	body  []byte // of the request
	whole bool   // it is all of the body
	reply
}

// seen remembers what was exchanged: operations with their statuses, and the members of answers. Nil remembers nothing.
type seen struct {
	mu   sync.Mutex
	list map[string]bool
}

func (s *seen) add(what string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list[what] = true
}

func (s *seen) has(what string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list[what]
}

// held checks every exchange of a test against the document: what the API takes, the document allows, and what the API
// answers, the document describes to the last member.
func (w *world) held(req *http.Request, r reply) {
	w.t.Helper()
	if req.URL.Host != strings.TrimPrefix(w.url, "http://") || r.status == http.StatusRequestHeaderFieldsTooLarge {
		return // another server's answer, and that of net/http before the API sees the request
	}
	body, whole := sent(req)
	x := exchange{req, body, whole, r}
	doc, err := openAPIDocument()
	if err == nil {
		err = hold(doc, w.api, x, w.seen)
	}
	if err != nil {
		w.t.Errorf("the document does not hold %s %s, which was answered with %d: %v", req.Method, req.URL.Path, r.status, err)
	}
}

// hold checks one exchange.
func hold(doc *openapi3.T, a *API, x exchange, s *seen) error {
	found := a.routes.find(x.req.Method, x.req.URL.EscapedPath())
	if x.req.Method == http.MethodOptions {
		return nil
	}
	if found.route == nil {
		return noOperation(doc, x)
	}
	path := documented(found.route.path)
	item := doc.Paths.Value(path)
	if item == nil || item.GetOperation(found.route.method) == nil {
		return fmt.Errorf("it has no %s %s", found.route.method, path)
	}
	op := item.GetOperation(found.route.method)
	if _, ours := a.cfg.Web.(*http.ServeMux); slices.Contains(op.Tags, "Pages") && !ours {
		return nil // a page that a test made up
	}
	in := &openapi3filter.RequestValidationInput{
		Request: typed(x), PathParams: found.params(),
		Route:   &routers.Route{Spec: doc, Path: path, PathItem: item, Method: found.route.method, Operation: op},
		Options: &openapi3filter.Options{IncludeResponseStatus: true, SkipSettingDefaults: true, AuthenticationFunc: proved(x)},
	}
	s.add(fmt.Sprintf("%s %d", op.OperationID, x.status))
	if x.status == http.StatusOK && x.whole && found.route.handle != nil {
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
			return fmt.Errorf("the request was taken: %w", err)
		}
	}
	return answered(op, in, x, s)
}

// noOperation checks what a path answers that is not there, or that has other methods.
func noOperation(doc *openapi3.T, x exchange) error {
	if x.status != http.StatusNotFound && x.status != http.StatusMethodNotAllowed {
		return errors.New("it has no such path")
	}
	if x.req.Method == http.MethodHead {
		return nil
	}
	v, err := decode(x.reply.body)
	if err != nil {
		return err
	}
	return holdValue(doc.Components.Schemas["Error"], v, nil)
}

// typed is the request as the document wants it: a body without a type is JSON.
func typed(x exchange) *http.Request {
	r := x.req.Clone(context.Background())
	r.URL.RawQuery = hugeNumber.ReplaceAllString(r.URL.RawQuery, "=1") // OpenAPI's integers end at 64 bits; ours do not
	r.Body, r.GetBody = io.NopCloser(bytes.NewReader(x.body)), nil
	if len(x.body) > 0 && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

var hugeNumber = regexp.MustCompile(`=[0-9]{19,}\b`)

// params names the variable segments of a path.
func (f found) params() map[string]string {
	params, n := map[string]string{}, 0
	for _, segment := range f.route.segments {
		switch {
		case segment == "*":
			params["path"] = "*"
		case strings.HasPrefix(segment, ":"):
			params[segment[1:]] = f.vars[n]
			n++
		}
	}
	return params
}

// proved tells for each way to prove oneself whether a request used it.
func proved(x exchange) openapi3filter.AuthenticationFunc {
	return func(_ context.Context, in *openapi3filter.AuthenticationInput) error {
		h := x.req.Header
		var body struct{ Token string }
		switch in.SecuritySchemeName {
		case "bearer":
			if bearer(h) != "" || json.Unmarshal(x.body, &body) == nil && body.Token != "" {
				return nil
			}
		case "token":
			if q, err := url.ParseQuery(x.req.URL.RawQuery); err == nil && q.Get("token") != "" {
				return nil
			}
		case "name":
			if basic(h) != "" {
				return nil
			}
		case "identity":
			if h.Get("X-Identity") != "" || h.Get("X-Pubkey") != "" {
				return nil
			}
		case "signature":
			if h.Get("X-Signature") != "" {
				return nil
			}
		}
		return errors.New("it is not proved by " + in.SecuritySchemeName)
	}
}

// answered checks an answer: status, headers, type, the schema, and that nothing is in it that the schema does not name.
func answered(op *openapi3.Operation, in *openapi3filter.RequestValidationInput, x exchange, s *seen) error {
	response := op.Responses.Status(x.status)
	if response == nil {
		return errors.New("it does not have this status")
	}
	kind, _, _ := strings.Cut(x.header.Get("Content-Type"), ";")
	media := response.Value.Content.Get(kind)
	empty := x.req.Method == http.MethodHead || x.reply.body == ""
	if media == nil && !empty {
		return fmt.Errorf("it does not have the type %q", kind)
	}
	plain := empty || kind != "application/json"
	options := *in.Options
	options.ExcludeResponseBody = plain
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: x.status, Header: x.header, Options: &options,
	}
	out.SetBodyBytes([]byte(x.reply.body))
	if err := openapi3filter.ValidateResponse(context.Background(), out); err != nil {
		return err
	}
	if plain {
		return nil
	}
	v, err := decode(x.reply.body)
	if err != nil {
		return err
	}
	return holdNames(media.Schema, v, "", s)
}

func decode(text string) (v any, err error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	return v, d.Decode(&v)
}

// holdValue checks a value that is no answer.
func holdValue(schema *openapi3.SchemaRef, v any, s *seen) error {
	if err := schema.Value.VisitJSON(v); err != nil {
		return err
	}
	return holdNames(schema, v, "", s)
}

// holdNames refuses a member that its schema does not name. Readers must bear new members; the document must tell them.
// Where is the last schema with a name, and the way from there.
func holdNames(ref *openapi3.SchemaRef, v any, where string, s *seen) error {
	ref, where = chosen(ref, v), named(ref, where)
	switch v := v.(type) {
	case []any:
		if ref.Value.Items == nil && len(v) > 0 {
			return fmt.Errorf("%s: its elements are not described", where)
		}
		for _, e := range v {
			if err := holdNames(ref.Value.Items, e, where+"[]", s); err != nil {
				return err
			}
		}
	case map[string]any:
		members := map[string]member{}
		open := gather(ref, where, members)
		for _, name := range slices.Sorted(maps.Keys(v)) {
			m, ok := members[name]
			if !ok {
				m, ok = members["*"]
			}
			switch {
			case ok:
				s.add(m.where + "." + name)
				if err := holdNames(m.ref, v[name], m.where+"."+name, s); err != nil {
					return err
				}
			case !open:
				return fmt.Errorf("%s.%s is not described", where, name)
			}
		}
	}
	return nil
}

// chosen gives that of several schemas which a value has.
func chosen(ref *openapi3.SchemaRef, v any) *openapi3.SchemaRef {
	for _, one := range slices.Concat(ref.Value.OneOf, ref.Value.AnyOf) {
		if one.Value.VisitJSON(v) == nil {
			return one
		}
	}
	return ref
}

// named gives the name of a schema that has one.
func named(ref *openapi3.SchemaRef, otherwise string) string {
	if ref.Ref != "" {
		return ref.Ref[strings.LastIndexByte(ref.Ref, '/')+1:]
	}
	return otherwise
}

// member is a member of an object, and the schema that names it.
type member struct {
	where string
	ref   *openapi3.SchemaRef
}

// gather collects the members that a schema and its parts name, "*" for those that have a schema and no name. Open tells
// that there may be others, of which nothing is said.
func gather(ref *openapi3.SchemaRef, where string, into map[string]member) (open bool) {
	where = named(ref, where)
	schema := ref.Value
	for name, p := range schema.Properties {
		into[name] = member{where, p}
	}
	if others := schema.AdditionalProperties.Schema; others != nil {
		into["*"] = member{where, others}
	}
	open = schema.AdditionalProperties.Has != nil && *schema.AdditionalProperties.Has
	for _, part := range schema.AllOf {
		open = gather(part, where, into) || open
	}
	return open
}
