package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// apart runs a shell script in a mount namespace of its own, where the helper of mount(8) is the built program: $DIR/sbin covers /sbin.
func (b *box) apart(script string) result {
	b.Helper()
	needs(b, "unshare", "mount", "umount", "findmnt")
	if err := os.MkdirAll(b.path("sbin"), 0o755); err != nil {
		b.Fatal(err)
	}
	if err := os.Symlink(program, b.path("sbin/mount.vrepofs")); err != nil && !os.IsExist(err) {
		b.Fatal(err)
	}
	b.write("apart.sh", `set -euo pipefail
mount --bind $DIR/sbin "$(realpath /sbin)"
trap 'while umount -l $MNT 2>/dev/null; do :; done' EXIT
`+script)
	c := b.command("unshare", "--mount", "--propagation=private", "bash", b.path("apart.sh"))
	c.Env = append(c.Env, "PROGRAM="+program)
	return b.finish(c)
}

// TestSampleFstab mounts with mount(8): by hand, by the lines of contrib/fstab, and as systemd does for the sample of a mount unit.
func TestSampleFstab(t *testing.T) {
	b := newBox(t)
	b.fill()
	b.write("fstab", sample(b, "fstab", "/srv/vrepofs", b.store, "/srv/repos", b.mnt))
	unit := sample(b, "systemd/srv-repos.mount", "/srv/vrepofs", b.store, "/srv/repos", b.mnt)
	for name, script := range map[string]string{
		"by hand": `mount -t vrepofs $VREPOFS_STORE $MNT -o noexec
test -f $MNT/tags/dev/x86_64/repodata/repomd.xml
findmnt -no SOURCE,FSTYPE $MNT
findmnt -no OPTIONS $MNT | tr , '\n' | grep -x noexec
$PROGRAM umount $MNT`,
		"fstab": `mount -a -T $DIR/fstab
mount -a -T $DIR/fstab # mounted already: nothing is done
grep -c " $MNT " /proc/self/mountinfo
mount -T $DIR/fstab $MNT 2>&1 && exit 1
umount $MNT
mount -T $DIR/fstab $MNT # while the daemon before may still be ending
findmnt -no SOURCE,FSTYPE $MNT
$PROGRAM umount $MNT`,
		"unit": `mount ` + setting(t, unit, "What") + " " + setting(t, unit, "Where") + " -t " + setting(t, unit, "Type") + " -o " + setting(t, unit, "Options") + `
findmnt -no SOURCE,FSTYPE $MNT
umount $MNT`,
	} {
		r := b.apart(script)
		if r.code != 0 || !strings.Contains(r.out, b.store+" fuse.vrepofs") {
			t.Errorf("%s: exit %d\n%s%s", name, r.code, r.out, r.err)
		}
		b.ok("status") // waits for the end of the daemon, if need be
	}
	for options, says := range map[string]string{"remount": "", "nonsense": `"nonsense" is not known`} {
		if r := b.apart("mount -t vrepofs $VREPOFS_STORE $MNT -o " + options); r.code == 0 || !strings.Contains(r.err, says) {
			t.Errorf("-o %s: exit %d\n%s%s", options, r.code, r.out, r.err)
		}
	}
	if r := b.apart("mount -t vrepofs $DIR/nothing $MNT"); r.code != 32 || !strings.Contains(r.err, "nothing") {
		t.Errorf("a store that is not there: exit %d, want 32\n%s%s", r.code, r.out, r.err)
	}
}

// TestContext: an SELinux context reaches the kernel, which takes it, or says that it knows none.
func TestContext(t *testing.T) {
	b := newBox(t)
	const context = "system_u:object_r:public_content_t:s0"
	if _, err := os.Stat("/sys/fs/selinux/enforce"); err != nil {
		b.fails(1, []string{"takes no SELinux context", context}, "mount", b.mnt, "--context", context)
		t.Logf("no SELinux here (%v): held only that this kernel is asked", err)
		return
	}
	b.mount("--context=" + context)
	same(t, "context of the mount", b.sh("stat -c %C $MNT"), context)
}

