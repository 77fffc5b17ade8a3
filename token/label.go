package token

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/keloa/apitokens/token/bearer"
)

const (
	maxLabel  = 100  // characters
	maxReason = 1000 // characters
)

// cleanText trims text and checks what every text that people type must hold:
// a length in characters, nothing that is not text, and no secret.
func cleanText(field, text string, least, most int) (string, error) {
	text = strings.TrimSpace(text)
	if !utf8.ValidString(text) {
		return "", &InputError{Field: field, Reason: "must be valid UTF-8"}
	}
	if n := utf8.RuneCountInString(text); n < least || n > most {
		fault := FaultTooLong
		if n < least {
			fault = FaultEmpty
		}
		return "", &InputError{Field: field, Reason: fmt.Sprintf("must have %d to %d characters", least, most), Fault: fault}
	}
	if strings.ContainsFunc(text, steers) {
		return "", &InputError{Field: field, Reason: "must not contain control characters", Fault: FaultControl}
	}
	if least > 0 && !strings.ContainsFunc(text, leavesTrace) {
		return "", &InputError{Field: field, Reason: "must not be invisible", Fault: FaultInvisible}
	}
	if len(bearer.Hidden(text, 1)) > 0 {
		return "", &InputError{Field: field, Reason: "must not contain a secret: revoke that token, it has been written down", Fault: FaultSecret}
	}
	return text, nil
}

// steers reports whether a character controls how text is shown: the control
// characters, the separators of lines and paragraphs, and what changes the
// direction of the text around it, with which a label could pose as another one.
// What joins letters and emoji stays: some languages need it.
func steers(c rune) bool {
	return unicode.In(c, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) && c != '\u200e' && c != '\u200f'
}

// leavesTrace reports whether a character alone can be seen.
func leavesTrace(c rune) bool {
	return unicode.IsGraphic(c) && !unicode.IsSpace(c) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, c) && !unicode.Is(unicode.Variation_Selector, c)
}

// cleanLabel is cleanText for a label, which many see. It must not hold the end of
// a secret either, which is all that is secret of it.
func cleanLabel(label string) (string, error) {
	label, err := cleanText("label", label, 1, maxLabel)
	if err == nil && bearer.MayEnd(label) {
		err = &InputError{Field: "label", Reason: "must not contain 32 or more letters and digits in a row that look drawn at random, as a secret has: leave them out", Fault: FaultMayBeSecret}
	}
	return label, err
}

// labelKey is what labels are searched and sorted by: letter case and the way
// an accent is encoded make no difference.
func labelKey(text string) string {
	return norm.NFC.String(cases.Fold().String(norm.NFC.String(text)))
}
