package ingest

import (
	"strconv"
	"strings"

	rpmutils "github.com/sassoftware/go-rpmutils"

	"vrepofs/rpm"
)

// Numbers of the tags that are read (include/rpm/rpmtag.h). go-rpmutils has names for the older half only.
const (
	tagName              = 1000
	tagVersion           = 1001
	tagRelease           = 1002
	tagEpoch             = 1003
	tagSummary           = 1004
	tagDescription       = 1005
	tagBuildTime         = 1006
	tagBuildHost         = 1007
	tagSize              = 1009
	tagVendor            = 1011
	tagLicense           = 1014
	tagPackager          = 1015
	tagGroup             = 1016
	tagURL               = 1020
	tagArch              = 1022
	tagOldFileNames      = 1027
	tagFileModes         = 1030
	tagFileFlags         = 1037
	tagSourceRPM         = 1044
	tagArchiveSize       = 1046
	tagNoSource          = 1051
	tagNoPatch           = 1052
	tagRPMVersion        = 1064
	tagChangelogTime     = 1080
	tagChangelogName     = 1081
	tagChangelogText     = 1082
	tagDirIndexes        = 1116
	tagBaseNames         = 1117
	tagDirNames          = 1118
	tagPayloadFormat     = 1124
	tagPayloadCompressor = 1125
	tagLongSize          = 5009
	tagPayloadDigest     = 5092
	tagPayloadDigestAlgo = 5093
	tagModularityLabel   = 5096
	tagPayloadSize       = 5112 // rpm 6: compressed
	tagPayloadSizeAlt    = 5113 // rpm 6: uncompressed
	tagRPMFormat         = 5114

	// In the signature header. go-rpmutils takes numbers of 1000 and more for the main header's, unless sigBase is added.
	sigBase            = 16384
	sigDSA             = 267
	sigRSA             = 268
	sigSHA1            = 269
	sigLongSize        = 270
	sigLongArchiveSize = 271
	sigSHA256          = 273
	sigOpenPGP         = 278
	sigSHA3            = 279
	sigSize            = 1000
	sigPGP             = 1002
	sigMD5             = 1004
	sigGPG             = 1005
	sigPayloadSize     = 1007
)

// depTags are the tags of one kind of dependency: three arrays of equal length.
type depTags struct{ name, flags, version int }

var (
	tagsProvide    = depTags{1047, 1112, 1113}
	tagsRequire    = depTags{1049, 1048, 1050}
	tagsConflict   = depTags{1054, 1053, 1055}
	tagsObsolete   = depTags{1090, 1114, 1115}
	tagsRecommend  = depTags{5046, 5048, 5047}
	tagsSuggest    = depTags{5049, 5051, 5050}
	tagsSupplement = depTags{5052, 5054, 5053}
	tagsEnhance    = depTags{5055, 5057, 5056}
)

// tags takes values out of a header. The first error sticks, and everything after it is zero.
type tags struct {
	h   *rpmutils.RpmHeader
	err error
}

func (t *tags) fail(tag int, err error) {
	if t.err == nil {
		t.err = bad("header tag %d: %v", tag, err)
	}
}

// has reports whether the header has a tag. The question saves go-rpmutils the making of an error for each tag that is not there.
func (t *tags) has(tag int) bool {
	if n := int32(tag); !readsMain(n) && !readsSignature(n) && !readsSignature(n-sigBase) {
		panic("BUG: header tag " + strconv.Itoa(tag) + " is left out by headers.slim")
	}
	return t.h.HasTag(tag)
}

func (t *tags) strings(tag int) []string {
	if !t.has(tag) {
		return nil
	}
	v, err := t.h.GetStrings(tag)
	if err != nil {
		t.fail(tag, err)
		return nil
	}
	return v
}

// string returns the first string of a tag: for the translated ones that is the C locale's.
func (t *tags) string(tag int) string {
	if v := t.strings(tag); len(v) > 0 {
		return v[0]
	}
	return ""
}

func (t *tags) uint32s(tag int) []uint32 {
	if !t.has(tag) {
		return nil
	}
	v, err := t.h.GetUint32s(tag)
	if err != nil {
		t.fail(tag, err)
		return nil
	}
	return v
}

// number returns the first number of the first of these tags that is there.
func (t *tags) number(tags ...int) (uint64, bool) {
	for _, tag := range tags {
		if !t.has(tag) {
			continue
		}
		v, err := t.h.GetUint64s(tag)
		if err != nil {
			t.fail(tag, err)
		} else if len(v) > 0 {
			return v[0], true
		}
	}
	return 0, false
}

func (t *tags) packageOf(h *headers) *rpm.Package {
	p := &rpm.Package{
		Summary:           t.string(tagSummary),
		Description:       t.string(tagDescription),
		Packager:          t.string(tagPackager),
		URL:               t.string(tagURL),
		License:           t.string(tagLicense),
		Vendor:            t.string(tagVendor),
		Group:             t.string(tagGroup),
		BuildHost:         t.string(tagBuildHost),
		SourceRPM:         t.string(tagSourceRPM),
		ModularityLabel:   t.string(tagModularityLabel),
		PayloadFormat:     t.string(tagPayloadFormat),
		PayloadCompressor: t.string(tagPayloadCompressor),
		RPMVersion:        t.string(tagRPMVersion),
		HeaderStart:       h.main.start,
		HeaderEnd:         h.main.end,
		Format:            t.format(h),
		Provides:          t.deps(tagsProvide),
		Requires:          t.deps(tagsRequire),
		Conflicts:         t.deps(tagsConflict),
		Obsoletes:         t.deps(tagsObsolete),
		Recommends:        t.deps(tagsRecommend),
		Suggests:          t.deps(tagsSuggest),
		Supplements:       t.deps(tagsSupplement),
		Enhances:          t.deps(tagsEnhance),
		Files:             t.files(),
		Changelogs:        t.changelogs(),
	}
	p.NEVRA = t.nevra()
	buildTime, _ := t.number(tagBuildTime)
	p.BuildTime = int64(buildTime)
	p.InstalledSize, _ = t.number(tagLongSize, tagSize)
	// rpm moves the signature header's numbers into the main header (lib/package.c headerMergeLegacySigs).
	p.ArchiveSize, _ = t.number(sigLongArchiveSize, sigBase+sigPayloadSize, tagArchiveSize, tagPayloadSizeAlt)
	p.SignatureKeyIDs = t.keyIDs()
	return p
}

