package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satchel/regtest"
)

// A daemon that never reaches its node says so in its log from the start, and where to look, in the log as in the status.
func TestTheNodeRefusesUsFromTheStart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		edit  [][2]string
		words string
	}{
		"a wrong password": {[][2]string{{"user", "satchel"}, {"password", "wrong"}}, "the node refuses our credentials; see cookie_file, or user and password, under [node]"},
		"nobody there":     {[][2]string{{"url", "http://127.0.0.1:1"}}, "the node does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := unopened(t, regtest.WatchKey, c.edit...)
			s.launch()
			s.eventually("the log says why nothing is watched", func() bool {
				text, err := os.ReadFile(filepath.Join(s.dir, "satchel.log"))
				s.must(err)
				_, why, said := strings.Cut(string(text), `msg="not watching" part=tracker reason=node_unreachable`)
				return said && strings.Contains(why, c.words)
			})
			if text := s.says("status"); !strings.Contains(text, "NO: node_unreachable (") || !strings.Contains(text, c.words) || strings.Contains(text, "at :") {
				t.Errorf("status says\n%s", text)
			}
		})
	}
}
