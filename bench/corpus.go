package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"vrepofs/testrpm"
)

// once fills dir unless it is there already, and returns its path. What an interrupted run left is removed first.
func (b *bench) once(name string, fill func(dir string) error) (string, error) {
	dir := filepath.Join(b.data, name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	logf("making %s", name)
	part := dir + ".part"
	if err := os.RemoveAll(part); err != nil {
		return "", err
	}
	if err := os.MkdirAll(part, 0o755); err != nil {
		return "", err
	}
	if err := fill(part); err != nil {
		return "", err
	}
	return dir, os.Rename(part, dir)
}

// small returns a directory of n RPMs of mean bytes each on average, made by testrpm.Small.
func (b *bench) small(n, mean int) (string, error) {
	dir := filepath.Join(b.data, fmt.Sprintf("small-%d-%d", n, mean))
	if err := os.MkdirAll(b.data, 0o755); err != nil {
		return "", err
	}
	logf("making %s, if it is not there", filepath.Base(dir))
	return dir, testrpm.Small(dir, n, mean)
}

const (
	tinyName   = "qkg-000000"
	tinySource = "src-00000"
	perSource  = 10 // binary packages of one source RPM
)

// tiny returns a directory of n noarch RPMs of 2 to 3 KiB. They differ in their names alone: each is one template with the name
// put into its header and the header's digest made anew, which is 50 times quicker than building it. Names begin with all letters,
// ten packages come from one source RPM.
func (b *bench) tiny(n int) (string, error) {
	return b.once(fmt.Sprintf("tiny-%d", n), func(dir string) error {
		template := testrpm.Build(testrpm.Spec{
			Name: tinyName, Arch: "noarch", SourceRPM: tinySource + "-1.0-1.src.rpm", Summary: "One of very many packages",
			Requires: []string{"glibc >= 2.34", "/bin/sh", "bash"},
			Files: []testrpm.File{
				{Path: "/usr/bin/" + tinyName, Mode: 0o755, Body: []byte("#!/bin/sh\n")},
				{Path: "/usr/share/" + tinyName + "/README", Body: []byte("nothing\n")},
				{Path: "/usr/share/" + tinyName + "/data", Body: []byte("nothing\n")},
			},
			Changelog: []testrpm.Change{{Time: testrpm.BuildTime, Author: "A Packager <packager@example.org> - 1.0-1", Text: "- first"}},
		})
		sig, err := headerAt(template, 96)
		if err != nil {
			return err
		}
		main, err := headerAt(template, (sig.end+7)&^7)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(template[main.start:main.end])
		old := []byte(hex.EncodeToString(sum[:]))
		for i := range n {
			name := tinyNameOf(i)
			header := bytes.ReplaceAll(template[main.start:main.end], []byte(tinyName), []byte(name))
			header = bytes.ReplaceAll(header, []byte(tinySource), fmt.Appendf(nil, "src-%05d", i/perSource))
			sum := sha256.Sum256(header)
			lead := bytes.ReplaceAll(template[:main.start], []byte(tinyName), []byte(name))
			lead = bytes.Replace(lead, old, []byte(hex.EncodeToString(sum[:])), 1)
			rpm := append(append(lead, header...), template[main.end:]...)
			if err := os.WriteFile(filepath.Join(dir, tinyFile(i)), rpm, 0o644); err != nil {
				return err
			}
		}
		return nil
	})
}

func tinyNameOf(i int) string { return fmt.Sprintf("%ckg-%06d", 'a'+i%26, i) }
func tinyFile(i int) string   { return tinyNameOf(i) + "-1.0-1.noarch.rpm" }
func tinyBuild(i int) string  { return fmt.Sprintf("src-%05d-1.0-1", i) }

// region is a header structure of an RPM file: rpm's doc/manual/format_v4.md.
type region struct{ start, end int }

func headerAt(b []byte, start int) (region, error) {
	if len(b) < start+16 || !bytes.HasPrefix(b[start:], []byte{0x8e, 0xad, 0xe8, 1}) {
		return region{}, fmt.Errorf("no header at offset %d of the template", start)
	}
	entries, size := binary.BigEndian.Uint32(b[start+8:]), binary.BigEndian.Uint32(b[start+12:])
	return region{start, start + 16 + 16*int(entries) + int(size)}, nil
}

// large returns a directory with one RPM whose payload does not compress, of a little more than n bytes.
func (b *bench) large(n int) (string, error) {
	return b.once(fmt.Sprintf("large-%d", n>>20), func(dir string) error {
		_, err := testrpm.Write(dir, testrpm.Spec{Name: "large", Compressor: "zstd:1", Files: []testrpm.File{{Path: "/usr/share/large", Size: n}}})
		return err
	})
}
