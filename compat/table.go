package main

import (
	"fmt"
	"slices"
	"strings"
)

// The marks of a cell.
const (
	markOK     = "ok"
	markFailed = "FAIL"
	markNone   = "–"
)

// silent is the note of a call that a driver did not mention.
const silent = "not mentioned by the driver"

// cell is what came of a call with a client.
type cell struct {
	mark string
	note string // why it has failed
}

// column is a client's row of cells, by the call's id.
type column struct {
	client client
	cells  map[string]cell
}

// newColumn marks the calls that the client lacks, and takes all others for failed until a driver says otherwise.
func newColumn(c client) column {
	col := column{client: c, cells: map[string]cell{}}
	for _, call := range c.rows {
		col.cells[call.id] = cell{mark: markFailed, note: silent}
		if slices.Contains(c.lacks, call.id) {
			col.cells[call.id] = cell{mark: markNone}
		}
	}
	return col
}

// put records what a driver said. A driver that makes a call which its client is said to lack is a mistake of ours.
func (col column) put(id string, ok bool, note string) error {
	switch was, known := col.cells[id]; {
	case !known:
		return fmt.Errorf("%s: there is no call %q", col.client.title(), id)
	case was.mark == markNone:
		return fmt.Errorf("%s: %q is listed as a call that it lacks", col.client.title(), id)
	case ok:
		col.cells[id] = cell{mark: markOK}
	default:
		col.cells[id] = cell{mark: markFailed, note: note}
	}
	return nil
}

// failures lists the failed calls in the table's order, with their notes, and counts them.
func (col column) failures() (lines []string, count int) {
	var quiet []string
	for _, c := range col.client.rows {
		switch got := col.cells[c.id]; {
		case got.mark != markFailed:
			continue
		case got.note == silent:
			quiet = append(quiet, c.id)
		default:
			lines = append(lines, c.id+": "+got.note)
		}
		count++
	}
	if len(quiet) > 0 {
		lines = append(lines, silent+": "+strings.Join(quiet, ", "))
	}
	return lines, count
}

// table renders the columns, which have the same rows, in Markdown: the same bytes whenever the same cells are ok.
func table(columns []column) string {
	if len(columns) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| call |")
	for _, col := range columns {
		b.WriteString(" " + col.client.title() + " |")
	}
	b.WriteString("\n|---|" + strings.Repeat(":-:|", len(columns)) + "\n")
	for _, c := range columns[0].client.rows {
		b.WriteString("| " + c.title + " |")
		for _, col := range columns {
			b.WriteString(" " + col.cells[c.id].mark + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}
