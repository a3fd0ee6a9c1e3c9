// A worker against the other ends of its pipe and its channel, held by the test.

package reeve

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const patience = 20 * time.Second

// supervisor is reeve's side of one worker.
type supervisor struct {
	*testing.T
	beats   *os.File
	control int
}

// supervise sets the environment of a worker that is opened next.
func supervise(t *testing.T, variables map[string]string) *supervisor {
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_DIRECT|syscall.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	channel, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("REEVE_HEARTBEAT_FD", fmt.Sprint(pipe[1]))
	t.Setenv("REEVE_CONTROL_FD", fmt.Sprint(channel[1]))
	t.Setenv("REEVE_BEAT_INTERVAL", "20")
	t.Setenv("REEVE_POOL", "web")
	for name, value := range variables {
		t.Setenv(name, value)
	}
	s := &supervisor{T: t, beats: os.NewFile(uintptr(pipe[0]), "beats"), control: channel[0]}
	t.Cleanup(func() {
		s.beats.Close()
		syscall.Close(s.control)
	})
	return s
}

func (s *supervisor) open(options Options) *Worker {
	w, err := Open(options)
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(w.Close)
	return w
}

// message waits for the next message of the worker.
func (s *supervisor) message() (uint16, []byte) {
	data := make([]byte, controlSizeMax)
	timeout := syscall.Timeval{Sec: int64(patience / time.Second)}
	_ = syscall.SetsockoptTimeval(s.control, syscall.SOL_SOCKET, syscall.SO_RCVTIMEO, &timeout)
	size, err := syscall.Read(s.control, data)
	if err != nil {
		s.Fatal(err)
	}
	kind, body := parse(data[:size])
	return kind, body
}

func (s *supervisor) expect(kind uint16) []byte {
	s.Helper()
	found, body := s.message()
	if found != kind {
		s.Fatalf("message %d instead of %d", found, kind)
	}
	return body
}

func (s *supervisor) say(data []byte, descriptors ...int) {
	rights := syscall.UnixRights(descriptors...)
	if err := syscall.Sendmsg(s.control, data, rights, nil, 0); err != nil {
		s.Fatal(err)
	}
}

// welcome gives the worker a listening socket and says where it is.
func (s *supervisor) welcome(quota uint64) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.Fatal(err)
	}
	defer listener.Close()
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		s.Fatal(err)
	}
	defer file.Close()
	s.say(message(typeWelcome, welcome{BeatIntervalMs: 20, Sockets: 1, NamesSize: 4, Quota: quota},
		[]byte("web\x00")), int(file.Fd()))
	return listener.Addr().String()
}

// beat waits for the next beat that satisfies `wanted`.
func (s *supervisor) beat(wanted func(beatPacket) bool) beatPacket {
	s.Helper()
	data := make([]byte, 256)
	_ = s.beats.SetReadDeadline(time.Now().Add(patience))
	for {
		size, err := s.beats.Read(data)
		if err != nil {
			s.Fatal(err)
		}
		var packet beatPacket
		if size != 200 || binary.Read(bytes.NewReader(data), binary.LittleEndian, &packet) != nil {
			s.Fatalf("a beat of %d bytes", size)
		}
		if packet.Magic != beatMagic || packet.Version != 1 || packet.Size != 200 {
			s.Fatalf("no beat: %+v", packet)
		}
		if wanted(packet) {
			return packet
		}
	}
}

// serve runs a worker over HTTP; the channel gives what Serve returned.
func (s *supervisor) serve(w *Worker, mux http.Handler, quota uint64) (string, chan error) {
	done := make(chan error, 1)
	address := s.welcome(quota)
	listener, err := w.Listen("web", "")
	if err != nil {
		s.Fatal(err)
	}
	go func() { done <- w.Serve(&http.Server{Handler: w.Handler(mux)}, listener) }()
	s.expect(typeHello)
	s.expect(typeReady)
	return address, done
}

func ask(t *testing.T, connection net.Conn, target string) *http.Response {
	t.Helper()
	_ = connection.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: x\r\nUser-Agent: a\"b\r\n\r\n", target)
	answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	return answer
}

func dial(t *testing.T, address string) net.Conn {
	connection, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection
}

// Requests would be miscounted, a quota be passed unseen, or the metrics lie.
func TestRequestsAreCounted(t *testing.T) {
	s := supervise(t, nil)
	w := s.open(Options{})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "ok") })
	mux.HandleFunc("/error", func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "no", http.StatusBadGateway)
	})
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	address, _ := s.serve(w, mux, 12)
	connection := dial(t, address)
	for i := 0; i < 10; i++ {
		ask(t, connection, "/")
	}
	ask(t, connection, "/error")
	fmt.Fprint(connection, "GET /panic HTTP/1.1\r\nHost: x\r\n\r\n")
	beat := s.beat(func(b beatPacket) bool { return b.Requests >= 12 })
	if beat.Requests != 12 || beat.Errors != 2 || beat.Connections != 1 || beat.InFlight != 0 ||
		beat.OldestNs != 0 || beat.State != stateServing || beat.Process != uint32(os.Getpid()) {
		t.Errorf("beat: %+v", beat)
	}
	var sum uint64
	for _, count := range beat.LatencyCounts {
		sum += count
	}
	if sum != 12 || beat.LatencySumNs == 0 {
		t.Errorf("latencies: %+v", beat)
	}
	if now := monotonic(); beat.SentNs > now || now-beat.SentNs > uint64(patience) {
		t.Errorf("sent at %d, now %d", beat.SentNs, now)
	}
}

