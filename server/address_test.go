package main

import "testing"

// TestOnLoopback guards two things that only this machine may reach: a listener
// that asks for no credentials, and a sign-in link that is printed.
func TestOnLoopback(t *testing.T) {
	for address, want := range map[string]bool{
		"127.0.0.1:8080":          true,
		"127.9.9.9:8080":          true,
		"[::1]:8080":              true,
		"[::ffff:127.0.0.1]:8080": true,
		"localhost:8080":          true,
		":8080":                   false,
		"0.0.0.0:8080":            false,
		"[::]:8080":               false,
		"10.0.0.1:8080":           false,
		"128.0.0.1:8080":          false,
		"localhost.example:8080":  false,
		"127.0.0.1.example:8080":  false,
		"127.0.0.1":               false,
	} {
		if got := onLoopback(address); got != want {
			t.Errorf("onLoopback(%q) is %t", address, got)
		}
	}
}

func TestOriginAt(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:8080":           "http://127.0.0.1:8080",
		"[::1]:80":                 "http://[::1]:80",
		":8080":                    "http://localhost:8080",
		"0.0.0.0:8080":             "http://localhost:8080",
		"[::]:8080":                "http://localhost:8080",
		"tokens.example.test:8080": "http://tokens.example.test:8080",
	} {
		got, err := originAt(address)
		if err != nil || got.String() != want {
			t.Errorf("originAt(%q) is %v, %v; want %s", address, got, err, want)
		}
	}
}
