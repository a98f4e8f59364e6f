package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"satchel/admin"
)

// deskPages are the pages of the desk that are measured, with their bounds in milliseconds.
func deskPages() []struct {
	name, path string
	bound      float64
} {
	return []struct {
		name, path string
		bound      float64
	}{
		{"the desk's list of 100,000 invoices", "/invoices", 50},
		{"  those of one status, to a day", "/invoices?status=complete&to=2100-01-01", 50},
		{"  words that are nowhere", "/invoices?q=nothing+of+the+kind", 250},
		{"the desk's first page", "", 50},
		{"the desk's event log", "/events", 50},
	}
}

// desk measures the merchant's pages over 100,000 invoices, and an export of them beside reading the list.
func (b *bench) desk(ctx context.Context) error {
	_, d, end, err := b.young(ctx)
	if err != nil {
		return err
	}
	defer end()
	d.stop()
	if err := stuff(ctx, filepath.Join(d.dir, "satchel.db")); err != nil {
		return err
	}
	if _, err := d.start(ctx); err != nil {
		return err
	}
	client, root, err := d.signIn(ctx)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	for _, p := range deskPages() {
		ms, err := median(15, func() error { return fetch(client, root+p.path) })
		if err != nil {
			return err
		}
		b.under(p.name, ms, p.bound, "ms")
	}
	took, err := timed(func() error { return fetch(client, root+"/invoices.csv") })
	if err != nil {
		return err
	}
	b.under("the export of 100,000 invoices", took.Seconds(), 30, "s")
	took, err = timed(func() error { return fetch(client, root+"/charts?days=90") })
	if err != nil {
		return err
	}
	b.under("the desk's charts over them, the first time", took.Seconds(), 30, "s")
	ms, err := median(15, func() error { return fetch(client, root+"/charts?days=90") })
	if err != nil {
		return err
	}
	b.under("  and again", ms, 50, "ms")
	return nil
}

// signIn adds an operator and signs him in, as a browser does. It gives where his pages are.
func (d *daemon) signIn(ctx context.Context) (*http.Client, string, error) {
	const password = "correct horse battery"
	answer, err := d.run(ctx, "operator", "add", "bench")
	if err != nil {
		return nil, "", err
	}
	var doc admin.OperatorDoc
	if err := json.Unmarshal(answer, &doc); err != nil {
		return nil, "", err
	}
	link, err := url.Parse(doc.Link)
	if err != nil {
		return nil, "", err
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, "", err
	}
	client := &http.Client{Jar: jar, Timeout: time.Minute}
	form := url.Values{"name": {"bench"}, "key": {link.Query().Get("key")}, "password": {password}, "again": {password}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+d.api+link.Path, bytes.NewBufferString(form.Encode()))
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	if at := res.Request.URL.String(); strings.Contains(at, "/dashboard/m/") {
		return client, at, nil
	}
	return nil, "", errors.New(fmt.Sprint("nobody is signed in: ", res.Status))
}
