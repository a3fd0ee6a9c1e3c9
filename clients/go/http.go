// net/http: what counts requests, and what serves and drains without losing one.

package reeve

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// drainAlone is how long a drain may take when nobody told.
const drainAlone = 10 * time.Second

// Handler counts and times the requests of a handler, logs them, tells reeve of the slow ones, and
// asks clients to close while the worker drains. A request failed when its status is 500 or above
// or its handler panics.
func (w *Worker) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(writer http.ResponseWriter, r *http.Request) {
		answer := &response{ResponseWriter: writer, worker: w}
		begun := w.requests.begin(r.Method, r.RequestURI)
		finished := false
		defer func() { w.finish(r, begun, answer, !finished) }()
		next.ServeHTTP(answer, r)
		finished = true
		if answer.status == 0 {
			answer.WriteHeader(http.StatusOK)
		}
	})
}

// finish counts a request whose handler has returned, or panicked.
func (w *Worker) finish(r *http.Request, begun *flight, answer *response, panicked bool) {
	if panicked && answer.status == 0 {
		answer.status = http.StatusInternalServerError
	}
	took, count := w.requests.end(begun, panicked || answer.status >= 500)
	if w.slow > 0 && took >= w.slow && w.requests.tell(begun) {
		w.tellSlow(begun, took)
	}
	w.access.write(r, answer.status, answer.bytes, took)
	w.mutex.Lock()
	due := w.quota != 0 && count == w.quota
	w.mutex.Unlock()
	if due {
		w.beat()
	}
}

// response sees status and size go by.
type response struct {
	http.ResponseWriter
	worker *Worker
	status int
	bytes  int64
}

func (r *response) WriteHeader(status int) {
	if r.status == 0 && status >= 200 || status == http.StatusSwitchingProtocols {
		r.status = status
		if r.worker.draining.Load() && status != http.StatusSwitchingProtocols {
			r.Header().Set("Connection", "close")
		}
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *response) begin() {
	if r.status == 0 {
		r.WriteHeader(http.StatusOK)
	}
}

func (r *response) Write(data []byte) (int, error) {
	r.begin()
	size, err := r.ResponseWriter.Write(data)
	r.bytes += int64(size)
	return size, err
}

// ReadFrom lets a file be sent by the kernel.
func (r *response) ReadFrom(from io.Reader) (int64, error) {
	r.begin()
	size, err := io.Copy(r.ResponseWriter, from)
	r.bytes += size
	return size, err
}

func (r *response) Flush() {
	r.begin()
	if flusher, ok := r.ResponseWriter.(http.Flusher); ok {
		flusher.Flush()
	}
}

func (r *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	hijacker, ok := r.ResponseWriter.(http.Hijacker)
	if !ok {
		return nil, nil, errors.New("reeve: this connection cannot be taken over")
	}
	if r.status == 0 {
		r.status = http.StatusSwitchingProtocols
	}
	return hijacker.Hijack()
}

// Unwrap is what http.ResponseController looks for.
func (r *response) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Serve serves until reeve, TERM or INT asks the worker to leave, and then drains: it closes the
// listening sockets, answers what is in flight and the next request of each open connection with
// `Connection: close`, and closes idle connections only shortly before the time is up, since a
// client may be sending on one at that very moment. A second signal hurries the first. The server's
// handler is that of Handler; its ConnState is called as ever.
func (w *Worker) Serve(server *http.Server, listeners ...net.Listener) error {
	var open atomic.Int64
	changed := make(chan struct{}, 1)
	then := server.ConnState
	server.ConnState = func(connection net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed, http.StateHijacked:
			open.Add(-1)
			select {
			case changed <- struct{}{}:
			default:
			}
		case http.StateActive, http.StateIdle:
		}
		if then != nil {
			then(connection, state)
		}
	}
	failed := make(chan error, len(listeners))
	for _, listener := range listeners {
		go func(listener net.Listener) { failed <- server.Serve(listener) }(listener)
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	w.Ready()
	defer w.Stopping()

	order := Drain{drainAlone}
	select {
	case order = <-w.drains:
	case <-signals:
	case err := <-failed:
		return err
	}
	w.Draining()
	for _, listener := range listeners {
		listener.Close()
	}
	margin := order.Within / 10
	if margin > time.Second {
		margin = time.Second
	}
	until := time.After(order.Within - margin)
	for waiting := true; waiting && open.Load() > 0; {
		select {
		case <-changed:
		case <-until:
			waiting = false
		case <-signals:
			waiting = false
		}
	}
	left, cancel := context.WithTimeout(context.Background(), margin)
	defer cancel()
	if err := server.Shutdown(left); err != nil {
		return server.Close()
	}
	return nil
}
