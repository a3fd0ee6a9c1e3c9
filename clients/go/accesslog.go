// The access log: a line for each request, written at once, so that lines of several never mix.

package reeve

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What each part of a line may take at most, escaped: together less than 4 KiB.
const (
	methodMax  = 32
	targetMax  = 1900
	headerMax  = 800
	addressMax = 64
)

type accessLog struct {
	mutex sync.RWMutex // for writing: the file changes
	file  *os.File
	path  string // "" = stdout
	json  bool
	pool  string
	slot  uint64
}

// openAccessLog gives nil where none is wanted; one that cannot be opened is no reason not to
// serve.
func openAccessLog() *accessLog {
	place := os.Getenv("REEVE_ACCESS_LOG")
	log := &accessLog{
		json: os.Getenv("REEVE_ACCESS_LOG_FORMAT") == "json",
		pool: os.Getenv("REEVE_POOL"), slot: number("REEVE_SLOT", 1<<32-1),
	}
	switch {
	case place == "-":
		log.file = os.Stdout
	case strings.HasPrefix(place, "/"):
		log.path = place
		log.reopen()
	default:
		return nil
	}
	return log
}

func (l *accessLog) reopen() {
	if l == nil || l.path == "" {
		return
	}
	fresh, err := os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.file != nil {
		l.file.Close()
	}
	l.file = fresh
}

func (l *accessLog) close() {
	if l == nil || l.path == "" {
		return
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}

func (l *accessLog) write(request *http.Request, status int, bytes int64, took time.Duration) {
	if l == nil {
		return
	}
	line := l.combined(request, status, bytes, time.Now())
	if l.json {
		line = l.object(request, status, bytes, took, time.Now())
	}
	l.mutex.RLock()
	defer l.mutex.RUnlock()
	if l.file != nil {
		_, _ = l.file.WriteString(line) // a full disk costs lines, not the service
	}
}

func (l *accessLog) combined(r *http.Request, status int, bytes int64, now time.Time) string {
	return fmt.Sprintf("%s - - [%s] \"%s %s %s\" %03d %d \"%s\" \"%s\"\n",
		orDash(remoteOf(r), addressMax), now.UTC().Format("02/Jan/2006:15:04:05 +0000"),
		orDash(r.Method, methodMax), orDash(r.RequestURI, targetMax), orDash(r.Proto, 16),
		status, bytes, orDash(r.Referer(), headerMax), orDash(r.UserAgent(), headerMax))
}

func (l *accessLog) object(r *http.Request, status int, bytes int64, took time.Duration,
	now time.Time) string {
	return fmt.Sprintf(`{"time":"%s","remote":%s,"method":%s,"target":%s,"protocol":%s,`+
		`"status":%d,"bytes":%d,"seconds":%s,"referer":%s,"user_agent":%s,"pid":%d,"pool":%s,`+
		`"slot":%d}`+"\n",
		now.UTC().Format("2006-01-02T15:04:05.000Z"), orNull(remoteOf(r), addressMax),
		orNull(r.Method, methodMax), orNull(r.RequestURI, targetMax), orNull(r.Proto, 16), status,
		bytes, strconv.FormatFloat(took.Seconds(), 'f', 6, 64), orNull(r.Referer(), headerMax),
		orNull(r.UserAgent(), headerMax), os.Getpid(), orNull(l.pool, addressMax), l.slot)
}

// remoteOf is the client's address; a Unix socket's client has none.
func remoteOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

func orDash(text string, most int) string {
	if text == "" {
		return "-"
	}
	return escape(text, most, `\x`)
}

func orNull(text string, most int) string {
	if text == "" {
		return "null"
	}
	return `"` + escape(text, most, `\u00`) + `"`
}

// escape makes bytes of anybody's making fit for one line, cut to `most`.
func escape(text string, most int, prefix string) string {
	const digits = "0123456789abcdef"
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		var one string
		switch c := text[i]; {
		case c == '"' || c == '\\':
			one = `\` + string(rune(c))
		case c < 0x20 || c >= 0x7f:
			one = prefix + string(digits[c>>4]) + string(digits[c&15])
		default:
			one = text[i : i+1]
		}
		if out.Len()+len(one) > most {
			break
		}
		out.WriteString(one)
	}
	return out.String()
}
