// What the environment promises a worker, checked before it is believed.

package reeve

import (
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const firstSocket = 3

// number is a decimal number up to `most`; 0 where there is none.
func number(variable string, most uint64) uint64 {
	value, err := strconv.ParseUint(os.Getenv(variable), 10, 64)
	if err != nil || value > most {
		return 0
	}
	return value
}

// takeHeartbeat gives the descriptor of the heartbeat pipe, -1 where there is none. The variable
// may be left over from a grandparent, and its number belong to another file by now.
func takeHeartbeat() int {
	fd := int(number("REEVE_HEARTBEAT_FD", 1<<31-1))
	var status syscall.Stat_t
	if fd == 0 || syscall.Fstat(fd, &status) != nil || status.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return -1
	}
	flags, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0)
	if errno != 0 || flags&syscall.O_DIRECT == 0 || flags&syscall.O_ACCMODE == syscall.O_RDONLY ||
		syscall.SetNonblock(fd, true) != nil {
		return -1
	}
	syscall.CloseOnExec(fd)
	return fd
}

// takeControl gives the control channel, nil where there is none.
func takeControl() *net.UnixConn {
	fd := int(number("REEVE_CONTROL_FD", 1<<31-1))
	if fd == 0 {
		return nil
	}
	kind, err := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_TYPE)
	domain, domainErr := syscall.GetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_DOMAIN)
	if err != nil || domainErr != nil || kind != syscall.SOCK_SEQPACKET ||
		domain != syscall.AF_UNIX {
		return nil
	}
	file := os.NewFile(uintptr(fd), "reeve control channel")
	defer file.Close()
	connection, err := net.FileConn(file)
	if err != nil {
		return nil
	}
	channel, ok := connection.(*net.UnixConn)
	if !ok {
		connection.Close()
		return nil
	}
	return channel
}

// takeSockets gives what came by LISTEN_FDS, which counts only when it was meant for this process.
func takeSockets() ([]Socket, error) {
	count := int(number("LISTEN_FDS", socketsMax))
	if count == 0 || number("LISTEN_PID", 1<<31-1) != uint64(os.Getpid()) {
		return nil, nil
	}
	names := strings.Split(os.Getenv("LISTEN_FDNAMES"), ":")
	var sockets []Socket
	for i := 0; i < count; i++ {
		name := "unknown"
		if i < len(names) && names[i] != "" {
			name = names[i]
		}
		listener, err := listenerOf(firstSocket+i, name)
		if err != nil {
			return sockets, err
		}
		sockets = append(sockets, Socket{name, listener})
	}
	return sockets, nil
}

// listenerOf takes the descriptor over.
func listenerOf(fd int, name string) (net.Listener, error) {
	syscall.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), name)
	defer file.Close()
	return net.FileListener(file)
}
