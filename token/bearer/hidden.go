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
	// maxBase64 is how many characters of base64 are decoded from there: the
	// longest secret, and what fills its last group.
	maxBase64 = 64
)

// mark64 is what shows Mark in base64, and what stands before it for it to be
// decoded.
type mark64 struct{ before, mark string }

// marks64 are those of Mark after so many bytes of a group of three, such as
// somebody's name and a colon: each has the characters that no other byte has a
// part in. In a secret none of those characters occur in which the two alphabets of
// base64 differ, wherever it begins.
var marks64 = func() (marks [3]mark64) {
	for n := range marks {
		encoded := base64.RawStdEncoding.EncodeToString([]byte("---"[:n] + Mark))
		first, end := (8*n+5)/6, 8*(n+len(Mark))/6
		marks[n] = mark64{encoded[:first], encoded[first:end]}
	}
	return marks
}()

// MayHold is a quick look at text: if it says no, [Hidden] finds nothing.
func MayHold(text string) bool {
	return strings.Contains(text, "%") || strings.Contains(text, Mark) || strings.Contains(text, marks64[0].mark) ||
		strings.Contains(text, marks64[1].mark) || strings.Contains(text, marks64[2].mark)
}

// Hidden returns the secrets of any kind that stand anywhere in text, each once and
// at most so many: as they are, in base64 wherever they begin in it, and either of it
// percent-encoded up to three times. Characters that follow a secret do not hide it.
func Hidden(text string, most int) []Secret {
	if !MayHold(text) {
		return nil
	}
	var found []Secret
	for range maxDecodings + 1 {
		found = collect(found, text, most)
		for n := range marks64 {
			for rest := text; ; {
				_, part, after, ok := next64(rest, n)
				if !ok {
					break
				}
				found, rest = collect(found, part.text, most), after
			}
		}
		if !strings.Contains(text, "%") {
			break
		}
		text = unescape(text)
	}
	return found
}

// MayEnd reports whether text holds what may be a secret without its prefix: as many
// characters of the alphabet in a row or more, with digits, capitals and small
// letters among them. Digests and UUIDs, which are not secret, have one kind of
// letter; one random secret in 280 has no digit, and is not found.
func MayEnd(text string) bool {
	for run := range strings.FieldsFuncSeq(text, func(c rune) bool { return c > 'z' || !inAlphabet(string(c)) }) {
		if len(run) >= bodyLen && strings.ContainsAny(run, alphabet[:10]) && strings.ContainsAny(run, alphabet[10:36]) && strings.ContainsAny(run, alphabet[36:]) {
			return true
		}
	}
	return false
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

// next64 is next for what is in base64, after n bytes of a group, with what comes
// before it.
func next64(text string, n int) (before string, found Secret, rest string, ok bool) {
	for from := 0; ; from++ {
		i := strings.Index(text[from:], marks64[n].mark)
		if i < 0 {
			return "", Secret{}, "", false
		}
		from += i
		end := from
		for end < len(text) && end-from < maxBase64 && inAlphabet(text[end:end+1]) {
			end++
		}
		encoded := marks64[n].before + text[from:end]
		if len(encoded)%4 == 1 {
			encoded = encoded[:len(encoded)-1] // one character alone encodes nothing
			end--
		}
		plain, err := base64.RawStdEncoding.DecodeString(encoded)
		if err != nil {
			continue
		}
		if found, _, ok = next(string(plain[n:])); ok && strings.HasPrefix(string(plain[n:]), found.text) {
			return text[:from], found, text[end:], true
		}
	}
}

// redact64 is Redact for what is in base64, and redactAfter for one place in a
// group.
func redact64(text string) string {
	for n := range marks64 {
		text = redactAfter(text, n)
	}
	return text
}

func redactAfter(text string, n int) string {
	before, found, rest, ok := next64(text, n)
	if !ok {
		return text
	}
	var clean strings.Builder
	for ok {
		clean.WriteString(before)
		clean.WriteString(found.redacted())
		text = rest
		before, found, rest, ok = next64(text, n)
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
