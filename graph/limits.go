package graph

import (
	"fmt"
	"net/http"
	"time"
)

// The limits of one request, all of them. What they let through is cheap to
// parse, to validate and to execute; whatever a real client sends is far below,
// the introspection query of GraphiQL, which is the largest, included.
const (
	// maxBody bounds what is read: the largest legitimate request, a mint
	// with a long reason, has 3 KiB.
	maxBody = 64 << 10
	// maxTokens bounds parsing, and with it everything that is linear or
	// quadratic in the size of a document. GraphiQL's introspection has 250.
	maxTokens = 1000
	// maxDepth is how deep selections nest, fragments included.
	// GraphiQL's introspection has 15, data at most 5.
	maxDepth = 16
	// maxRootFields bounds database queries: a root field makes at most three,
	// and for its tokens two more for what they were used for, three for
	// advice, two for what they are rotated from and to; each alias of usage
	// one. Tokens in a chain may have the same again, as deep as it is read.
	maxRootFields = 10
	// maxAliases bounds how often one field is asked for under other names.
	maxAliases = 50
	// maxRepeats is how often one selection set names the same answer key;
	// validation compares all those fields with each other.
	maxRepeats = 10
	// maxFields is how many fields an operation has once fragments are put
	// in place, which ends documents that grow exponentially.
	maxFields = 1000
	// maxCost is how many values an answer may have, counted by page sizes:
	// ten full pages with every field asked for twice.
	maxCost = 50_000
	// maxList is how many items a list in the input may have; each may become
	// a condition of a database query.
	maxList = 100
	// maxErrors is how many errors are answered; more help nobody.
	maxErrors = 10
	// maxDuration is how long an operation may take, waiting for the
	// database included.
	maxDuration = 10 * time.Second
	// MaxWrite is how long a client may take to read an answer, beyond what
	// the operating system's buffers hold, which is more than most answers.
	MaxWrite = 2 * time.Second
	// maxCached and maxCachedQuery bound the documents that are kept parsed.
	// A parsed token takes about 80 bytes, so that 256 documents of at most
	// maxTokens and 8 KiB take at most 25 MB.
	maxCached      = 256
	maxCachedQuery = 8 << 10
)

// The limits of what stays open: WebSockets, and streams of events. A subscription
// holds no queue of its own: those that follow the audit log share one, and a
// token that is used again before its first event was taken waits once.
const (
	// maxStreams is how many sockets and streams there are in all. An idle
	// one takes about 40 KB.
	maxStreams = 4096
	// maxStreamsEach is how many of them one token or operator has.
	maxStreamsEach = 64
	// maxUnknown is how many sockets have not said yet who they are.
	maxUnknown = 256
	// maxOperations is how many operations are under way on one socket.
	maxOperations = 64
	// maxFrame is how long a message may be: a request and what is around it.
	maxFrame = maxBody + 1<<10
	// maxOperationID is how long an id may be that a client gives an operation.
	maxOperationID = 128
)

// patience is how long is waited for clients.
type patience struct {
	init  time.Duration // for a socket to say who it is
	ping  time.Duration // between signs of life that are sent
	pong  time.Duration // for a sign of life to be answered
	write time.Duration // for one message or event to be taken
}

var defaultPatience = patience{init: 10 * time.Second, ping: 30 * time.Second, pong: 10 * time.Second, write: MaxWrite}

func tooComplex(format string, args ...any) *Problem {
	return &Problem{Code: CodeQueryTooComplex, Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

// errTooSlow is the cause of a context whose operation ran out of time.
var errTooSlow = &Problem{
	Code:    CodeQueryTooComplex,
	Status:  http.StatusServiceUnavailable,
	Message: fmt.Sprintf("the operation took longer than %s and was stopped", maxDuration),
}
