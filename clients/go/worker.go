// Package reeve is how a Go program tells reeve that it lives, how much it has done, and when it is
// ready; and how it gets its listening sockets and drains.
//
//	worker, err := reeve.Open(reeve.Options{})
//	listener, err := worker.Listen("web", "127.0.0.1:8000") // reeve's socket, or one of its own
//	server := &http.Server{Handler: worker.Handler(mux)}
//	err = worker.Serve(server, listener)                    // until it has drained
//
// Without reeve all of it works, and tells nobody.
package reeve

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Options of a worker.
type Options struct {
	// Alive is called before each beat, in a goroutine of its own: while it does not return, there
	// is no beat, and after the pool's timeout reeve takes the worker for hung. It should go through
	// whatever must work for the program to serve: take its locks, ask its pools. Nil: a beat means
	// that the scheduler runs and that the accept loops turn.
	Alive func()
	// Reopen is called when log files are to be opened anew. The access log is already.
	Reopen func()
}

// Socket is a listening socket that reeve holds for the pool.
type Socket struct {
	Name     string
	Listener net.Listener
}

// Drain is reeve's word to leave.
type Drain struct {
	// Within is how long the worker has, until SIGKILL.
	Within time.Duration
}

// Worker is this process, as reeve sees it. All methods may be called from any goroutine.
type Worker struct {
	options   Options
	heartbeat int
	control   *net.UnixConn
	process   uint32
	image     uint32
	monotonic uint64 // CLOCK_MONOTONIC at `opened`
	opened    time.Time
	slow      time.Duration
	access    *accessLog

	mutex     sync.Mutex // a beat is made, or what is below is looked at
	sequence  uint64
	state     uint32
	interval  time.Duration
	quota     uint64
	sockets   []Socket
	inherited bool
	welcomed  bool
	keep      bool
	turners   map[*turningListener]struct{}

	greeting sync.Once
	answered chan struct{} // closed once Welcome came, or cannot come any more
	drains   chan Drain
	draining atomic.Bool
	closed   chan struct{}
	closing  sync.Once
	requests requests
}

// Open reads the environment and takes over what is named there. It sends nothing yet.
func Open(options Options) (*Worker, error) {
	w := &Worker{
		options: options, heartbeat: takeHeartbeat(), control: takeControl(),
		process: uint32(os.Getpid()), image: newImage(), monotonic: monotonic(), opened: time.Now(),
		state:    stateStarting,
		interval: time.Duration(number("REEVE_BEAT_INTERVAL", 1<<31-1)) * time.Millisecond,
		quota:    number("REEVE_QUOTA", 1<<63-1),
		slow:     time.Duration(number("REEVE_SLOW_REQUEST", 1<<31-1)) * time.Millisecond,
		turners:  map[*turningListener]struct{}{},
		answered: make(chan struct{}), drains: make(chan Drain, 1), closed: make(chan struct{}),
	}
	if w.interval == 0 {
		w.interval = time.Second
	}
	w.access = openAccessLog()
	var err error
	if w.sockets, err = takeSockets(); err != nil {
		return nil, err
	}
	w.inherited = len(w.sockets) > 0
	if w.control != nil {
		go w.listenToReeve()
	} else {
		close(w.answered)
	}
	if w.heartbeat >= 0 {
		go w.beatAlways()
	}
	return w, nil
}

// Alone says that the process does not run under reeve.
func (w *Worker) Alone() bool { return w.heartbeat < 0 && w.control == nil }

// Close gives up pipe and channel; sockets stay open.
func (w *Worker) Close() {
	w.closing.Do(func() {
		close(w.closed)
		w.mutex.Lock()
		defer w.mutex.Unlock()
		if w.heartbeat >= 0 {
			syscall.Close(w.heartbeat)
			w.heartbeat = -1
		}
		if w.control != nil {
			w.control.Close()
		}
		w.access.close()
	})
}

// ErrNoSocket says that no socket came: neither from reeve nor by LISTEN_FDS.
var ErrNoSocket = errors.New("reeve: no listening socket of that name was passed")

// Sockets says Hello and waits, up to so long, for the listening sockets. Hello tells reeve that
// the program has booted so far that it can take them.
func (w *Worker) Sockets(timeout time.Duration) ([]Socket, error) {
	w.hello()
	if !w.inherited {
		select {
		case <-w.answered:
		case <-time.After(timeout):
			return nil, os.ErrDeadlineExceeded
		}
	}
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.sockets, nil
}

// Listen gives the socket of that name from reeve ("" = the first one), or, where the program runs
// alone, a new one at `address`.
func (w *Worker) Listen(name, address string) (net.Listener, error) {
	sockets, err := w.Sockets(10 * time.Second)
	if err != nil {
		return nil, err
	}
	for _, socket := range sockets {
		if name == "" || socket.Name == name {
			return w.turning(socket.Listener), nil
		}
	}
	if !w.Alone() || address == "" {
		return nil, ErrNoSocket
	}
	return net.Listen("tcp", address)
}

