package fs

import (
	"slices"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"

	"vrepofs/tree"
)

// xattrPrefix begins all attributes that there are.
const xattrPrefix = "user.vrepofs."

// xattrs returns the attributes of a node. For a place it composes nothing.
func (f *FS) xattrs(cancel <-chan struct{}, id nodeID) (map[string]string, error) {
	if id.isRPM() {
		e, err := f.entry(cancel, id)
		if err != nil {
			return nil, err
		}
		return f.src.Xattrs("", "", e), nil
	}
	at := id
	if !id.isPlace() {
		at = placeID(id.serial(), 0)
	}
	p, err := f.place(at)
	if err != nil {
		return nil, err
	}
	if at == id {
		return f.src.Xattrs(p.key, "", tree.Entry{}), nil
	}
	var names []string
	_, _, e, err := f.dirs.descend(cancel, id, func(name string) { names = append(names, name) })
	if err != nil {
		return nil, err
	}
	return f.src.Xattrs(p.key, strings.Join(names, "/"), e), nil
}

// GetXAttr answers for user.vrepofs.*. Other names cost no look: security.*, trusted.* and system.posix_acl_* are not
// supported, which ls takes as said for the whole file system (coreutils 9.1, ls.c, file_has_acl_cache); ENOSYS would make
// the kernel stop asking, but for our attributes too (fuse_getxattr, no_getxattr).
func (f *FS) GetXAttr(cancel <-chan struct{}, header *fuse.InHeader, attr string, dest []byte) (uint32, fuse.Status) {
	f.stats.ops[opGetXAttr].Add(1)
	if !strings.HasPrefix(attr, xattrPrefix) {
		if strings.HasPrefix(attr, "user.") {
			return 0, fuse.ENODATA
		}
		return 0, fuse.Status(syscall.EOPNOTSUPP)
	}
	id := nodeID(header.NodeId)
	all, err := f.xattrs(cancel, id)
	if err != nil {
		return 0, f.status("getxattr", id, err)
	}
	v, ok := all[attr]
	if !ok {
		return 0, fuse.ENODATA
	}
	return answerXattr(dest, []byte(v))
}

// ListXAttr lists the names, each followed by NUL, sorted.
func (f *FS) ListXAttr(cancel <-chan struct{}, header *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	f.stats.ops[opListXAttr].Add(1)
	id := nodeID(header.NodeId)
	all, err := f.xattrs(cancel, id)
	if err != nil {
		return 0, f.status("listxattr", id, err)
	}
	names := make([]string, 0, len(all))
	for name := range all {
		if strings.HasPrefix(name, xattrPrefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var list []byte
	for _, name := range names {
		list = append(append(list, name...), 0)
	}
	return answerXattr(dest, list)
}

// answerXattr copies v, or says how long it is: with ERANGE, which go-fuse makes OK for a probe of size 0.
func answerXattr(dest, v []byte) (uint32, fuse.Status) {
	if len(dest) < len(v) {
		return uint32(len(v)), fuse.ERANGE
	}
	return uint32(copy(dest, v)), fuse.OK
}
