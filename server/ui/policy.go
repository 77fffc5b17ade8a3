package ui

import "strings"

// policies are the Content-Security-Policy of each page: what the page does and
// nothing else. A page without one is not served.
var policies = map[string]string{
	Settings: policy(
		"default-src 'none'",
		"script-src 'self'",
		"style-src 'self'",
		"img-src 'self'",
		"connect-src 'self'",
		"form-action 'self'",
		"base-uri 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	),
	// The editors have workers, a font of icons, and pictures in their styles. What
	// they would style inline is done otherwise, see playground/src/strict.ts.
	Playground: policy(
		"default-src 'none'",
		"script-src 'self'",
		"worker-src 'self'",
		"style-src 'self'",
		"font-src 'self'",
		"img-src 'self' data:",
		"connect-src 'self'",
		"form-action 'none'",
		"base-uri 'none'",
		"frame-ancestors 'none'",
	),
}

func policy(directives ...string) string { return strings.Join(directives, "; ") }
