package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"
)

// explain says in a few words why there was no answer. The words are for the operator: they name hosts and addresses, but
// never a path, a query or a credential.
func (c *client) explain(ctx context.Context, err error) string {
	var refused refusal
	var dns *net.DNSError
	switch {
	case errors.As(err, &refused):
		return refused.Error()
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return "timeout after " + spell(c.timeout)
	case errors.As(err, &dns):
		return explainDNS(dns)
	}
	if text := explainTLS(err); text != "" {
		return "TLS: " + text
	}
	if text := explainSocket(err); text != "" {
		return text
	}
	return "no valid answer: " + clean(err.Error(), 120)
}

func explainDNS(err *net.DNSError) string {
	switch {
	case err.IsNotFound:
		return "host not found: " + clean(err.Name, 120)
	case err.IsTimeout:
		return "name server does not answer"
	}
	return "name server failed"
}

func explainTLS(err error) string {
	var cert *tls.CertificateVerificationError
	var alert *net.OpError
	var record tls.RecordHeaderError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &unknown):
		return "certificate signed by an unknown authority"
	case errors.As(err, &cert):
		return clean(cert.Err.Error(), 120)
	case errors.As(err, &record):
		return "the endpoint does not speak TLS"
	case errors.As(err, &alert) && (alert.Op == "remote error" || alert.Op == "local error"): // crypto/tls's alerts
		return strings.TrimPrefix(clean(alert.Err.Error(), 120), "tls: ")
	}
	return ""
}

func explainSocket(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "connection reset"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to host"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "this machine has no free file descriptor"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "connection closed without an answer"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout while connecting"
	}
	return ""
}

// spell writes a duration as people do.
func spell(d time.Duration) string {
	if d >= time.Second && d%time.Second == 0 {
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return d.String()
}
