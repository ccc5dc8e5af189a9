package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// TestMountHelper holds what the helper makes of what mount(8) gives it.
func TestMountHelper(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"/srv/s /mnt/x -o rw", "mount /mnt/x --store=/srv/s"},
		{"/srv/s /mnt/x", "mount /mnt/x --store=/srv/s"},
		{"-n -v -t vrepofs -o ro,nosuid,nodev,noatime,nofail,x-systemd.requires-mounts-for=/srv,_netdev /srv/s /mnt/x", "mount /mnt/x --store=/srv/s"},
		{"/srv/s /mnt/x -orw,noexec,noallow_other", "mount /mnt/x --store=/srv/s --noexec --allow-other=false"},
		{`/srv/s /mnt/x -o context="u:r:t:s0:c1,c2",accept_clock`, "mount /mnt/x --store=/srv/s --context=u:r:t:s0:c1,c2 --accept-clock"},
		{"/srv/s /mnt/x -s -o nonsense,allow_other", "mount /mnt/x --store=/srv/s --allow-other"},
	} {
		var got []string
		var talk bytes.Buffer
		code := mountHelper(strings.Fields(c.args), &talk, func(args []string) int { got = args; return exitDone })
		if code != 0 || !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s: %q, exit %d %s; want %s", c.args, got, code, &talk, c.want)
		}
	}
	for _, c := range []struct{ args, says string }{
		{"/srv/s", "mountpoint"},
		{"srv/s /mnt/x", "absolute"},
		{"/srv/s /mnt/x -o rw,nonsense", "nonsense"},
		{"/srv/s /mnt/x -o remount,ro", "remount"},
		{"/srv/s /mnt/x -o nosymfollow", "nosymfollow"},
		{"/srv/s /mnt/x -o", "-o wants"},
		{"/srv/s /mnt/x -Z", "-Z"},
		{"/srv/s /mnt/x -N /proc/1/ns/mnt", "nsenter"},
	} {
		var talk bytes.Buffer
		code := mountHelper(strings.Fields(c.args), &talk, func(args []string) int { t.Errorf("%s: ran %q", c.args, args); return 0 })
		if code != mountUsage || !strings.Contains(talk.String(), c.says) {
			t.Errorf("%s: exit %d %q, want %d and %q", c.args, code, talk.String(), mountUsage, c.says)
		}
	}
	for code, want := range map[int]int{exitFailed: mountFailed, exitUsage: mountUsage, exitDone: exitDone} {
		if got := mountHelper([]string{"/s", "/m"}, &bytes.Buffer{}, func([]string) int { return code }); got != want {
			t.Errorf("exit %d becomes %d, want %d", code, got, want)
		}
	}
	if code := mountHelper([]string{"/s", "/m", "-f"}, &bytes.Buffer{}, func([]string) int { return exitFailed }); code != 0 {
		t.Error("-f mounts")
	}
	if !isMountHelper("/sbin/mount.vrepofs") || isMountHelper("/usr/bin/vrepofs") {
		t.Error("isMountHelper")
	}
}
