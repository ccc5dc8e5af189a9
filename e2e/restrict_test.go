package e2e

import (
	"os"
	"strings"
	"testing"
)

// TestRestricted: the kernel keeps users out of a restricted path of the channels, lets the group in, and what is promoted from it is
// everybody's. Event by event: what was seen before the restriction stays as it was.
func TestRestricted(t *testing.T) {
	needs(t, "setpriv", "rsync")
	b := newBox(t)
	b.fill()
	if err := os.Chmod(b.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b.mount()
	nobody := "setpriv --reuid 65534 --regid 65534 --clear-groups "
	member := "setpriv --reuid 65534 --regid 65534 --groups 4242 "
	if r := b.try(nobody + "ls $MNT"); r.code != 0 {
		t.Skipf("other users cannot come to the mount at all: %s", r.err)
	}
	b.ok("channel", "set", "staging/9/os", "dev/x86_64")
	before := b.lastEvent()
	b.sh("cp -r $MNT/channels/staging/9/os/repodata was")
	b.ok("channel", "configure", "staging", "--mode", "0750", "--group", "4242")
	restricted := b.lastEvent()
	deny := func(script string) {
		t.Helper()
		if r := b.try(nobody + script); r.code == 0 || !strings.Contains(r.err, "Permission denied") {
			t.Errorf("%s: exit %d, %s", script, r.code, r.err)
		}
	}
	same(t, "mode and group", b.sh("stat -c '%a %g' $MNT/channels/staging $MNT/channels/staging/9"), "550 4242\n555 0")
	for _, script := range []string{
		"ls $MNT/channels/staging", "cat $MNT/channels/staging/9/os/repodata/repomd.xml", "ls $MNT/at/" + restricted + "/channels/staging",
		"rsync -r $MNT/channels/staging/ stolen/", "cat $MNT/channels/staging/9/os/repodata/gone.xml",
	} {
		deny(script)
	}
	// A name of an earlier generation, which the grace would find, is behind the same door.
	old := b.sh("cd was; ls | grep -- -primary.xml | head -1")
	b.ok("tag", "remove", "base", "Zebra++-0-0.1")
	b.ok("channel", "set", "staging/9/os", "dev/x86_64")
	deny("cat $MNT/channels/staging/9/os/repodata/" + old)
	b.sh(member + "cat $MNT/channels/staging/9/os/repodata/repomd.xml >/dev/null; " + member + "ls $MNT/channels/staging")
	b.ok("channel", "promote", "staging", "production")
	b.sh(nobody + "cat $MNT/channels/production/9/os/repodata/repomd.xml >/dev/null")
	same(t, "mode of what was promoted", b.sh("stat -c '%a %g' $MNT/channels/production"), "555 0")
	same(t, "mode after a move", b.sh("stat -c '%a %g' $MNT/channels/staging"), "550 4242")
	b.ok("channel", "unset", "staging")
	b.ok("channel", "rollback", "staging")
	same(t, "mode after it was away", b.sh("stat -c '%a %g' $MNT/channels/staging"), "550 4242")
	same(t, "mode of before", b.sh("stat -c '%a %g' $MNT/at/"+before+"/channels/staging"), "555 0")
	b.ok("channel", "configure", "/", "--mode", "0711")
	same(t, "mode of all channels", b.sh("stat -c %a $MNT/channels"), "511")
	deny("ls $MNT/channels")
	b.sh(nobody + "ls $MNT/channels/production >/dev/null")
	b.ok("channel", "configure", "/", "--reset", "mode")
	b.ok("channel", "configure", "staging", "--reset", "mode,group")
	same(t, "mode when it is nobody's any more", b.sh("stat -c '%a %g' $MNT/channels $MNT/channels/staging"), "555 0\n555 0")
	b.sh(nobody + "ls $MNT/channels/staging/9/os >/dev/null")
	b.fails(1, []string{"want octal digits"}, "channel", "configure", "staging", "--mode", "0077")
	b.ok("channel", "put", "staging/KEY", b.write("KEY", "key"))
	b.fails(1, []string{"only directories"}, "channel", "configure", "staging/KEY", "--mode", "0750")
	b.ok("verify")
}
