package bearer

import "strings"

// minPart is how many characters of a body are taken for part of a secret: far
// fewer than would help anybody guess the rest, far more than a hint has.
const minPart = 8

// Find returns the first secret of any kind that stands anywhere in text.
// Characters that follow the secret do not hide it.
func Find(text string) (Secret, bool) {
	for {
		found, rest, ok := next(text)
		if !ok {
			return Secret{}, false
		}
		if s, err := Parse(found.text); err == nil {
			return s, true
		}
		text = rest
	}
}

// Redact returns text with every secret in it replaced by its hint, and with the
// body left out of what looks like part of one: somebody may have copied all but
// the last character.
func Redact(text string) string {
	found, rest, ok := next(text)
	if !ok {
		return text
	}
	var clean strings.Builder
	for ok {
		clean.WriteString(text[:len(text)-len(rest)-len(found.text)])
		if s, err := Parse(found.text); err == nil {
			clean.WriteString(s.String())
		} else {
			clean.WriteString(Hint(found.kind, ""))
		}
		text = rest
		found, rest, ok = next(text)
	}
	clean.WriteString(text)
	return clean.String()
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