// nevra takes the name. A package without SOURCERPM is a source package (lib/headerutil.c headerIsSource), whatever its
// ARCH says, which is the machine it was built on; NOSOURCE or NOPATCH make it "nosrc" (build/pack.c, the file name).
func (t *tags) nevra() rpm.NEVRA {
	n := rpm.NEVRA{Name: t.string(tagName), Arch: t.string(tagArch)}
	n.Version, n.Release = t.string(tagVersion), t.string(tagRelease)
	if e, ok := t.number(tagEpoch); ok {
		n.Epoch = strconv.FormatUint(e, 10)
	}
	for _, f := range [...]struct {
		tag  int
		what string
		v    string
	}{{tagName, "name", n.Name}, {tagVersion, "version", n.Version}, {tagRelease, "release", n.Release}, {tagArch, "architecture", n.Arch}} {
		if f.v == "" && t.err == nil {
			t.err = bad("the header has no %s (tag %d)", f.what, f.tag)
		}
	}
	if !t.has(tagSourceRPM) {
		n.Arch = "src"
		if t.has(tagNoSource) || t.has(tagNoPatch) {
			n.Arch = "nosrc"
		}
	}
	return n
}

func (t *tags) format(h *headers) uint8 {
	if v, ok := t.number(tagRPMFormat); ok {
		return uint8(min(v, 255))
	}
	if h.main.whole {
		return 4
	}
	return 3
}

// deps takes one kind of dependency. Old packages have names only.
func (t *tags) deps(d depTags) []rpm.Dep {
	names := t.strings(d.name)
	flags := t.uint32s(d.flags)
	versions := t.strings(d.version)
	if len(names) == 0 {
		return nil
	}
	if !t.sameLength(d.name, len(names), d.flags, len(flags)) || !t.sameLength(d.name, len(names), d.version, len(versions)) {
		return nil
	}
	deps := make([]rpm.Dep, len(names))
	for i, name := range names {
		deps[i].Name = name
		if flags != nil {
			deps[i].Flags = flags[i]
		}
		if versions != nil {
			deps[i].EVR = versions[i]
		}
	}
	return deps
}

// sameLength checks that the array of tag b, if it is there at all, is as long as that of tag a.
func (t *tags) sameLength(a, na, b, nb int) bool {
	if nb != 0 && na != nb && t.err == nil {
		t.err = bad("header tags %d and %d do not fit together: %d and %d values", a, b, na, nb)
	}
	return t.err == nil
}

// files takes the file list: directory table and base names, or the whole names that packages had before rpm 4.
func (t *tags) files() []rpm.File {
	var files []rpm.File
	nameTag := tagBaseNames
	if names := t.strings(tagBaseNames); names != nil {
		dirs, index := t.strings(tagDirNames), t.uint32s(tagDirIndexes)
		if t.err == nil && len(index) != len(names) {
			t.err = bad("header tags %d and %d do not fit together: %d and %d values", tagBaseNames, tagDirIndexes, len(names), len(index))
		}
		if t.err != nil {
			return nil
		}
		files = make([]rpm.File, len(names))
		for i, name := range names {
			if uint64(index[i]) >= uint64(len(dirs)) {
				t.err = bad("file %d of the header is in directory %d of %d", i, index[i], len(dirs))
				return nil
			}
			files[i].Dir, files[i].Base = dirs[index[i]], name
		}
	} else if t.has(tagOldFileNames) {
		nameTag = tagOldFileNames
		names := t.strings(tagOldFileNames)
		files = make([]rpm.File, len(names))
		for i, name := range names {
			slash := strings.LastIndexByte(name, '/') + 1
			files[i].Dir, files[i].Base = name[:slash], name[slash:]
		}
	}
	modes, flags := t.uint32s(tagFileModes), t.uint32s(tagFileFlags)
	if len(files) == 0 {
		return nil
	}
	if !t.sameLength(nameTag, len(files), tagFileModes, len(modes)) || !t.sameLength(nameTag, len(files), tagFileFlags, len(flags)) {
		return nil
	}
	for i := range files {
		if modes != nil {
			files[i].Mode = uint16(modes[i])
		}
		if flags != nil {
			files[i].Flags = flags[i]
		}
	}
	return files
}

func (t *tags) changelogs() []rpm.Changelog {
	times, names, texts := t.uint32s(tagChangelogTime), t.strings(tagChangelogName), t.strings(tagChangelogText)
	if len(times) == 0 {
		return nil
	}
	if !t.sameLength(tagChangelogTime, len(times), tagChangelogName, len(names)) || !t.sameLength(tagChangelogTime, len(times), tagChangelogText, len(texts)) {
		return nil
	}
	logs := make([]rpm.Changelog, len(times))
	for i, at := range times {
		logs[i].Time = int64(at)
		if names != nil {
			logs[i].Author = names[i]
		}
		if texts != nil {
			logs[i].Text = texts[i]
		}
	}
	return logs
}
