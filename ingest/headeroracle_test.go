package ingest

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"vrepofs/rpm"
)

// sharedData is where the project's real test material lies beside the repository.
const sharedData = "../../shared/data"

// probe is one line of oracle/rpm-probe.jsonl: what rpm 4.18 says of one file.
type probe struct {
	Path              string
	Size              int64
	SHA256            string
	Readable          bool    `json:"rpm_qp_ok"`
	DigestsOK         bool    `json:"rpm_K_digests_ok"`
	Name              string  `json:"name"`
	Epoch             *string `json:"epoch"`
	Version           string  `json:"version"`
	Release           string  `json:"release"`
	Arch              string  `json:"arch"`
	PayloadFormat     string  `json:"payload_format"`
	PayloadCompressor string  `json:"payload_compressor"`
	BuiltBy           string  `json:"built_by_rpm"`
	License           string  `json:"license"`
	Files             int     `json:"nfiles"`
	Sig               string  `json:"sig"`
	Weak              string  `json:"weak"`
}

func probes(t *testing.T) []probe {
	t.Helper()
	f, err := os.Open(filepath.Join(sharedData, "oracle", "rpm-probe.jsonl"))
	if err != nil {
		t.Skipf("the shared test material is not there: %v", err)
	}
	defer f.Close()
	var all []probe
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		var p probe
		if err := json.Unmarshal(in.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestOracle compares ReadPackage with rpm -qp and Inspect with rpm -K on every RPM of the shared material. There
// are no differences, so there is no table of them.
func TestOracle(t *testing.T) {
	all := probes(t)
	var good, refused int
	for _, want := range all {
		name := filepath.Join(sharedData, want.Path)
		f, err := os.Open(name)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		read, readErr := ReadPackage(f, want.Size)
		p, err := Inspect(f)
		f.Close()
		if (readErr == nil) != want.Readable {
			t.Errorf("%s: ReadPackage: %v, rpm -qp readable: %v", want.Path, readErr, want.Readable)
		}
		for _, e := range [...]error{readErr, err} {
			if e != nil && !errors.Is(e, ErrBadRPM) {
				t.Errorf("%s: %v is no ErrBadRPM", want.Path, e)
			}
		}
		wantOK := want.Readable && want.DigestsOK
		if (err == nil) != wantOK {
			t.Errorf("%s: Inspect: %v, rpm -K good: %v", want.Path, err, wantOK)
		}
		if err == nil {
			good++
			if got := hex.EncodeToString(p.PkgID[:]); got != want.SHA256 || p.FileSize != want.Size {
				t.Errorf("%s: PkgID %s, %d bytes, want %s, %d", want.Path, got, p.FileSize, want.SHA256, want.Size)
			}
			compareProbe(t, want, p)
		} else {
			refused++
			t.Logf("%s: %v", want.Path, err)
		}
		if readErr == nil {
			compareProbe(t, want, read)
		}
	}
	t.Logf("%d files: %d good, %d refused", len(all), good, refused)
}

func compareProbe(t *testing.T, want probe, p *rpm.Package) {
	t.Helper()
	n := rpm.NEVRA{Name: want.Name, EVR: rpm.EVR{Version: want.Version, Release: want.Release}, Arch: want.Arch}
	if want.Epoch != nil {
		n.Epoch = *want.Epoch
	}
	if p.NEVRA != n {
		t.Errorf("%s: %+v, want %+v", want.Path, p.NEVRA, n)
	}
	for _, c := range [...]struct{ what, got, want string }{
		{"payload format", p.PayloadFormat, want.PayloadFormat},
		{"payload compressor", p.PayloadCompressor, want.PayloadCompressor},
		{"built by", p.RPMVersion, want.BuiltBy},
		{"license", p.License, want.License},
	} {
		if c.want == "-" {
			c.want = ""
		}
		if c.got != c.want {
			t.Errorf("%s: %s %q, want %q", want.Path, c.what, c.got, c.want)
		}
	}
	if len(p.Files) != want.Files && !(len(p.Files) == 0 && want.Files == 1) { // the probe counted the line "(none)"
		t.Errorf("%s: %d files, want %d", want.Path, len(p.Files), want.Files)
	}
	if (len(p.SignatureKeyIDs) > 0) != (want.Sig != "") {
		t.Errorf("%s: keys %q, rpm says signatures %q", want.Path, p.SignatureKeyIDs, want.Sig)
	}
}
