package ctl

import (
	"net"
	"os"
)

// notifySystemd tells a service manager that asked for it (Type=notify) of a change of state (sd_notify(3)): one datagram to the
// socket that NOTIFY_SOCKET names, whose leading @ means an abstract name. Nobody asked is the usual case. An error is not
// worth ending for.
func notifySystemd(message string) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	if conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"}); err == nil {
		_, _ = conn.Write([]byte(message))
		conn.Close()
	}
}
