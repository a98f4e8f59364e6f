package api

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"satchel/auth"
	"satchel/bitpay"
	"satchel/fault"
	"satchel/paypro"
)

// status translates an error kind to HTTP, here and nowhere else.
func status(k fault.Kind) int {
	switch k {
	case fault.Internal:
		return http.StatusInternalServerError
	case fault.Invalid:
		return http.StatusBadRequest
	case fault.Unauthenticated:
		return http.StatusUnauthorized
	case fault.Forbidden:
		return http.StatusForbidden
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.TooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.Unsupported:
		return http.StatusUnsupportedMediaType
	case fault.TooMany:
		return http.StatusTooManyRequests
	case fault.Unavailable:
		return http.StatusServiceUnavailable
	case fault.NotOffered:
		return http.StatusNotImplemented
	}
	return http.StatusInternalServerError
}

// When to try again, where the error does not say.
const (
	retryTooMany     = 10 * time.Second
	retryUnavailable = 5 * time.Second
)

// refuse writes the error document of an error.
func (a *API) refuse(out *recorder, err error) {
	out.err = err
	kind := fault.KindOf(err)
	h := out.Header()
	switch kind {
	case fault.Unauthenticated:
		h.Set("WWW-Authenticate", "Bearer")
	case fault.TooMany:
		h.Set("Retry-After", seconds(err, retryTooMany))
	case fault.Unavailable:
		h.Set("Retry-After", seconds(err, retryUnavailable))
	case fault.Internal, fault.Invalid, fault.Forbidden, fault.NotFound, fault.Conflict, fault.TooLarge, fault.Unsupported,
		fault.NotOffered:
	}
	if errors.Is(err, errSlowBody) {
		h.Set("Connection", "close")
	}
	code, document := failure(err)
	write(out, code, document)
}

// failure gives the status and the document of an error. BitPay answers 500 to a bad pairing code, and clients' own
// tests wait for it.
func failure(err error) (int, bitpay.Raw) {
	switch {
	case errors.Is(err, auth.ErrPairing):
		return http.StatusInternalServerError, bitpay.Failure(bitpay.Code(fault.Invalid), "Unable to create token")
	case errors.Is(err, auth.ErrPairingLimit):
		return http.StatusInternalServerError,
			bitpay.Failure(bitpay.Code(fault.TooMany), "Unable to create token because of too many requests.")
	case errors.Is(err, errSlowBody):
		return http.StatusRequestTimeout, bitpay.Refusal(err)
	}
	return status(fault.KindOf(err)), bitpay.Refusal(err)
}

// expected tells the errors that are answered with 500 and are no failure of ours.
func expected(err error) bool {
	var refused *paypro.Refusal
	return errors.Is(err, auth.ErrPairing) || errors.Is(err, auth.ErrPairingLimit) || errors.As(err, &refused)
}

// seconds gives the value of Retry-After (RFC 9110): whole seconds, at least one.
func seconds(err error, otherwise time.Duration) string {
	d := otherwise
	var f *fault.Error
	if errors.As(err, &f) && f.Retry > 0 {
		d = f.Retry
	}
	return strconv.FormatInt(max(int64((d+time.Second-1)/time.Second), 1), 10)
}

// noRoute answers a path that is not there, or that has other methods.
func (a *API) noRoute(out *recorder, f found) {
	if len(f.allow) == 0 {
		a.refuse(out, fault.New(fault.NotFound, "There is nothing at this path"))
		return
	}
	out.Header().Set("Allow", strings.Join(f.methods(), ", "))
	write(out, http.StatusMethodNotAllowed, bitpay.Failure(bitpay.Code(fault.NotFound), "This path does not have this method"))
}
