// Package fault carries an error from where it happens to whoever asked: a kind that decides the answer, a sentence
// the client may read, and a cause for the log only.
//
// A caller decides by kind and never by text. The kind is translated to an HTTP status once, at the edge.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind is what went wrong, as far as the asker is concerned.
type Kind uint8

// The kinds. Internal is the zero value, so an error without a kind never turns into a client's mistake.
const (
	Internal        Kind = iota // ours; the client learns nothing of it
	Invalid                     // the request is malformed or breaks a rule; Field names the member
	Unauthenticated             // no usable token or signature
	Forbidden                   // known, but not allowed to do this
	NotFound                    // no such record, or it is somebody else's
	Conflict                    // the record's state does not allow it
	TooLarge                    // the body is over the limit
	Unsupported                 // content type or encoding that is not served
	TooMany                     // over a rate limit or a cap
	Unavailable                 // the node, the rates or the disk are away; try again
	NotOffered                  // this server does not do it
)

// Error is a failure with a kind. Message is for the client, Cause for the log.
type Error struct {
	Kind    Kind
	Field   string        // the member of the request that is at fault, if one is
	Message string        // one sentence, safe to show to anybody
	Retry   time.Duration // when to try again, for TooMany and Unavailable; 0: not said
	Cause   error
}

// Error gives the sentence and the cause, for the log.
func (e *Error) Error() string {
	text := e.Message
	if e.Field != "" {
		text = e.Field + ": " + text
	}
	if e.Cause != nil {
		return text + ": " + e.Cause.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Cause }

// New makes an error of a kind with a sentence for the client.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Field makes an Invalid error that names the member at fault.
func Field(field, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Field: field, Message: fmt.Sprintf(format, args...)}
}

// Because adds the cause for the log.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// After adds the time after which a retry makes sense.
func (e *Error) After(d time.Duration) *Error {
	c := *e
	c.Retry = d
	return &c
}

// KindOf finds the kind in a chain of wrapped errors; Internal where there is none.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}

// Is tells whether err is of the kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// Sentence is what an operator reads of an error: with the member at fault, if one is.
func Sentence(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Field != "" {
		return e.Field + ": " + e.Message
	}
	return err.Error()
}

// Named gives an error the name that its reader has for what is at fault.
func Named(field string, err error) error {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return fmt.Errorf("%s: %w", field, err)
	}
	c := *e
	c.Field = field
	return &c
}
