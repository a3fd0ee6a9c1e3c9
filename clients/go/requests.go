// Counting requests: in flight, latencies, the oldest, and those that take too long.

package reeve

import (
	"container/list"
	"sync"
	"time"
)

// flight is one request that began and has not ended.
type flight struct {
	start  time.Time
	method string
	target string
	told   bool
	place  *list.Element
}

// requests are the counters of one process. The zero value is ready.
type requests struct {
	mutex       sync.Mutex
	flights     list.List // the oldest first
	ended       uint64
	errors      uint64
	connections uint64
	latencySum  time.Duration
	latencies   [len(latencyBounds)]uint64
}

func (r *requests) begin(method, target string) *flight {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	// Under the lock, so that the list is in the order of time.
	begun := &flight{start: time.Now(), method: method, target: target}
	begun.place = r.flights.PushBack(begun)
	return begun
}

// end counts the request and says how many have ended by now.
func (r *requests) end(ended *flight, failed bool) (took time.Duration, count uint64) {
	took = time.Since(ended.start)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.flights.Remove(ended.place)
	r.ended++
	r.latencySum += took
	if failed {
		r.errors++
	}
	for i, bound := range latencyBounds {
		if took <= bound {
			r.latencies[i]++
			break
		}
	}
	return took, r.ended
}

func (r *requests) connected() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.connections++
}

// tell marks a request as told, once.
func (r *requests) tell(slow *flight) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	first := !slow.told
	slow.told = true
	return first
}

// overdue gives those in flight for at least so long that were not told yet.
func (r *requests) overdue(limit time.Duration) []*flight {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	var found []*flight
	for each := r.flights.Front(); each != nil; each = each.Next() {
		one := each.Value.(*flight)
		if time.Since(one.start) < limit {
			break
		}
		if !one.told {
			one.told = true
			found = append(found, one)
		}
	}
	return found
}

// fill puts the counters into a beat; `now` is the beat's own time.
func (r *requests) fill(beat *beatPacket, now time.Time) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	beat.InFlight = uint32(r.flights.Len())
	if oldest := r.flights.Front(); oldest != nil {
		age := now.Sub(oldest.Value.(*flight).start)
		if age < 0 {
			age = 0
		}
		beat.OldestNs = beat.SentNs - uint64(age)
	}
	beat.Requests = r.ended
	beat.Connections = r.connections
	beat.Errors = r.errors
	beat.LatencySumNs = uint64(r.latencySum)
	beat.LatencyCounts = r.latencies
}
