package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAuditConfig(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "",
		"[]":                             "",
		"sinks: []":                      "",
		"- name: a\n  url: file:a.jsonl": "a=file:a.jsonl",
		"sinks:\n- {name: a, url: 'file:a.jsonl', start: now, required: true}\n- {name: b, url: 'webhook+https://h/p?secret=env:X', filter: 'action:*.mint', start: seq:7}": "a=file:a.jsonl?required=true&start=now " +
			"b=webhook+https://h/p?secret=env:X&filter=action%3A%2A.mint&start=seq%3A7",
	} {
		path := filepath.Join(t.TempDir(), "sinks.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		sinks, err := readAuditConfig(path)
		var got []string
		for _, s := range sinks {
			got = append(got, s.text)
			if s.flag != "audit-config" {
				t.Errorf("it stands in %s", s.flag)
			}
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
}

func TestAuditConfigRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"name: a":                             "must be a list",
		"- name: a":                           "needs a name and a url",
		"- url: file:Canary":                  "sink 1 of 1 needs a name",
		"- {name: a, url: b, Canary: 1}":      "sink 1 of 1 has a key that is none of name, url, filter, required and start",
		"- {name: a, url: b, required: yes!}": "sink 1 of 1: required must be true or false",
		"sinks: [{name: a}, {Name: a}]":       "sink 2 of 2 has a key that is none of",
		"sinks: 3":                            "must be a list",
		"- {name: a, url: b}\n---\n- {}":      "must be a list",
		"\tCanary":                            "must be a list",
	} {
		path := filepath.Join(t.TempDir(), "sinks.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := readAuditConfig(path)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "Canary") {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
