package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

func TestRequestID(t *testing.T) {
	secret := "keloa_pk_live_" + strings.Repeat("a", 32)
	for given, kept := range map[string]bool{
		"a":                       true,
		"0198-AZaz.09_":           true,
		strings.Repeat("x", 64):   true,
		strings.Repeat("x", 65):   false,
		"":                        false,
		"a b":                     false,
		"a\tb":                    false,
		"é":                       false,
		"<script>":                false,
		"a%20b":                   false,
		secret:                    false,
		"id." + secret:            false,
		secret[:len(secret)-1]:    false,
		"keloa_os_" + secret[14:]: false,
	} {
		got := requestID(http.Header{"X-Request-Id": {given}}, time.Now())
		if kept && got != given {
			t.Errorf("%q became %q", given, got)
		}
		if id, err := uuid.Parse(got); !kept && (err != nil || id.Version() != 7) {
			t.Errorf("%q became %q, not a new id", given, got)
		}
	}
	if got := requestID(http.Header{"X-Request-Id": {"a", "b"}}, time.Now()); got == "a" || got == "b" {
		t.Errorf("of two ids, %q was taken", got)
	}
	if first, second := requestID(nil, time.Now()), requestID(nil, time.Now()); first == second {
		t.Error("two requests have one id")
	}
}

func TestOriginIsTheConnection(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:5":          "192.0.2.1",
		"[2001:db8::1]:5":      "2001:db8::1",
		"[::ffff:192.0.2.1]:5": "192.0.2.1",
		"[fe80::1%eth0]:5":     "fe80::1",
		"@":                    "",
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", "203.0.113.9")
		r.Header.Set("X-Real-Ip", "203.0.113.9")
		r.Header.Set("Forwarded", "for=203.0.113.9")
		if v, _ := begin(nil, r); v.origin.IP != want {
			t.Errorf("%s: %q, want %q", remote, v.origin.IP, want)
		}
	}
}