// A long request would be seen by nobody, or be told twice, or without its name.
func TestSlowRequestsAreTold(t *testing.T) {
	s := supervise(t, map[string]string{"REEVE_SLOW_REQUEST": "30"})
	w := s.open(Options{})
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/slow", func(http.ResponseWriter, *http.Request) { <-release })
	address, _ := s.serve(w, mux, 0)
	connection := dial(t, address)
	ask(t, connection, "/")
	fmt.Fprint(connection, "GET /slow?x=1 HTTP/1.1\r\nHost: x\r\n\r\n")
	body := s.expect(typeSlow)
	if text := string(body[20:]); text != "GET /slow?x=1" {
		t.Errorf("told: %q", text)
	}
	if took := time.Duration(binary.LittleEndian.Uint64(body[4:])); took < 30*time.Millisecond {
		t.Errorf("took %v", took)
	}
	beat := s.beat(func(b beatPacket) bool { return b.InFlight == 1 })
	if beat.OldestNs == 0 || beat.OldestNs >= beat.SentNs {
		t.Errorf("oldest: %+v", beat)
	}
	close(release)
	s.beat(func(b beatPacket) bool { return b.Requests == 2 })
	data := make([]byte, 100)
	if size, _, _ := syscall.Recvfrom(s.control, data, syscall.MSG_DONTWAIT); size > 0 {
		t.Errorf("told again: %q", data[:size])
	}
}

// A drain would cut a request, or close a connection on which a client is about to send.
func TestDrainLosesNothing(t *testing.T) {
	s := supervise(t, nil)
	w := s.open(Options{})
	begun, release := make(chan struct{}), make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/long", func(http.ResponseWriter, *http.Request) {
		close(begun)
		<-release
	})
	address, done := s.serve(w, mux, 0)
	idle, busy := dial(t, address), dial(t, address)
	if answer := ask(t, idle, "/"); answer.Close {
		t.Error("closed before the drain")
	}
	fmt.Fprint(busy, "GET /long HTTP/1.1\r\nHost: x\r\n\r\n")
	<-begun
	s.say(message(typeDrain, uint32(60000)))
	s.beat(func(b beatPacket) bool { return b.State == stateDraining })
	if answer := ask(t, idle, "/"); answer.StatusCode != 200 || !answer.Close {
		t.Errorf("the next request on an open connection: %+v", answer)
	}
	close(release)
	answer, err := http.ReadResponse(bufio.NewReader(busy), nil)
	if err != nil || answer.StatusCode != 200 || !answer.Close {
		t.Errorf("what was in flight: %+v, %v", answer, err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("never drained")
	}
	s.beat(func(b beatPacket) bool { return b.State == stateStopping && b.Requests == 3 })
}

// A worker that is silent on idle connections would be killed at the end of its time.
func TestDrainClosesIdleConnectionsInTime(t *testing.T) {
	s := supervise(t, nil)
	address, done := s.serve(s.open(Options{}), http.NotFoundHandler(), 0)
	ask(t, dial(t, address), "/")
	s.say(message(typeDrain, uint32(300)))
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(patience):
		t.Fatal("never drained")
	}
}

// A program that stands still would go on to beat.
func TestNoBeatWithoutLife(t *testing.T) {
	s := supervise(t, nil)
	var lock sync.Mutex
	asked := make(chan struct{}, 1000)
	w := s.open(Options{Alive: func() {
		select {
		case asked <- struct{}{}:
		default:
		}
		lock.Lock()
		defer lock.Unlock()
	}})
	s.serve(w, http.NotFoundHandler(), 0)
	s.beat(func(b beatPacket) bool { return b.Sequence > 3 })
	lock.Lock()
	for len(asked) > 0 {
		<-asked
	}
	<-asked // it waits for the lock from here on, at the latest at the next one
	data := make([]byte, 256)
	for size := 1; size > 0; {
		_ = s.beats.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		size, _ = s.beats.Read(data)
	}
	lock.Unlock()
	s.beat(func(beatPacket) bool { return true })
}

// A loop that never comes back to accept would go on to beat.
func TestNoBeatWithoutTurningLoops(t *testing.T) {
	s := supervise(t, nil)
	w := s.open(Options{})
	address := s.welcome(0)
	listener, err := w.Listen("", "")
	if err != nil {
		t.Fatal(err)
	}
	go listener.Accept()
	w.Ready()
	s.beat(func(b beatPacket) bool { return b.Sequence > 3 })
	dial(t, address) // takes the accept out of its loop, which does not go on
	data := make([]byte, 256)
	for size := 1; size > 0; {
		_ = s.beats.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		size, _ = s.beats.Read(data)
	}
	listener.Close()
	s.beat(func(beatPacket) bool { return true })
}

