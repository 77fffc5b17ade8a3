package main

import (
	"bufio"
	"context"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/keloa/apitokens/ent/operator"
	enttoken "github.com/keloa/apitokens/ent/token"
	"github.com/keloa/apitokens/token/ability"
	"github.com/keloa/apitokens/token/bearer"
	"github.com/keloa/apitokens/token/tokentest"
)

// origin is an origin that the host application is at. It is there before the
// application is, so that the tokens' server can be told of it.
type origin struct {
	*httptest.Server
	application atomic.Pointer[url.URL]
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	o := &origin{}
	o.Server = httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(o.application.Load())
		r.Out.Host = r.In.Host
	}})
	t.Cleanup(o.Close)
	return o
}

// startHost runs the example of docs/embedding.md until the test ends, at those
// origins.
func (s *site) startHost(t *testing.T, secret string, at ...*origin) {
	t.Helper()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	c := exec.CommandContext(ctx, built(t, "../docs/embedding/host"))
	c.Env = append(os.Environ(), "HOST_LISTEN=127.0.0.1:0", "KELOA_URL="+s.public, "KELOA_INTERNAL_URL="+s.internal, "KELOA_RESOURCE_SERVER=host:"+secret)
	c.Stderr = s.log
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = c.Wait() // it was killed
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	where, err := url.Parse(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range at {
		o.application.Store(where)
	}
}

// element is the shadow tree of the element, as an expression.
const element = `document.querySelector('keloa-api-tokens').shadowRoot`

// press clicks what the selector finds in the element.
func (p *visitor) press(t *testing.T, selector string) {
	t.Helper()
	found := element + `.querySelector(` + quoted(selector) + `)`
	p.until(t, found+`?.getClientRects().length > 0`)
	at := valueOf[[2]float64](t, p, `(() => {
		const e = `+found+`
		e.scrollIntoView({ block: 'center', behavior: 'instant' })
		const r = e.getBoundingClientRect()
		return [r.x + r.width / 2, r.y + r.height / 2]
	})()`)
	p.act(t, chromedp.MouseClickXY(at[0], at[1]))
}

// reads waits until the element says the text.
func (p *visitor) reads(t *testing.T, text string) {
	t.Helper()
	p.until(t, element+`?.firstElementChild?.innerText.includes(`+quoted(text)+`)`)
}

// TestEmbedded has the element in the page of another application, under a policy
// without anything unsafe.
func TestEmbedded(t *testing.T) {
	allowed, stranger := newOrigin(t), newOrigin(t)
	const password = "a-secret-of-the-host"
	s := openSiteWith(t, sqliteEnv(t, tokentest.Config{}), "http", func(o *handlerOptions) {
		o.ResourceServers = map[string]string{"host": password}
		o.Operators.allowedOrigins = []string{allowed.URL}
	})
	defer startSealing(t, s)()
	s.mint(t, "zapier-prod", ability.Read)
	s.startHost(t, password, allowed, stranger)

	t.Run("an allowed origin", func(t *testing.T) {
		p := newVisitor(t, allowed.URL, s.public)
		p.see(t, onDesk)
		p.open(t, allowed.URL)
		p.reads(t, "zapier-prod")
		secret := p.mintEmbedded(t)
		wantViewer(t, s.ask(t, whoAmI, "Authorization: Bearer "+secret), "from the host")
		made := s.Client().Token.Query().Where(enttoken.LabelEQ("from the host")).OnlyX(t.Context())
		if ada := s.Client().Operator.GetX(t.Context(), *made.MintedByID); ada.Email != "ada@example.com" || ada.Role != operator.RoleADMIN {
			t.Errorf("minted by %s", ada.Email)
		}
		s.mint(t, "from elsewhere", ability.Read)
		p.reads(t, "from elsewhere")
		if got := valueOf[string](t, p, `getComputedStyle(`+element+`.querySelector('.button.primary')).backgroundColor`); got != "rgb(15, 118, 110)" {
			t.Errorf("the page's accent has become %s", got)
		}
		if html := valueOf[string](t, p, element+`.innerHTML`); strings.Contains(html, secret[14:]) {
			t.Error("the secret is still in the element")
		}
		p.show(t, "embedded", onDesk, inDark, onPhone)
		p.wantClean(t, secret)
	})
	t.Run("another origin", func(t *testing.T) {
		p := newVisitor(t, stranger.URL, s.public)
		p.open(t, stranger.URL)
		p.reads(t, "Try again")
		if text := valueOf[string](t, p, element+`.firstElementChild.innerText`); strings.Contains(text, "zapier") {
			t.Errorf("a page that is not allowed shows tokens: %s", text)
		}
	})
}

// mintEmbedded mints a token in the element, and returns its secret.
func (p *visitor) mintEmbedded(t *testing.T) string {
	t.Helper()
	p.press(t, ".page-head .button.primary")
	p.press(t, "dialog input[type=text], dialog input:not([type])")
	p.write(t, "from the host")
	p.press(t, "dialog button[type=submit], dialog form .button.primary")
	p.until(t, element+`.querySelector('.secret code')`)
	secret := valueOf[string](t, p, element+`.querySelector('.secret code').textContent`)
	if _, err := bearer.Parse(secret); err != nil {
		t.Fatal(err)
	}
	p.press(t, "dialog .tick input")
	p.press(t, "dialog .dialog-actions .button.primary")
	p.until(t, `!`+element+`.querySelector('dialog')`)
	return secret
}
