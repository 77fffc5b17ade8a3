package bearer

import "strings"

// minPart is how many characters of a body are taken for part of a secret: far
// fewer than would help anybody guess the rest, far more than a hint has.
const minPart = 8

// Redact returns text with every secret in it, in base64 too, replaced by its hint,
// and with the body left out of what looks like part of one: somebody may have
// copied all but the last character.
func Redact(text string) string {
	text = redact64(text)
	found, rest, ok := next(text)
	if !ok {
		return text
	}
	var clean strings.Builder
	for ok {
		clean.WriteString(text[:len(text)-len(rest)-len(found.text)])
		clean.WriteString(found.redacted())
		text = rest
		found, rest, ok = next(text)
	}
	clean.WriteString(text)
	return clean.String()
}

// redacted is what Redact puts in the place of a secret that may be cut short.
func (s Secret) redacted() string {
	if whole, err := Parse(s.text); err == nil {
		return whole.String()
	}
	return Hint(s.kind, "")
}

// next returns the first secret in text or part of one, as a Secret that may be
// cut short, and what follows it.
func next(text string) (found Secret, rest string, ok bool) {
	for from := 0; ; from += len(Mark) {
		i := strings.Index(text[from:], Mark)
		if i < 0 {
			return Secret{}, "", false
		}
		from += i
		for kind := Live; kind <= SignIn; kind++ {
			body, cut := strings.CutPrefix(text[from:], prefixes[kind])
			if !cut {
				continue
			}
			n := 0
			// What is cut short may be followed by another secret.
			for n < min(len(body), bodyLen) && inAlphabet(body[n:n+1]) && !strings.HasPrefix(body[n:], Mark) {
				n++
			}
			if n >= minPart {
				end := from + len(prefixes[kind]) + n
				return Secret{kind, text[from:end]}, text[end:], true
			}
		}
	}
}
