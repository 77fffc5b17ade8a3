package advice_test

import (
	"slices"
	"testing"
	"time"

	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/advice"
)

var now = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// ago is a moment so long before now.
func ago(d time.Duration) *time.Time { return new(now.Add(-d)) }

// usedAt says that these abilities were used so long ago.
func usedAt(d time.Duration, list ...ability.Ability) map[ability.Ability]time.Time {
	used := map[ability.Ability]time.Time{}
	for _, a := range list {
		used[a] = now.Add(-d)
	}
	return used
}

func TestOn(t *testing.T) {
	readWrite := ability.Of(ability.Read, ability.WriteContacts)
	full := ability.Of(ability.FullAccess)
	// In use, and all of it.
	good := advice.Facts{
		CreatedAt: now.Add(-200 * day), LastUsedAt: ago(time.Minute), Granted: readWrite,
		Used: usedAt(time.Minute, ability.Read, ability.WriteContacts), Minter: "ana@example.com",
	}
	for name, c := range map[string]struct {
		change func(*advice.Facts)
		want   string // code and message; empty for nothing
	}{
		"all is well": {func(*advice.Facts) {}, ""},

		"exposed":                    {func(f *advice.Facts) { f.ExposedAt = ago(day) }, "EXPOSED: Its secret was seen where others can see it: rotate it now, or revoke it."},
		"exposed and being rotated":  {func(f *advice.Facts) { f.ExposedAt, f.Rotating = ago(day), true }, "EXPOSED: Its secret was seen where others can see it: put its successor to use now, or revoke it."},
		"minter left":                {func(f *advice.Facts) { f.MinterLeft = true }, "MINTER_LEFT: ana@example.com, who minted it, is no operator any more: rotate it, so that nobody outside has its secret."},
		"minter left, being rotated": {func(f *advice.Facts) { f.MinterLeft, f.Rotating = true, true }, "MINTER_LEFT: ana@example.com, who minted it, is no operator any more: put its successor to use, so that nobody outside has its secret."},
		"shared":                     {func(f *advice.Facts) { f.Shared = true }, "SHARED_BY_CONSUMERS: Several programs or networks used it in the same hour: mint a token for each of them."},

		"expires in 14 days":      {func(f *advice.Facts) { f.ExpiresAt = ago(-14 * day) }, "EXPIRES_SOON: It ends on 7 December 2026 at 09:00 UTC: mint another token for what uses it."},
		"expires a moment later":  {func(f *advice.Facts) { f.ExpiresAt = ago(-14*day - time.Microsecond) }, ""},
		"full access, only reads": {func(f *advice.Facts) { f.Granted, f.Used = full, usedAt(day, ability.Read) }, "FULL_ACCESS_UNNEEDED: It has full access and only ever used READ: narrow it to that."},
		"full access, three used": {func(f *advice.Facts) {
			f.Granted, f.Used = full, usedAt(day, ability.ManageWebhooks, ability.Read, ability.WriteContacts)
		}, "FULL_ACCESS_UNNEEDED: It has full access and only ever used READ, WRITE_CONTACTS and MANAGE_WEBHOOKS: narrow it to that."},
		"full access, needed once":      {func(f *advice.Facts) { f.Granted, f.Used = full, usedAt(400*day, ability.Read, ability.FullAccess) }, ""},
		"full access, nothing is known": {func(f *advice.Facts) { f.Granted, f.Used = full, nil }, ""},

		"never used": {func(f *advice.Facts) { f.CreatedAt, f.LastUsedAt, f.Used = now.Add(-30*day), nil, nil }, "NEVER_USED: It was minted on 24 October 2026 and never used: revoke it."},
		"never used for 30 days, not quite": {func(f *advice.Facts) {
			f.CreatedAt, f.LastUsedAt, f.Used = now.Add(-30*day+time.Microsecond), nil, nil
		}, ""},
		"idle for 90 days": {func(f *advice.Facts) {
			f.LastUsedAt, f.Used = ago(90*day), usedAt(90*day, ability.Read, ability.WriteContacts)
		}, "STALE: It was last used on 25 August 2026: revoke it."},
		"idle for 90 days, not quite": {func(f *advice.Facts) {
			f.LastUsedAt, f.Used = ago(90*day-time.Microsecond), usedAt(90*day-time.Microsecond, ability.Read, ability.WriteContacts)
		}, ""},

		"an ability never used":      {func(f *advice.Facts) { f.Used = usedAt(day, ability.Read) }, "UNUSED_ABILITY: It has not used WRITE_CONTACTS for 90 days: take that away from it."},
		"an ability used long ago":   {func(f *advice.Facts) { f.Used[ability.WriteContacts] = now.Add(-90 * day) }, "UNUSED_ABILITY: It has not used WRITE_CONTACTS for 90 days: take that away from it."},
		"an ability used just since": {func(f *advice.Facts) { f.Used[ability.WriteContacts] = now.Add(-90*day + time.Microsecond) }, ""},
		"a young token": {func(f *advice.Facts) {
			f.CreatedAt, f.Used = now.Add(-90*day+time.Microsecond), usedAt(day, ability.Read)
		}, ""},
		"abilities that others check": {func(f *advice.Facts) { f.Used = nil }, ""},
	} {
		facts := good
		facts.Used = usedAt(time.Minute, ability.Read, ability.WriteContacts)
		c.change(&facts)
		var got string
		for _, a := range advice.On(facts, now) {
			got += string(a.Code) + ": " + a.Message
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

// TestOrder has everything be wrong that can be at once.
func TestOrder(t *testing.T) {
	facts := advice.Facts{
		CreatedAt: now.Add(-200 * day), LastUsedAt: ago(91 * day), ExpiresAt: ago(-day), ExposedAt: ago(day),
		Granted: ability.Of(ability.FullAccess), Used: usedAt(91*day, ability.Read), Minter: "ana", MinterLeft: true, Shared: true,
	}
	var got []advice.Code
	for _, a := range advice.On(facts, now) {
		got = append(got, a.Code)
	}
	want := []advice.Code{advice.Exposed, advice.MinterLeft, advice.SharedByConsumers, advice.ExpiresSoon, advice.FullAccessUnneeded, advice.Stale}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
