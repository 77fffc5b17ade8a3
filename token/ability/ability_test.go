package ability_test

import (
	"slices"
	"testing"

	"github.com/keloa/apitokens/token/ability"
)

func TestAllows(t *testing.T) {
	all := ability.Ability("").Values()
	if len(all) != 5 {
		t.Fatalf("%d abilities, want 5", len(all))
	}
	for _, name := range all {
		granted := ability.Ability(name)
		set := ability.Of(granted)
		for _, other := range all {
			asked := ability.Ability(other)
			want := asked == granted || granted == ability.FullAccess
			if set.Allows(asked) != want {
				t.Errorf("%s allows %s: %t", granted, asked, !want)
			}
		}
		if set.Allows("DELETE_EVERYTHING") || set.Allows("") {
			t.Errorf("%s allows what is no ability", granted)
		}
	}
	if (ability.Set(0)).Allows(ability.Read) {
		t.Error("the empty set allows READ")
	}
	if ability.Of("DELETE_EVERYTHING", "") != 0 {
		t.Error("what is no ability was added to a set")
	}
}

func TestList(t *testing.T) {
	set := ability.Of(ability.WriteContacts, ability.Read, ability.WriteContacts)
	if got, want := set.List(), []ability.Ability{ability.Read, ability.WriteContacts}; !slices.Equal(got, want) {
		t.Errorf("List() = %v, want %v", got, want)
	}
	if got, want := set.Scope(), "read write_contacts"; got != want {
		t.Errorf("Scope() = %q, want %q", got, want)
	}
}

func TestParse(t *testing.T) {
	for _, text := range []string{"WRITE_CONTACTS", "write_contacts", "write-contacts", "Write-Contacts"} {
		if got, err := ability.Parse(text); err != nil || got != ability.WriteContacts {
			t.Errorf("Parse(%q) = %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "admin", "READ ", "WRITECONTACTS"} {
		if got, err := ability.Parse(text); err == nil {
			t.Errorf("Parse(%q) = %q", text, got)
		}
	}
}

func TestInfo(t *testing.T) {
	for _, info := range ability.All() {
		if info.Title == "" || info.Description == "" {
			t.Errorf("%s is not explained", info.Name)
		}
		if info.Sparingly != (info.Name == ability.FullAccess) {
			t.Errorf("%s: sparingly is %t", info.Name, info.Sparingly)
		}
	}
}
