// Beats: one packet each interval, but only while what serves goes on.

package reeve

import (
	"errors"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"
)

// turningListener notes that its accept loop comes back, which it makes it do twice an interval.
type turningListener struct {
	net.Listener
	deadline interface{ SetDeadline(time.Time) error }
	worker   *Worker
	turned   atomic.Int64 // nanoseconds since the worker was opened
}

// turning wraps a listener that can be made to return; any other one is given back as it is.
func (w *Worker) turning(listener net.Listener) net.Listener {
	deadline, ok := listener.(interface{ SetDeadline(time.Time) error })
	if !ok {
		return listener
	}
	return &turningListener{Listener: listener, deadline: deadline, worker: w}
}

// Accept waits as ever. The loop counts as one that has to turn from its first call on.
func (l *turningListener) Accept() (net.Conn, error) {
	w := l.worker
	for {
		l.turned.Store(int64(time.Since(w.opened)))
		w.mutex.Lock()
		w.turners[l] = struct{}{}
		pause := w.interval / 2
		w.mutex.Unlock()
		if err := l.deadline.SetDeadline(time.Now().Add(pause)); err != nil {
			l.forget()
			return nil, err
		}
		connection, err := l.Listener.Accept()
		if err == nil {
			w.requests.connected()
			return connection, nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			l.forget()
			return nil, err
		}
	}
}

func (l *turningListener) forget() {
	l.worker.mutex.Lock()
	defer l.worker.mutex.Unlock()
	delete(l.worker.turners, l)
}

// Close closes this process's copy; others hold the same socket.
func (l *turningListener) Close() error {
	l.forget()
	return l.Listener.Close()
}

// loopsTurn says whether every accept loop came back lately.
func (w *Worker) loopsTurn() bool {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	now := int64(time.Since(w.opened))
	for l := range w.turners {
		if now-l.turned.Load() > int64(w.interval) {
			return false
		}
	}
	return true
}

// beatAlways beats each interval, from the first state that is told on.
func (w *Worker) beatAlways() {
	for {
		w.mutex.Lock()
		interval, begun := w.interval, w.sequence > 0
		w.mutex.Unlock()
		select {
		case <-w.closed:
			return
		case <-time.After(interval):
		}
		if !begun || !w.loopsTurn() || !w.alive() {
			continue
		}
		for _, each := range w.overdue() {
			w.tellSlow(each, time.Since(each.start))
		}
		w.beat()
	}
}

// alive waits for the program's own word, for ever if it has to: no word, no beat.
func (w *Worker) alive() bool {
	if w.options.Alive == nil {
		return true
	}
	done := make(chan struct{})
	go func() {
		w.options.Alive()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-w.closed:
		return false
	}
}

func (w *Worker) overdue() []*flight {
	if w.slow == 0 {
		return nil
	}
	return w.requests.overdue(w.slow)
}

func (w *Worker) tellSlow(slow *flight, took time.Duration) {
	w.send(slowMessage(w.process, took, slow.method+" "+slow.target))
}

// beat writes one packet. One that finds the pipe full is dropped; the next makes up for it.
func (w *Worker) beat() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if w.heartbeat < 0 {
		return
	}
	now := time.Now()
	w.sequence++
	packet := beatPacket{
		Magic: beatMagic, Version: protocolVersion, Process: w.process, Image: w.image,
		Sequence: w.sequence, State: w.state, SentNs: w.monotonic + uint64(now.Sub(w.opened)),
	}
	w.requests.fill(&packet, now)
	packet.Size = uint16(len(encode(packet)))
	_, _ = syscall.Write(w.heartbeat, encode(packet))
}
