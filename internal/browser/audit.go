package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// violation is a rule of axe-core that a page breaks.
type violation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"` // "minor", "moderate", "serious" or "critical"
	Help   string `json:"help"`
	Nodes  []struct {
		HTML string `json:"html"`
	} `json:"nodes"`
}

// Audit lists what axe-core finds serious or critical on the page as it stands.
func (p *Page) Audit() []string {
	p.t.Helper()
	_, self, _, _ := runtime.Caller(0)
	src, err := os.ReadFile(filepath.Join(filepath.Dir(self), "axe", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		p.t.Fatalf("axe-core is not there: run scripts/deps.sh test-tools: %s", err)
	}
	p.Do(string(src) + ";0")
	raw := Eval[string](p, `axe.run().then(r => JSON.stringify(r))`)
	var result struct {
		Violations []violation       `json:"violations"`
		Passes     []json.RawMessage `json:"passes"`
	}
	if err := json.Unmarshal([]byte(raw), &result); err != nil {
		p.t.Fatalf("read axe-core's answer: %s", err)
	}
	if len(result.Passes) == 0 {
		p.t.Fatal("axe-core checked nothing")
	}
	var list []string
	for _, v := range result.Violations {
		if v.Impact != "serious" && v.Impact != "critical" {
			continue
		}
		for _, n := range v.Nodes {
			list = append(list, fmt.Sprintf("%s (%s): %s: %s", v.ID, v.Impact, v.Help, n.HTML))
		}
	}
	return list
}
