package filelist

import (
	"strconv"
	"strings"

	"vrepofs/tree"
)

// Names returns the file names of a module's lists: of all paths, of paths with times, of images.
func Names(module string) (files, times, images string) {
	return "fullfilelist", "fullfiletimelist-" + module, "imagelist-" + module
}

const timesHead = "[Version]\n2\n\n[Files]\n"

// imageSuffixes are the formats of productmd.images.SUPPORTED_IMAGE_FORMATS (2026), each behind a dot.
var imageSuffixes = [...]string{
	".appx", ".erofs", ".erofs.gz", ".erofs.xz", ".iso", ".liveimg.squashfs", ".oci", ".ociarchive", ".qcow", ".qcow2",
	".raw", ".raw.xz", ".rhevm.ova", ".squashfs", ".squashfs.gz", ".squashfs.xz", ".tar", ".tar.gz", ".tar.xz",
	".vagrant-hyperv.box", ".vagrant-libvirt.box", ".vagrant-virtualbox.box", ".vagrant-vmware-fusion.box", ".vdi", ".vhd",
	".vhd.gz", ".vhd.xz", ".vhdfixed.xz", ".vmdk", ".vsphere.ova", ".wsl",
}

// isImage reports whether create-filelist would put a name on the imagelist.
func isImage(name string) bool {
	if strings.HasSuffix(name, ".rpm") {
		return false // nearly all names
	}
	for _, s := range imageSuffixes {
		if strings.HasSuffix(name, s) {
			return true
		}
	}
	return false
}

// checked is the file name whose checksums are listed.
const checked = "repomd.xml"

// access says whether group and world may read an entry.
func access(e tree.Entry) (group, world bool) {
	m := e.Mode()
	return m&0o040 != 0, m&0o004 != 0
}

// appendTimes appends the line of an entry in fullfiletimelist. dir is "" or ends in "/".
func appendTimes(b []byte, dir, name string, e *tree.Entry, restricted bool) []byte {
	b = strconv.AppendInt(b, e.Mtime, 10)
	b = append(b, '\t')
	switch e.Kind {
	case tree.KindDir:
		b = append(b, 'd')
	case tree.KindSymlink:
		b = append(b, 'l')
	default:
		b = append(b, 'f')
	}
	if _, world := access(*e); !world {
		b = append(b, '-')
	} else if restricted {
		b = append(b, '*')
	}
	b = append(b, '\t')
	b = strconv.AppendInt(b, e.Size, 10) // that of lstat: see fs/attr.go
	b = append(b, '\t')
	b = append(b, dir...)
	b = append(b, name...)
	return append(b, '\n')
}

// appendPath appends the line of an entry in fullfilelist and imagelist.
func appendPath(b []byte, dir, name string) []byte {
	b = append(b, "./"...)
	b = append(b, dir...)
	b = append(b, name...)
	return append(b, '\n')
}
