package syslogsink

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keloa/apitokens/auditsink/internal/remote/remotetest"
)

// rsyslog is a real rsyslogd on this machine.
type rsyslog struct {
	scheme, addr string
	folder       string // of what it writes: messages and headers
	id           *remotetest.Identity
	barriers     atomic.Int64
}

// What is the same whatever the protocol. The text of each message goes to one
// file, and what is before it to another.
const common = `
global(workDirectory="%[1]s" maxMessageSize="128k" net.enableDNS="off" defaultNetstreamDriverCAFile="%[3]s"
       defaultNetstreamDriverCertFile="%[3]s" defaultNetstreamDriverKeyFile="%[4]s")
template(name="message" type="string" string="%%msg%%\n")
template(name="header" type="string" string="%%pri%% %%protocol-version%% %%timestamp:::date-rfc3339%% %%app-name%% %%procid%% %%msgid%% %%structured-data%%\n")
action(type="omfile" file="%[1]s/messages" template="message")
action(type="omfile" file="%[1]s/headers" template="header")
`

var inputs = map[string]string{
	TCPScheme: `module(load="imtcp" maxSessions="1000")` + listenTCP,
	TLSScheme: `module(load="imtcp" maxSessions="1000" streamDriver.name="gtls" streamDriver.mode="1" streamDriver.authMode="x509/certvalid")` + listenTCP,
	UDPScheme: `module(load="imudp") input(type="imudp" address="127.0.0.1" port="%[2]d")`,
}

const listenTCP = ` input(type="imtcp" address="127.0.0.1" port="0" listenPortFileName="%[1]s/port")`

// newRsyslog starts a server, which lives as long as the test.
func newRsyslog(t testing.TB, scheme string) *rsyslog {
	t.Helper()
	program, err := exec.LookPath("rsyslogd")
	if err != nil {
		program = "/usr/sbin/rsyslogd" // which is not in everybody's path
	}
	s := &rsyslog{scheme: scheme, folder: t.TempDir(), id: remotetest.NewIdentity(t, "syslog")}
	port := freePort(t)
	s.write(t, "conf", fmt.Sprintf(inputs[scheme]+common, s.folder, port, s.id.CertFile, s.id.KeyFile))
	cmd := exec.Command(program, "-n", "-C", "-f", s.path("conf"), "-i", s.path("pid"))
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatalf("start a syslog server: %v (.ci/install installs rsyslog and rsyslog-gnutls)", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // it was killed
	})
	s.addr = fmt.Sprintf("127.0.0.1:%d", port)
	if scheme != UDPScheme {
		await(t, func() bool { return s.read(t, "port") != "" })
		s.addr = "127.0.0.1:" + strings.TrimSpace(s.read(t, "port"))
	}
	s.lines(t, "messages") // it answers
	return s
}

// freePort returns a port of UDP that was free just now.
func freePort(t testing.TB) int {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := conn.LocalAddr().(*net.UDPAddr).Port
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	return port
}

func (s *rsyslog) path(name string) string { return filepath.Join(s.folder, name) }

func (s *rsyslog) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s *rsyslog) read(t testing.TB, name string) string {
	t.Helper()
	data, err := os.ReadFile(s.path(name))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(data)
}

// lines returns what the server has written to a file of what it had received
// when lines was called: it works in order, so a message is sent after it, and
// again where it is lost.
func (s *rsyslog) lines(t testing.TB, name string) []string {
	t.Helper()
	barrier := fmt.Sprintf("barrier-%d", s.barriers.Add(1))
	var text string
	var sent time.Time
	await(t, func() bool {
		if time.Since(sent) > 50*time.Millisecond {
			s.send(fmt.Sprintf("<110>1 - - barrier - - [%s] %s", barrier, barrier))
			sent = time.Now()
		}
		text = s.read(t, name)
		return strings.Contains(text, barrier+"\n") || strings.Contains(text, barrier+"]\n")
	})
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "barrier") {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// send sends a message that may be lost, as where the server does not listen
// yet.
func (s *rsyslog) send(message string) {
	var conn net.Conn
	var err error
	switch s.scheme {
	case UDPScheme:
		conn, err = net.Dial("udp", s.addr)
	case TCPScheme:
		conn, err = net.Dial("tcp", s.addr)
	default:
		conn, err = tls.Dial("tcp", s.addr, &tls.Config{RootCAs: s.id.Pool(), Certificates: []tls.Certificate{s.id.Certificate}, MinVersion: tls.VersionTLS12})
	}
	if err != nil {
		return
	}
	defer conn.Close()
	if s.scheme != UDPScheme {
		message = fmt.Sprintf("%d %s", len(message), message)
	}
	_, _ = conn.Write([]byte(message))
}

func await(t testing.TB, condition func() bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatal("waited in vain")
		case <-tick.C:
		}
	}
}
