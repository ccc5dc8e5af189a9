// Package filelisttest makes the file lists of a directory as create-filelist does, by walking it: what package filelist must agree
// with. It is written from create-filelist and shares nothing with filelist, not even the list of image formats.
package filelisttest

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Info is what lstat says of a name.
type Info struct {
	Name         string
	Type         byte   // 'f', 'd' or 'l'
	Perm         uint32 // permission bits
	Mtime, Ctime int64  // seconds
	Size         int64
}

// FS is a directory tree that can be walked. Paths are relative to its top, which is ".".
type FS interface {
	ReadDir(dir string) ([]Info, error) // in the order of the directory
	Stat(name string) (Info, error)     // of what a symbolic link leads to
	Open(name string) (io.ReadCloser, error)
}

// Lists are what create-filelist writes with -c -s -t fullfiletimelist-MODULE -f fullfilelist -i imagelist-MODULE.
type Lists struct{ Files, Times, Images []byte }

// Names are the names of a module's lists in the order of the fields of Lists.
func Names(module string) []string {
	return []string{"fullfilelist", "fullfiletimelist-" + module, "imagelist-" + module}
}

// Walk makes the lists of module.
func Walk(fsys FS, module string) (Lists, error) {
	w := &walker{fs: fsys, skip: Names(module)}
	w.times.WriteString("[Version]\n2\n\n[Files]\n")
	if err := w.walk(".", true, false); err != nil {
		return Lists{}, err
	}
	slices.Sort(w.sums)
	for _, algo := range []struct {
		name string
		sum  func() hash.Hash
	}{{"SHA1", sha1.New}, {"MD5", md5.New}, {"SHA256", sha256.New}, {"SHA512", sha512.New}} {
		fmt.Fprintf(&w.times, "\n[Checksums %s]\n", algo.name)
		for _, name := range w.sums {
			f, err := fsys.Open(name)
			if err != nil {
				return Lists{}, err
			}
			h := algo.sum()
			_, err = io.Copy(h, f)
			f.Close()
			if err != nil {
				return Lists{}, err
			}
			fmt.Fprintf(&w.times, "%x\t%s\n", h.Sum(nil), name)
		}
	}
	fmt.Fprint(&w.times, "\n[End]\n")
	return Lists{w.files.Bytes(), w.times.Bytes(), w.images.Bytes()}, nil
}

type walker struct {
	fs                   FS
	skip                 []string
	files, times, images bytes.Buffer
	sums                 []string
}

var formats = strings.Fields(`appx erofs erofs.gz erofs.xz iso liveimg.squashfs oci ociarchive qcow qcow2 raw raw.xz rhevm.ova
	squashfs squashfs.gz squashfs.xz tar tar.gz tar.xz vagrant-hyperv.box vagrant-libvirt.box vagrant-virtualbox.box
	vagrant-vmware-fusion.box vdi vhd vhd.gz vhd.xz vhdfixed.xz vmdk vsphere.ova wsl`)

func (w *walker) walk(dir string, top, restricted bool) error {
	entries, err := w.fs.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if top && slices.Contains(w.skip, e.Name) || e.Name == ".~tmp~" || strings.HasPrefix(e.Name, ".nfs") {
			continue
		}
		name := path.Join(dir, e.Name)
		target, err := w.fs.Stat(name)
		if err != nil || target.Perm&0o040 == 0 {
			continue
		}
		mark := ""
		if restricted {
			mark = "*"
		}
		if e.Perm&0o004 == 0 {
			mark = "-"
		}
		if e.Type == 'd' {
			if err := w.walk(name, false, restricted || e.Perm&0o004 == 0); err != nil {
				return err
			}
		}
		fmt.Fprintf(&w.files, "./%s\n", name)
		for _, f := range formats {
			if strings.HasSuffix("./"+name, "."+f) {
				fmt.Fprintf(&w.images, "./%s\n", name)
				break
			}
		}
		if e.Name == "repomd.xml" && e.Type == 'f' { // create-filelist fails on a directory
			w.sums = append(w.sums, name)
		}
		fmt.Fprintf(&w.times, "%d\t%c%s\t%d\t%s\n", max(e.Mtime, e.Ctime), e.Type, mark, e.Size, name)
	}
	return nil
}

// OS is a directory of the machine, given by its path.
type OS string

// ReadDir implements FS, in the order of getdents.
func (d OS) ReadDir(dir string) ([]Info, error) {
	f, err := os.Open(path.Join(string(d), dir))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var out []Info
	for _, n := range names {
		i, err := stat(unix.Lstat, path.Join(string(d), dir, n))
		if err != nil {
			return nil, err
		}
		out = append(out, i)
	}
	return out, nil
}

// Stat implements FS.
func (d OS) Stat(name string) (Info, error) { return stat(unix.Stat, path.Join(string(d), name)) }

// Open implements FS.
func (d OS) Open(name string) (io.ReadCloser, error) { return os.Open(path.Join(string(d), name)) }

func stat(call func(string, *unix.Stat_t) error, name string) (Info, error) {
	var st unix.Stat_t
	if err := call(name, &st); err != nil {
		return Info{}, &os.PathError{Op: "stat", Path: name, Err: err}
	}
	i := Info{Name: path.Base(name), Type: 'f', Perm: st.Mode & 0o777, Mtime: st.Mtim.Sec, Ctime: st.Ctim.Sec, Size: st.Size}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFDIR:
		i.Type = 'd'
	case unix.S_IFLNK:
		i.Type = 'l'
	}
	return i, nil
}
