package auth

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSpellingsOfAQuery(t *testing.T) {
	for target, want := range map[string][]string{
		"/tokens":                       nil,
		"/tokens?":                      nil,
		"/i?token=abc&limit=5":          nil,
		"/i?a&b=&=c&&d=2020-01-01":      nil,
		"/a%27b?c=d":                    nil, // a path goes out as it was signed
		"/i?a=%zz'":                     nil, // malformed
		"/i?a=%27;b":                    nil,
		"/i?a=%20":                      {"/i?a=+"},
		"/i?a=+":                        {"/i?a=%20"},
		"/i?a=%2B":                      nil,
		"/i?a=%c3%bc":                   {"/i?a=%C3%BC"},
		"/i?a=~":                        {"/i?a=%7E"},
		"/i?a=%7E":                      {"/i?a=~"},
		"/i?a=b=c":                      {"/i?a=b%3Dc"},
		"/i?e[0]=x":                     {"/i?e%5B0%5D=x"},
		"/i?a=%27":                      {"/i?a='"},
		"/i?a='":                        {"/i?a=%27"},
		"/i?a=%2527":                    nil,
		"/i?a=%28b+c%29":                {"/i?a=(b%20c)", "/i?a=%28b%20c%29", "/i?a=(b+c)"},
		"/i?a=%2A+":                     {"/i?a=*%20", "/i?a=%2A%20", "/i?a=*+"},
		"/i?x='%21&x=a?b":               {"/i?x='!&x=a%3Fb", "/i?x=%27%21&x=a%3Fb", "/i?x='!&x=a?b"},
		"/i?a=%00&b=%FF%2f":             {"/i?a=%00&b=%FF%2F"},
		"/i?z=1&a=%21&z=0":              {"/i?z=1&a=!&z=0"},
		"/i?orderId=ord+1:&nonce=1.5e3": {"/i?orderId=ord%201%3A&nonce=1.5e3", "/i?orderId=ord+1%3A&nonce=1.5e3"},
	} {
		if diff := cmp.Diff(append([]string{target}, want...), spellings(target)); diff != "" {
			t.Errorf("%s: %s", target, diff)
		}
	}
}
