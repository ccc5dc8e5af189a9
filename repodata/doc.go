// Package repodata reads and writes the metadata of RPM repositories: repomd.xml, primary, filelists and other.
//
// It is not a resolver, and it knows nothing of repositories as wholes: it does not fetch, does not name files, does not
// check that a path is fit to be opened (that is for who opens it), and does not decide what a repository holds.
//
// # Writing
//
// A record is appended to a []byte by AppendPrimary, AppendFilelists and AppendOther; a Compressor makes gzip members of
// some records each; a file is a head, members, and a tail, one after the other, each compressed alone:
//
//	member 0    <?xml …?><metadata … packages="3">
//	member 1    <package type="rpm">…</package> <package type="rpm">…</package>
//	member 2    <package type="rpm">…</package>
//	member 3    </metadata>
//
// So members can be kept as blobs and shared by files that differ elsewhere. The records say what createrepo_c 0.17.3
// would say of the same RPM; PARITY.md lists the differences and a test holds the list.
//
// Speed and size of members of 64 packages, by level (klauspost/compress 1.20.3, one core; primary is CentOS Stream 9
// AppStream's 17,649 packages, the others are of 1,994 packages). Level 6 is the default because a part is compressed once
// and fetched many times, and it is what createrepo_c's zlib does:
//
//	            primary            filelists          other
//	gzip 1      566 MB/s   9.4 %   608 MB/s  11.6 %   293 MB/s  24.0 %
//	gzip 5      386        7.7     343       11.2     186       23.4
//	gzip 6      212        7.4     286       10.8     174       23.1
//	gzip 9       29        7.0      16       10.9      93       22.9
//	Go's own 6  166        7.3     118       11.3     105       23.2
//	zstd        712        6.5     463       10.3     245       23.3
//
// # Invariants
//
//   - Same input, same bytes. RendererVersion and CompressorVersion name the exceptions; both belong into a recipe.
//   - What is written is well-formed XML whatever bytes an RPM holds.
//   - What is read is checked to be well-formed, within the limits named Max…; a reader's memory depends on those and on
//     the largest package, not on the number of packages. Bad input is an error that names the element, line and offset,
//     never a panic.
//
// # Example of a record in primary
//
//	<package type="rpm">
//	  <name>zlib</name>
//	  <arch>x86_64</arch>
//	  <version epoch="0" ver="1.3.1" rel="4.fc42"/>
//	  <checksum type="sha256" pkgid="YES">9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08</checksum>
//	  <summary>Compression and decompression library</summary>
//	  …
//	  <location href="Packages/z/zlib-1.3.1-4.fc42.x86_64.rpm"/>
//	  <format>
//	    <rpm:license>Zlib</rpm:license>
//	    …
//	    <rpm:provides>
//	      <rpm:entry name="zlib" flags="EQ" epoch="0" ver="1.3.1" rel="4.fc42"/>
package repodata
