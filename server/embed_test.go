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
		b := openTab(t, allowed.URL)
		b.mayAsk(s.public)
		b.goTo(t, "/")
		b.reads(t, "zapier-prod")
		secret := b.mintEmbedded(t)
		wantViewer(t, s.ask(t, whoAmI, "Authorization: Bearer "+secret), "from the host")
		made := s.Client().Token.Query().Where(enttoken.LabelEQ("from the host")).OnlyX(t.Context())
		if ada := s.Client().Operator.GetX(t.Context(), *made.MintedByID); ada.Email != "ada@example.com" || ada.Role != operator.RoleADMIN {
			t.Errorf("minted by %s", ada.Email)
		}
		s.mint(t, "from elsewhere", ability.Read)
		b.reads(t, "from elsewhere")
		if got := eval[string](t, b, `getComputedStyle(`+element+`.querySelector('.button.primary')).backgroundColor`); got != "rgb(15, 118, 110)" {
			t.Errorf("the page's accent has become %s", got)
		}
		if html := eval[string](t, b, element+`.innerHTML`); strings.Contains(html, secret[14:]) {
			t.Error("the secret is still in the element")
		}
		for _, v := range []view{inLight, inDark, onPhone} {
			b.see(t, v)
			b.picture(t, "embedded-"+v.name)
		}
	})
	t.Run("another origin", func(t *testing.T) {
		b := openTab(t, stranger.URL)
		b.mayAsk(s.public)
		b.expectRefusals()
		b.goTo(t, "/")
		b.reads(t, "Try again")
		if text := eval[string](t, b, element+`.firstElementChild.innerText`); strings.Contains(text, "zapier") {
			t.Errorf("a page that is not allowed shows tokens: %s", text)
		}
	})
}

// mintEmbedded mints a token in the element, and returns its secret.
func (b *tab) mintEmbedded(t *testing.T) string {
	t.Helper()
	b.click(t, button, "New token")
	b.fill(t, "Label", "from the host")
	b.click(t, button, "Mint token")
	secret := b.shownSecret(t)
	if _, err := bearer.Parse(secret); err != nil {
		t.Fatal(err)
	}
	b.click(t, field, "I have stored it")
	b.click(t, button, "Done")
	b.wait(t, `!`+element+`.querySelector('dialog')`)
	return secret
}
