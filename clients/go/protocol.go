// The bytes of protocol version 1: beats, and the messages of the control channel.

package reeve

import (
	"bytes"
	"encoding/binary"
	"time"
)

const (
	protocolVersion = 1
	beatMagic       = 0x31425652
	controlMagic    = 0x31435652
	controlSizeMax  = 4096
	socketsMax      = 64
	slowTextMax     = 1024
	headerSize      = 12

	stateStarting = 1
	stateServing  = 2
	stateDraining = 3
	stateStopping = 4

	typeHello   = 1
	typeWelcome = 2
	typeReady   = 3
	typeDrain   = 4
	typeReopen  = 7
	typeSlow    = 8

	helloDrains        = 1
	helloSlow          = 4
	welcomeOrphansKeep = 1
)

// Upper bounds of the latency buckets; a longer request is in none of them.
var latencyBounds = [...]time.Duration{
	1000 * time.Microsecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
	30 * time.Second, time.Minute,
}

// Everything is little-endian and without padding, so encoding/binary writes it as C has it.
type beatPacket struct {
	Magic         uint32
	Version       uint16
	Size          uint16
	Process       uint32
	Image         uint32
	Sequence      uint64
	State         uint32
	InFlight      uint32
	SentNs        uint64
	OldestNs      uint64
	Requests      uint64
	Connections   uint64
	Errors        uint64
	LatencySumNs  uint64
	LatencyCounts [len(latencyBounds)]uint64
}

type header struct {
	Magic   uint32
	Version uint16
	Type    uint16
	Size    uint32
}

type welcome struct {
	Flags          uint32
	BeatIntervalMs uint32
	Slot           uint32
	Sockets        uint32
	NamesSize      uint32
	Quota          uint64
	Generation     uint64
}

const welcomeSize = 36

func encode(value any) []byte {
	var out bytes.Buffer
	_ = binary.Write(&out, binary.LittleEndian, value) // of fixed size: cannot fail
	return out.Bytes()
}

func message(kind uint16, body ...any) []byte {
	var out []byte
	for _, part := range body {
		if text, ok := part.([]byte); ok {
			out = append(out, text...)
		} else {
			out = append(out, encode(part)...)
		}
	}
	size := uint32(headerSize + len(out))
	return append(encode(header{controlMagic, protocolVersion, kind, size}), out...)
}

func slowMessage(process uint32, took time.Duration, text string) []byte {
	if len(text) > slowTextMax {
		text = text[:slowTextMax]
	}
	return message(typeSlow, process, uint64(took), uint32(len(text)), uint32(0), []byte(text))
}

// parse gives type and body of a message; type 0 where header and size do not fit.
func parse(data []byte) (uint16, []byte) {
	var head header
	if len(data) < headerSize ||
		binary.Read(bytes.NewReader(data), binary.LittleEndian, &head) != nil ||
		head.Magic != controlMagic || head.Version != protocolVersion ||
		int(head.Size) != len(data) {
		return 0, nil
	}
	return head.Type, data[headerSize:]
}

// parseWelcome says no where the numbers do not fit the descriptors that came with it.
func parseWelcome(body []byte, descriptors int) (welcome, []string, bool) {
	var said welcome
	if len(body) < welcomeSize ||
		binary.Read(bytes.NewReader(body), binary.LittleEndian, &said) != nil ||
		int(said.Sockets) != descriptors || uint64(said.NamesSize) > uint64(len(body)-welcomeSize) {
		return said, nil, false
	}
	names := make([]string, descriptors)
	text := bytes.Split(body[welcomeSize:welcomeSize+int(said.NamesSize)], []byte{0})
	for i := range names {
		if i < len(text) {
			names[i] = string(text[i])
		}
	}
	return said, names, true
}
