package rpm

// Bits of Dep.Flags: rpm's rpmsenseFlags, include/rpm/rpmds.h.
const (
	SenseLess          = 1 << 1  // RPMSENSE_LESS
	SenseGreater       = 1 << 2  // RPMSENSE_GREATER
	SenseEqual         = 1 << 3  // RPMSENSE_EQUAL
	SensePosttrans     = 1 << 5  // RPMSENSE_POSTTRANS
	SensePrereq        = 1 << 6  // RPMSENSE_PREREQ, legacy
	SensePretrans      = 1 << 7  // RPMSENSE_PRETRANS
	SenseInterp        = 1 << 8  // RPMSENSE_INTERP
	SenseScriptPre     = 1 << 9  // RPMSENSE_SCRIPT_PRE
	SenseScriptPost    = 1 << 10 // RPMSENSE_SCRIPT_POST
	SenseScriptPreun   = 1 << 11 // RPMSENSE_SCRIPT_PREUN
	SenseScriptPostun  = 1 << 12 // RPMSENSE_SCRIPT_POSTUN
	SenseScriptVerify  = 1 << 13 // RPMSENSE_SCRIPT_VERIFY
	SenseFindRequires  = 1 << 14 // RPMSENSE_FIND_REQUIRES
	SenseFindProvides  = 1 << 15 // RPMSENSE_FIND_PROVIDES
	SenseTriggerIn     = 1 << 16 // RPMSENSE_TRIGGERIN
	SenseTriggerUn     = 1 << 17 // RPMSENSE_TRIGGERUN
	SenseTriggerPostun = 1 << 18 // RPMSENSE_TRIGGERPOSTUN
	SenseMissingOK     = 1 << 19 // RPMSENSE_MISSINGOK: the weak dependencies of before rpm 4.12
	SensePreuntrans    = 1 << 20 // RPMSENSE_PREUNTRANS, rpm 4.19
	SensePostuntrans   = 1 << 21 // RPMSENSE_POSTUNTRANS, rpm 4.19
	SenseRpmlib        = 1 << 24 // RPMSENSE_RPMLIB: rpmlib(feature)
	SenseTriggerPrein  = 1 << 25 // RPMSENSE_TRIGGERPREIN
	SenseKeyring       = 1 << 26 // RPMSENSE_KEYRING
	SenseConfig        = 1 << 28 // RPMSENSE_CONFIG
	SenseMeta          = 1 << 29 // RPMSENSE_META, rpm 4.16

	// SenseCompare are the bits that say how the EVR compares.
	SenseCompare = SenseLess | SenseGreater | SenseEqual
)

// Bits of File.Flags: rpm's rpmfileAttrs, include/rpm/rpmfiles.h.
const (
	FileConfig    = 1 << 0  // RPMFILE_CONFIG
	FileDoc       = 1 << 1  // RPMFILE_DOC
	FileMissingOK = 1 << 3  // RPMFILE_MISSINGOK
	FileNoReplace = 1 << 4  // RPMFILE_NOREPLACE
	FileSpec      = 1 << 5  // RPMFILE_SPECFILE
	FileGhost     = 1 << 6  // RPMFILE_GHOST
	FileLicense   = 1 << 7  // RPMFILE_LICENSE
	FileReadme    = 1 << 8  // RPMFILE_README
	FilePubkey    = 1 << 11 // RPMFILE_PUBKEY
	FileArtifact  = 1 << 12 // RPMFILE_ARTIFACT
)

// The file type bits of File.Mode, as stat(2) has them. They are the same on every machine in an RPM.
const (
	ModeType = 0o170000 // S_IFMT
	ModeDir  = 0o040000 // S_IFDIR
)

// IsDir tells whether f is a directory.
func (f File) IsDir() bool { return f.Mode&ModeType == ModeDir }

// IsGhost tells whether f is owned by the package but not in its payload (%ghost).
func (f File) IsGhost() bool { return f.Flags&FileGhost != 0 }

// Path returns the whole path, "/usr/bin/ls".
func (f File) Path() string { return f.Dir + f.Base }

// Comparison returns the operator between name and EVR: "=", "<", ">", "<=", ">=", or "" when any version will do.
func (d Dep) Comparison() string {
	switch d.Flags & SenseCompare {
	case SenseEqual:
		return "="
	case SenseLess:
		return "<"
	case SenseGreater:
		return ">"
	case SenseLess | SenseEqual:
		return "<="
	case SenseGreater | SenseEqual:
		return ">="
	}
	return ""
}

// String returns "libz.so.1()(64bit)" or "zlib >= 1:1.3", as rpm -q --requires prints it.
func (d Dep) String() string {
	op := d.Comparison()
	if op == "" || d.EVR == "" {
		return d.Name
	}
	return d.Name + " " + op + " " + d.EVR
}
