package bitpay

import (
	"net/url"
	"testing"
)

func TestQuery(t *testing.T) {
	for _, c := range []struct{ raw, name, want string }{
		{"", "token", ""},
		{"token=abc", "token", "abc"},
		{"token=", "token", ""},
		{"token", "token", ""},
		{"limit=1&token=abc&offset=2", "token", "abc"},
		{"token=abc&token=abc", "token", "abc"},
		{"%74oken=abc", "token", "abc"},
		{"orderId=o%271+x%20y", "orderId", "o'1 x y"},
		{"Token=abc", "token", ""},
		{"other=%zz&token=abc", "token", "abc"}, // what nobody asks for does no harm
		{"%zz=1&token=abc", "token", "abc"},
		{"a;b=1&token=x;y", "token", "x;y"},
		{"events%5B0%5D=x&token=a=b", "token", "a=b"},
	} {
		got, err := ParseQuery(c.raw).Text(c.name)
		if err != nil || got != c.want {
			t.Errorf("%q: %q (%v), want %q", c.raw, got, err, c.want)
		}
	}
	for _, raw := range []string{"token=%zz", "token=%ff", "token=%00", "token=a&token=b", "token=a&token="} {
		_, err := ParseQuery(raw).Text("token")
		if f := faultOf(t, err); f.Field != "token" {
			t.Errorf("%q: the error names %q", raw, f.Field)
		}
	}
}

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"token=a", "token=a&token=b", "%74oken=%61", "a=;&&=", "token=%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := ParseQuery(raw).Text("token")
		std, stdErr := url.ParseQuery(raw)
		if err != nil || stdErr != nil {
			return
		}
		want := std["token"]
		if len(want) == 0 && got != "" || len(want) > 0 && got != want[0] {
			t.Fatalf("%q: %q, and the standard library says %q", raw, got, want)
		}
	})
}
