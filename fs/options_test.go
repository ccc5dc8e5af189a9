package fs

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestKernelOptions holds what mount(2) is given. A context reaches the kernel in quotes, because it may hold commas; one that
// could end the quotes and add options of its own is refused.
func TestKernelOptions(t *testing.T) {
	const always = "fd=7,rootmode=40000,user_id=0,group_id=0,default_permissions,max_read=1048576"
	for _, c := range []struct {
		o     Options
		data  string
		flags uintptr
	}{
		{Options{}, always, 0},
		{Options{AllowOther: true, NoExec: true}, always + ",allow_other", unix.MS_NOEXEC},
		{Options{Context: "system_u:object_r:httpd_sys_content_t:s0"}, always + `,context="system_u:object_r:httpd_sys_content_t:s0"`, 0},
		{Options{AllowOther: true, Context: "u:r:t:s0:c1,c2"}, always + `,allow_other,context="u:r:t:s0:c1,c2"`, 0},
	} {
		flags, data, err := c.o.kernel(7)
		if want := c.flags | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_RDONLY; err != nil || data != c.data || flags != want {
			t.Errorf("%+v: %#x %q %v, want %#x %q", c.o, flags, data, err, want, c.data)
		}
	}
	for _, bad := range []string{`a",allow_other,x="`, "a b", "a\nb", `a\b`, "ä"} {
		if _, data, err := (Options{Context: bad}).kernel(7); err == nil {
			t.Errorf("context %q is taken: %s", bad, data)
		}
	}
	if o := (Options{}).withDefaults(); o.Source != "vrepofs" || strings.Contains(always, "context") {
		t.Errorf("source %q", o.Source)
	}
}
