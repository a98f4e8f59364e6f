package api

import (
	"encoding/json"
	"net/http"
)

// healthz tells that the process works, and nothing else.
func (a *API) healthz(w http.ResponseWriter, _ *http.Request) {
	write(w, http.StatusOK, []byte(`{"ok":true}`))
}

// readiness is what /readyz says, in stable words that scripts may rely on.
type readiness struct {
	Ready    bool     `json:"ready"`
	Reasons  []string `json:"reasons,omitempty"`
	Degraded []string `json:"degraded,omitempty"`
	Help     string   `json:"help,omitempty"`
}

// readyz tells whether an invoice can be made: 200, or 503 with the reasons.
func (a *API) readyz(w http.ResponseWriter, _ *http.Request) {
	reasons, degraded := a.cfg.Ready()
	code := http.StatusOK
	if len(reasons) > 0 {
		code = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", seconds(nil, retryUnavailable))
	}
	doc := readiness{Ready: len(reasons) == 0, Reasons: reasons, Degraded: degraded}
	if !doc.Ready && a.cfg.Help != nil {
		doc.Help = a.cfg.Help()
	}
	document, err := json.Marshal(doc)
	if err != nil { // texts cannot fail
		code, document = http.StatusInternalServerError, []byte(`{"ready":false}`)
	}
	write(w, code, document)
}
