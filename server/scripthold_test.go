package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// heldQuery is the body of a request that waits to be finished.
const heldQuery = `{"query":"{ __typename }"}`

type heldKey struct{}

// cmdHold begins a request that is under way until it is finished.
func cmdHold(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: hold URL")
	}
	dialer := net.Dialer{Timeout: patience}
	conn, err := dialer.DialContext(context.Background(), "tcp", strings.TrimPrefix(args[0], "http://"))
	ts.Check(err)
	ts.Defer(func() { _ = conn.Close() }) // finish may have closed it
	ts.Check(conn.SetDeadline(time.Now().Add(patience)))
	_, err = fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(heldQuery))
	ts.Check(err)
	// The server says so when the handler asks for the body.
	reader := bufio.NewReader(conn)
	line, err := reader.ReadString('\n')
	ts.Check(err)
	if !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		ts.Fatalf("the server does not wait for the body: %s", line)
	}
	_, err = reader.ReadString('\n')
	ts.Check(err)
	ts.Value(heldKey{}).(*held).conn, ts.Value(heldKey{}).(*held).reader = conn, reader
}

// held is the request that is under way.
type held struct {
	conn   net.Conn
	reader *bufio.Reader
}

// cmdFinish sends the rest of the request and prints the answer.
func cmdFinish(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: finish")
	}
	request := ts.Value(heldKey{}).(*held)
	_, err := io.WriteString(request.conn, heldQuery)
	ts.Check(err)
	answer, err := http.ReadResponse(request.reader, nil)
	ts.Check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	ts.Check(err)
	_, err = fmt.Fprintf(ts.Stdout(), "%s\n%s\n", answer.Status, body)
	ts.Check(err)
	ts.Check(request.conn.Close())
}
