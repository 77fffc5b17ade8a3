package bearer

import (
	"encoding/base64"
	"slices"
	"strings"
)

const (
	// maxDecodings is how often text is percent-decoded to look for a secret:
	// proxies and redirects encode what is encoded already.
	maxDecodings = 3
	// mark64 is Mark in base64, both of its alphabets: six bytes are two groups
	// of it. What follows in a secret needs none of the characters in which they
	// differ either.
	mark64 = "a2Vsb2Ff"
	// maxBase64 is how many characters of base64 are decoded from there: the
	// longest secret, and what fills its last group.
	maxBase64 = 64
)

// MayHold is a quick look at text: if it says no, [Hidden] finds nothing.
func MayHold(text string) bool {
	return strings.Contains(text, "%") || strings.Contains(text, Mark) || strings.Contains(text, mark64)
}

// Hidden returns the secrets of any kind that stand anywhere in text, each once and
// at most so many: as they are, in base64 that begins with them, and either of it
// percent-encoded up to three times. Characters that follow a secret do not hide it.
func Hidden(text string, most int) []Secret {
	if !MayHold(text) {
		return nil
	}
	var found []Secret
	for range maxDecodings + 1 {
		found = collect(found, text, most)
		for rest := text; ; {
			_, part, after, ok := next64(rest)
			if !ok {
				break
			}
			found, rest = collect(found, part.text, most), after
		}
		if !strings.Contains(text, "%") {
			break
		}
		text = unescape(text)
	}
	return found
}

// collect adds the secrets that stand in text as they are.
func collect(found []Secret, text string, most int) []Secret {
	for len(found) < most {
		part, rest, ok := next(text)
		if !ok {
			break
		}
		text = rest
		if s, err := Parse(part.text); err == nil && !slices.Contains(found, s) {
			found = append(found, s)
		}
	}
	return found
}

// next64 is next for what is in base64, with what comes before it.
func next64(text string) (before string, found Secret, rest string, ok bool) {
	for from := 0; ; from += len(mark64) {
		i := strings.Index(text[from:], mark64)
		if i < 0 {
			return "", Secret{}, "", false
		}
		from += i
		end := from + len(mark64)
		for end < len(text) && end-from < maxBase64 && inAlphabet(text[end:end+1]) {
			end++
		}
		if (end-from)%4 == 1 {
			end-- // one character alone encodes nothing
		}
		plain, err := base64.RawStdEncoding.DecodeString(text[from:end])
		if err != nil {
			continue
		}
		if found, _, ok = next(string(plain)); ok && strings.HasPrefix(string(plain), found.text) {
			return text[:from], found, text[end:], true
		}
	}
}

// redact64 is Redact for what is in base64.
func redact64(text string) string {
	before, found, rest, ok := next64(text)
	if !ok {
		return text
	}
	var clean strings.Builder
	for ok {
		clean.WriteString(before)
		clean.WriteString(found.redacted())
		text = rest
		before, found, rest, ok = next64(text)
	}
	clean.WriteString(text)
	return clean.String()
}

// Unescape undoes percent-encoding as often as [Hidden] does. Unlike
// [net/url.PathUnescape] it leaves what is not an escape as it stands: a URL that
// somebody sends may hold anything.
func Unescape(text string) string {
	for range maxDecodings {
		text = unescape(text)
	}
	return text
}

// unescape undoes percent-encoding once.
func unescape(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	plain := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]) {
			plain = append(plain, fromHex(text[i+1])<<4|fromHex(text[i+2]))
			i += 2
			continue
		}
		plain = append(plain, text[i])
	}
	return string(plain)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f'
}

func fromHex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c | 0x20 - 'a' + 10
}
