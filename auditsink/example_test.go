package auditsink_test

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/keloa/apitokens/auditsink"
)

// lineSink writes records to w, a line each. It claims no durability.
type lineSink struct{ w io.Writer }

func openLines(_ context.Context, u *url.URL) (auditsink.Sink, error) {
	if _, err := auditsink.Keys(u); err != nil { // it has none of its own
		return nil, err
	}
	return lineSink{os.Stdout}, nil
}

func (s lineSink) Deliver(_ context.Context, b *auditsink.Batch) (auditsink.Result, error) {
	for i, r := range b.Records {
		if _, err := fmt.Fprintf(s.w, "%s\n", r.Line); err != nil {
			return auditsink.Result{Accepted: i}, err
		}
	}
	return auditsink.Result{}, nil
}

func (lineSink) Close(context.Context) error { return nil }

// A sink is two methods and an [auditsink.Opener], which a mux knows by a scheme.
func ExampleMux_Register() {
	var mux auditsink.Mux
	mux.Register("lines", openLines)
	_, err := mux.Open(context.Background(), "mine=lines:?color=red")
	fmt.Println(err)
	// Output: audit sink mine: unknown key "color" in its URL
}
