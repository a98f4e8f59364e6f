package config

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// mistake is what is wrong with a key of the file, whatever its value means.
type mistake struct {
	key   string
	text  string
	hides string // the key or section that was meant, where it is missing: that is the same mistake
}

// filler puts the values of a file into the configuration, over the defaults. The library that parses the file would stop
// at the first value of a wrong kind; here each is a mistake of its own, and the default stays.
type filler struct {
	mistakes []mistake
	root     reflect.Value
	given    map[string]bool // keys and sections that stand in the file
}

// fill reads a parsed file into c. The mistakes are in the file's order.
func fill(c *file, file map[string]any, order []toml.Key) []mistake {
	f := &filler{root: reflect.ValueOf(c).Elem(), given: map[string]bool{}}
	at := make(map[string]int, len(order))
	for i, key := range order {
		at[key.String()], f.given[key.String()] = i, true
	}
	f.section(f.root, file, nil)
	place := func(m mistake) int {
		if i, ok := at[m.key]; ok {
			return i
		}
		return math.MaxInt
	}
	slices.SortFunc(f.mistakes, func(a, b mistake) int {
		return cmp.Or(cmp.Compare(place(a), place(b)), strings.Compare(a.key, b.key))
	})
	return f.mistakes
}

func (f *filler) wrong(key toml.Key, format string, args ...any) {
	f.mistakes = append(f.mistakes, mistake{key: key.String(), text: fmt.Sprintf(format, args...)})
}

func (f *filler) section(to reflect.Value, from map[string]any, path toml.Key) {
	fields := fieldsOf(to)
	for name, value := range from {
		key := append(slices.Clone(path), name)
		if field, ok := fields[name]; ok {
			f.value(field, value, key)
		} else {
			f.unknown(key, value, slices.Collect(maps.Keys(fields)))
		}
	}
}

// fieldsOf gives a section's members by their keys.
func fieldsOf(section reflect.Value) map[string]reflect.Value {
	fields := make(map[string]reflect.Value, section.NumField())
	for i := range section.NumField() {
		fields[section.Type().Field(i).Tag.Get("toml")] = section.Field(i)
	}
	return fields
}

// value sets one member. What it holds before is the default, and good for an example.
func (f *filler) value(field reflect.Value, v any, key toml.Key) {
	switch to := field.Addr().Interface().(type) {
	case *string:
		set(f, to, v, key, "must be a text in quotes"+example(*to))
	case *int64:
		set(f, to, v, key, "must be a whole number without quotes")
	case *bool:
		set(f, to, v, key, "must be true or false, without quotes")
	case **bool:
		*to = new(bool)
		if !set(f, *to, v, key, "must be true or false, without quotes") {
			*to = nil
		}
	case *[]string:
		f.list(to, v, key)
	case *map[string]string:
		f.texts(to, v, key)
	case toml.Unmarshaler:
		if err := to.UnmarshalTOML(v); err != nil {
			f.wrong(key, "%s", err)
		}
	default:
		if table, ok := v.(map[string]any); ok {
			f.section(field, table, key)
		} else {
			f.wrong(key, "must be a section, [%s]", key)
		}
	}
}

// set takes a value of the right kind.
func set[T any](f *filler, to *T, v any, key toml.Key, otherwise string) bool {
	t, ok := v.(T)
	if !ok {
		f.wrong(key, "%s", otherwise)
		return false
	}
	*to = t
	return true
}

func example(text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf(", such as %q", text)
}

func (f *filler) list(to *[]string, v any, key toml.Key) {
	values, ok := v.([]any)
	list := make([]string, len(values))
	for i := range values {
		text, isText := values[i].(string)
		list[i], ok = text, ok && isText
	}
	if !ok {
		f.wrong(key, `must be an array of texts, such as ["one", "two"]`)
		return
	}
	*to = list
}

func (f *filler) texts(to *map[string]string, v any, key toml.Key) {
	table, ok := v.(map[string]any)
	if !ok {
		f.wrong(key, `must be a table of texts, such as {USD = "50000"}`)
		return
	}
	*to = make(map[string]string, len(table))
	for name, value := range table {
		if text, ok := value.(string); ok {
			(*to)[name] = text
		} else {
			f.wrong(append(slices.Clone(key), name), `must be a text in quotes, such as "50000"`)
		}
	}
}

// unknown tells a key that there is not, once for a whole section, and which may have been meant.
func (f *filler) unknown(key toml.Key, value any, siblings []string) {
	name, path := key[len(key)-1], key[:len(key)-1]
	m := mistake{key: key.String(), text: "unknown key"}
	_, isSection := value.(map[string]any)
	if isSection && len(path) == 0 {
		m.text = "unknown section"
	}
	meant := ""
	if like := nearest(name, siblings); like != "" {
		meant = append(slices.Clone(path), like).String()
	} else if !isSection {
		meant = f.elsewhere(name)
	}
	if meant != "" {
		m.text += "; did you mean " + meant + "?"
	}
	if !f.given[meant] {
		m.hides = meant
	}
	f.mistakes = append(f.mistakes, m)
}

// elsewhere finds the key of another section that has the name; "" where there is none, or more than one.
func (f *filler) elsewhere(name string) string {
	var found []string
	for at, field := range fieldsOf(f.root) {
		if at == name {
			found = append(found, name)
		}
		if field.Kind() != reflect.Struct {
			continue
		}
		if _, ok := fieldsOf(field)[name]; ok {
			found = append(found, at+"."+name)
		}
	}
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

// slips is how many letters a word may differ from the one that was meant.
const slips = 2

// nearest finds the name that is written most like a word; "" where none is.
func nearest(word string, names []string) string {
	best, least := "", min(slips, (len(word)+1)/2)+1
	for _, name := range slices.Sorted(slices.Values(names)) {
		if n := distance(strings.ToLower(word), name); n < least {
			best, least = name, n
		}
	}
	return best
}

// distance is how many letters must be put in, left out or exchanged to make one word of the other (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := corner
			if a[i] != b[j] {
				change++
			}
			corner = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