// Ready says that the worker serves: reeve may let the predecessor go.
func (w *Worker) Ready() {
	w.hello()
	// The beat first: who is ready has beaten, so that its silence is noticed from then on.
	w.enter(stateServing)
	w.send(message(typeReady))
}

// Draining says that no more connections are accepted.
func (w *Worker) Draining() {
	w.draining.Store(true)
	w.enter(stateDraining)
}

// Stopping says that from here on the silence of this process means nothing.
func (w *Worker) Stopping() { w.enter(stateStopping) }

// Drains is where reeve's word to drain comes, once; also when reeve itself is gone, unless the
// worker is to serve on then.
func (w *Worker) Drains() <-chan Drain { return w.drains }

func (w *Worker) enter(state uint32) {
	w.mutex.Lock()
	w.state = state
	w.mutex.Unlock()
	w.beat()
}

func (w *Worker) hello() {
	w.greeting.Do(func() {
		flags := uint32(helloDrains)
		if w.slow > 0 {
			flags |= helloSlow
		}
		w.send(message(typeHello, w.process, flags))
	})
}

// send gives up what does not go at once: each beat repeats the state.
func (w *Worker) send(data []byte) {
	if w.control == nil {
		return
	}
	if raw, err := w.control.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = syscall.Sendmsg(int(fd), data, nil, nil, syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL)
		})
	}
}

// listenToReeve reads the control channel until its end.
func (w *Worker) listenToReeve() {
	data := make([]byte, controlSizeMax)
	rights := make([]byte, syscall.CmsgSpace(4*socketsMax))
	for {
		size, rightsSize, _, _, err := w.control.ReadMsgUnix(data, rights)
		if err != nil || size == 0 {
			break
		}
		w.understand(data[:size], descriptorsIn(rights[:rightsSize]))
	}
	w.mutex.Lock()
	keep, welcomed := w.keep, w.welcomed
	w.mutex.Unlock()
	if !welcomed {
		close(w.answered)
	}
	if !keep {
		w.drain(Drain{drainAlone})
	}
}

func descriptorsIn(rights []byte) []int {
	messages, err := syscall.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	var all []int
	for i := range messages {
		if fds, err := syscall.ParseUnixRights(&messages[i]); err == nil {
			all = append(all, fds...)
		}
	}
	return all
}

func (w *Worker) understand(data []byte, descriptors []int) {
	for _, fd := range descriptors {
		syscall.CloseOnExec(fd)
	}
	kind, body := parse(data)
	switch kind {
	case typeWelcome:
		descriptors = w.onWelcome(body, descriptors)
	case typeDrain:
		if len(body) >= 4 {
			w.drain(Drain{time.Duration(binary.LittleEndian.Uint32(body)) * time.Millisecond})
		}
	case typeReopen:
		w.access.reopen()
		if w.options.Reopen != nil {
			w.options.Reopen()
		}
	}
	for _, fd := range descriptors {
		syscall.Close(fd)
	}
}

// onWelcome gives back the descriptors that it did not take.
func (w *Worker) onWelcome(body []byte, descriptors []int) []int {
	said, names, ok := parseWelcome(body, len(descriptors))
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if !ok || w.welcomed {
		return descriptors
	}
	w.welcomed = true
	w.keep = said.Flags&welcomeOrphansKeep != 0
	if said.BeatIntervalMs != 0 {
		w.interval = time.Duration(said.BeatIntervalMs) * time.Millisecond
	}
	if said.Quota != 0 {
		w.quota = said.Quota
	}
	if len(w.sockets) == 0 {
		for i, fd := range descriptors {
			if listener, err := listenerOf(fd, names[i]); err == nil {
				w.sockets = append(w.sockets, Socket{names[i], listener})
			}
		}
		descriptors = nil
	}
	close(w.answered)
	return descriptors
}

func (w *Worker) drain(order Drain) {
	select {
	case w.drains <- order:
	default:
	}
}

// newImage names this program image: reeve tells by it that the same pid became another program.
func newImage() uint32 {
	var bytes [4]byte
	_, _ = rand.Read(bytes[:])
	if image := binary.LittleEndian.Uint32(bytes[:]); image != 0 {
		return image
	}
	return 1
}

// monotonic is CLOCK_MONOTONIC in nanoseconds, which package time has but does not show.
func monotonic() uint64 {
	const clockMonotonic = 1
	var now syscall.Timespec
	_, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic,
		uintptr(unsafe.Pointer(&now)), 0)
	if errno != 0 {
		return 0
	}
	return uint64(now.Nano())
}
