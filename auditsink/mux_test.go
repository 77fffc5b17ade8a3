package auditsink_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/keloa/apitokens/auditsink"
)

// testMux knows the scheme test, and the key depth of it.
func testMux(opened *url.URL) *auditsink.Mux {
	var mux auditsink.Mux
	mux.Register("test", func(_ context.Context, u *url.URL) (auditsink.Sink, error) {
		*opened = *u
		_, err := auditsink.Keys(u, "depth")
		return auditsink.Discard, err
	})
	mux.Register("mute", sinkOpener(mute{auditsink.Discard}))
	return &mux
}

// mute is a sink that does not tell what has arrived.
type mute struct{ auditsink.Sink }

func (mute) Describe() auditsink.Traits { return auditsink.Traits{Unacknowledged: true} }

func sinkOpener(s auditsink.Sink) auditsink.Opener {
	return func(context.Context, *url.URL) (auditsink.Sink, error) { return s, nil }
}

func TestMuxOpens(t *testing.T) {
	var u url.URL
	long := strings.Repeat("n", 63)
	for text, want := range map[string]auditsink.Destination{
		"archive=test:x":                      {Name: "archive"},
		"a-1=test://host/x?start=begin":       {Name: "a-1"},
		"a=test:x?depth=3&start=now":          {Name: "a", Start: auditsink.Start{Now: true}},
		long + "=test:x?start=seq:12":         {Name: long, Start: auditsink.Start{Seq: 12}},
		"a=test:x?filter=action:*&depth=a%3D": {Name: "a"},
		"a=test:x?required=true":              {Name: "a", Required: true},
		"a=test:x?required=false":             {Name: "a"},
	} {
		got, err := testMux(&u).Open(t.Context(), text)
		if err != nil || got.Name != want.Name || got.Start != want.Start || got.Required != want.Required || got.Sink != auditsink.Discard {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
		if u.Query().Has("start") || u.Query().Has("filter") || u.Query().Has("depth") != strings.Contains(text, "depth") {
			t.Errorf("%s: the sink saw %s", text, &u)
		}
	}
}

func TestMuxRefuses(t *testing.T) {
	var u url.URL
	for text, want := range map[string]string{
		"":                                        "NAME=URL",
		"test:x":                                  "NAME=URL",
		"test://Canary@host/?x=y":                 "NAME=URL",
		"Archive=test:x":                          "NAME=URL",
		"=test:x":                                 "NAME=URL",
		strings.Repeat("n", 64) + "=test:x":       "NAME=URL",
		"a=Canary":                                "unknown scheme: this version knows mute:, test:",
		"a=":                                      "unknown scheme",
		"a=carrier+pigeon://Canary@host":          "unknown scheme",
		"a=test://user:Canary@host/":              "credential",
		"a=test://Canary@host/":                   "credential",
		"a=test://host:Canary/":                   "malformed",
		"a=test:x#Canary":                         "fragment",
		"a=test:x#":                               "fragment",
		"a=test:x?Canary=%zz":                     "malformed",
		"a=test:x?a;b":                            "malformed",
		"a=test:x?deep=Canary":                    `unknown key "deep"`,
		"a=test:x?depth=1&depth=Canary":           `"depth" appears twice`,
		"a=test:x?start=now&start=now":            `"start" appears twice`,
		"a=test:x?start=Canary":                   "begin, now or seq:",
		"a=test:x?start=seq:0":                    "begin, now or seq:",
		"a=test:x?start=seq:9999999999999999999":  "begin, now or seq:",
		"a=test:x?filter=developers.*":            "action:",
		"a=test:x?filter=action:":                 "action:",
		"a=test:x?filter=action:[a-z]Canary":      "action:",
		"a=test:x?filter=action:developer.canary": "matches no action",
		"a=test:x?required=yes":                   "required must be true or false",
		"a=mute:?required=true":                   "cannot be required",
		"a=test:x?format=xml":                     "format must be cloudevents or ocsf",
	} {
		_, err := testMux(&u).Open(t.Context(), text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "Canary") {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

func TestFilter(t *testing.T) {
	var u url.URL
	for glob, want := range map[string][]string{
		"*":                      {auditsink.ActionMint, auditsink.ActionSignIn, auditsink.ActionWorkspacePlan},
		"developers.api_token.*": {auditsink.ActionMint},
		"*.mint":                 {auditsink.ActionMint},
		"operator.sign_in":       {auditsink.ActionSignIn},
		"*.*n":                   {auditsink.ActionSignIn, auditsink.ActionWorkspacePlan},
	} {
		d, err := testMux(&u).Open(t.Context(), "a=test:x?filter=action:"+glob)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, action := range []string{auditsink.ActionMint, auditsink.ActionSignIn, auditsink.ActionWorkspacePlan} {
			if d.Filter.Passes(auditsink.Record{Action: action}) {
				got = append(got, action)
			}
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s lets %v through, want %v", glob, got, want)
		}
	}
}

func TestSchemeIsRegisteredOnce(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	var u url.URL
	testMux(&u).Register("test", nil)
}

func TestDiscard(t *testing.T) {
	_, err := auditsink.Discard.Deliver(t.Context(), &auditsink.Batch{})
	if err := errors.Join(err, auditsink.Discard.Close(t.Context())); err != nil {
		t.Error(err)
	}
}