// setting is the value of a setting that a unit file has once.
func setting(t testing.TB, unit, name string) string {
	t.Helper()
	value, n := "", 0
	for line := range strings.SplitSeq(unit, "\n") {
		if v, ok := strings.CutPrefix(line, name+"="); ok {
			value, n = v, n+1
		}
	}
	if n != 1 {
		t.Fatalf("the unit says %s= %d times, want once", name, n)
	}
	return value
}

// TestSampleUnits: systemd understands the units without a word, and the service's commands do what it expects, with the
// capabilities that it leaves them: readiness, passthrough, an end. systemd itself does not run here.
func TestSampleUnits(t *testing.T) {
	needs(t, "systemd-analyze", "setpriv")
	b := newBox(t)
	b.fill()
	service := sample(b, "systemd/vrepofs@.service", "/usr/local/bin/vrepofs", program)
	b.write("units/vrepofs@repos.service", service)
	mount := sample(b, "systemd/srv-repos.mount")
	b.write("units/srv-repos.mount", mount)
	same(t, "what systemd says of the units", b.sh("systemd-analyze verify units/vrepofs@repos.service units/srv-repos.mount 2>&1"), "")
	same(t, "name for "+setting(t, mount, "Where"), b.sh("systemd-escape -p --suffix=mount "+setting(t, mount, "Where")), "srv-repos.mount")
	// What gives a service mounts of its own hides the daemon's (systemd.exec(5)).
	for line := range strings.SplitSeq(service, "\n") {
		for _, own := range []string{"PrivateTmp", "PrivateDevices", "PrivateMounts", "PrivateNetwork", "PrivateUsers", "Protect", "ReadOnly", "ReadWrite", "Inaccessible", "Bind", "MountFlags", "TemporaryFileSystem", "RootDirectory", "DynamicUser", "StateDirectory="} {
			if strings.HasPrefix(line, own) {
				t.Errorf("%s: nobody would see the mount", line)
			}
		}
	}

	env := []string{"NOTIFY_SOCKET=" + b.path("notify")}
	conf := sample(b, "systemd/repos.conf", "/srv/vrepofs", b.store, "/srv/repos", b.mnt)
	for line := range strings.SplitSeq(conf, "\n") {
		if line != "" && line[0] != '#' {
			env = append(env, line)
		}
	}
	bounding := "-all"
	for _, c := range strings.Fields(setting(t, service, "CapabilityBoundingSet")) {
		bounding += ",+" + strings.ToLower(strings.TrimPrefix(c, "CAP_"))
	}
	run := func(name string) *exec.Cmd {
		line := strings.ReplaceAll(setting(t, service, name), "${MOUNTPOINT}", b.mnt)
		c := b.command("setpriv", append([]string{"--bounding-set=" + bounding, "--no-new-privs"}, strings.Fields(line)...)...)
		c.Env, c.Dir = append(os.Environ(), env...), "/"
		return c
	}
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: b.path("notify"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notify.Close()
	daemon := run("ExecStart")
	log, err := os.Create(b.path("daemon.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	daemon.Stdout, daemon.Stderr = log, log
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	said := func(want string) {
		t.Helper()
		message := make([]byte, 4096)
		_ = notify.SetReadDeadline(time.Now().Add(patience))
		n, err := notify.Read(message)
		if err != nil || !strings.Contains(string(message[:n]), want) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("notified %q, %v; want %s\n%s", message[:n], err, want, text)
		}
	}
	said("READY=1")
	b.sh("cat $MNT" + sampleRPM + " >/dev/null")
	var s struct {
		Mount struct {
			PassthroughOpens uint64 `json:"passthrough_opens"`
			FallbackReason   string `json:"fallback_reason"`
		}
	}
	b.json(&s, "status")
	if s.Mount.PassthroughOpens == 0 {
		t.Errorf("no passthrough with the capabilities of the unit: %s", s.Mount.FallbackReason)
	}
	b.ok("tag", "remove", "base", "Zebra++-0-0.1")
	if r := b.finish(run("ExecStop")); r.code != 0 {
		t.Errorf("ExecStop: exit %d\n%s", r.code, r.err)
	}
	said("STOPPING=1")
	if err := daemon.Wait(); err != nil {
		text, _ := os.ReadFile(filepath.Clean(log.Name()))
		t.Errorf("the daemon ended with %v\n%s", err, text)
	}
}