// Nonsense from the channel would be acted on, or keep descriptors open.
func TestGarbageIsSkipped(t *testing.T) {
	s := supervise(t, nil)
	w := s.open(Options{})
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_NONBLOCK); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(pipe[0])
	s.say([]byte("x"), pipe[1])
	s.say(bytes.Repeat([]byte("x"), 5000), pipe[1])
	s.say(message(typeWelcome, welcome{Sockets: 2, NamesSize: 4}, []byte("web\x00")), pipe[1])
	s.say(message(typeWelcome, welcome{Sockets: 1, NamesSize: 4000}, []byte("web\x00")), pipe[1])
	s.say(message(typeDrain))
	s.say(message(999))
	syscall.Close(pipe[1])
	s.welcome(0)
	if _, err := w.Listen("web", ""); err != nil {
		t.Error(err)
	}
	if _, err := syscall.Read(pipe[0], make([]byte, 1)); err != nil {
		t.Errorf("a descriptor is open still: %v", err)
	}
	select {
	case order := <-w.Drains():
		t.Errorf("drains: %v", order)
	default:
	}
}

// Workers would stay behind when reeve is gone, or leave where they are to stay.
func TestReeveIsGone(t *testing.T) {
	for _, keep := range []bool{false, true} {
		s := supervise(t, nil)
		w := s.open(Options{})
		said := welcome{}
		if keep {
			said.Flags = welcomeOrphansKeep
		}
		s.say(message(typeWelcome, said))
		<-w.answered
		syscall.Shutdown(s.control, syscall.SHUT_RDWR)
		select {
		case <-w.Drains():
			if keep {
				t.Error("leaves")
			}
		case <-time.After(map[bool]time.Duration{true: 100 * time.Millisecond, false: patience}[keep]):
			if !keep {
				t.Error("stays")
			}
		}
	}
}

// No log analyser would read the access log, or a client could forge its lines; after a rotation
// lines would go into the file that was moved away.
func TestAccessLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "access.log")
	for _, format := range []string{"combined", "json"} {
		s := supervise(t, map[string]string{"REEVE_ACCESS_LOG": path,
			"REEVE_ACCESS_LOG_FORMAT": format, "REEVE_SLOT": "3"})
		told := make(chan struct{})
		w := s.open(Options{Reopen: func() { close(told) }})
		address, _ := s.serve(w, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			fmt.Fprint(w, "four")
		}), 0)
		connection := dial(t, address)
		ask(t, connection, "/a%20b?c=d")
		s.beat(func(b beatPacket) bool { return b.Requests == 1 })
		line, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if format == "combined" {
			wanted := regexp.MustCompile(`^127\.0\.0\.1 - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] ` +
				`"GET /a%20b\?c=d HTTP/1\.1" 201 4 "-" "a\\"b"\n$`)
			if !wanted.Match(line) {
				t.Errorf("line: %q", line)
			}
		} else {
			var found map[string]any
			if err := json.Unmarshal(line, &found); err != nil {
				t.Fatal(err)
			}
			if found["status"] != 201.0 || found["bytes"] != 4.0 || found["slot"] != 3.0 ||
				found["user_agent"] != `a"b` || found["referer"] != nil || found["pool"] != "web" {
				t.Errorf("line: %q", line)
			}
		}
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
		s.say(message(typeReopen))
		<-told
		ask(t, connection, "/after")
		s.beat(func(b beatPacket) bool { return b.Requests == 2 })
		if line, _ := os.ReadFile(path); strings.Count(string(line), "/after") != 1 {
			t.Errorf("after the rotation: %q", line)
		}
		os.Remove(path)
	}
	if found := escape("\n\"\x7f\xff\\"+strings.Repeat("x", 100), 20, `\x`); found !=
		`\x0a\"\x7f\xff\\xxxx` {
		t.Errorf("escaped: %q", found)
	}
}

// A program that is started by hand would not work.
func TestAlone(t *testing.T) {
	w, err := Open(Options{})
	if err != nil || !w.Alone() {
		t.Fatal(err)
	}
	listener, err := w.Listen("web", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Listen("web", ""); err != ErrNoSocket {
		t.Error(err)
	}
	done := make(chan error, 1)
	go func() { done <- w.Serve(&http.Server{Handler: w.Handler(http.NotFoundHandler())}, listener) }()
	connection := dial(t, listener.Addr().String())
	if answer := ask(t, connection, "/"); answer.StatusCode != 404 {
		t.Errorf("%+v", answer)
	}
	connection.Close()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func BenchmarkRequest(b *testing.B) {
	w := &Worker{heartbeat: -1}
	b.RunParallel(func(each *testing.PB) {
		for each.Next() {
			w.requests.end(w.requests.begin("GET", "/"), false)
		}
	})
}
