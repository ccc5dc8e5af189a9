// Package ingest brings RPM files in: it reads and checks them (ReadPackage, Inspect), and turns files and directories into
// blobs and package records.
//
// It is the only package that imports go-rpmutils, and the only one that reads bytes which anybody may have made: every
// size, count and offset of a file is checked against rpm's own limits and against the file's size before memory is
// allocated for it (headercheck), and every fault is an error that wraps ErrBadRPM and says why in words for the user:
// "bad lead magic 7f454c46", "truncated: the file has 4096 bytes, the header ends at 9720".
//
// What makes an RPM good is what rpm 4.18 says (rpm -K --nosignature): well-formed headers, and every header and payload
// digest that the file carries agrees. There are three differences: sizes must agree too, arrays of a header that belong
// together must be of equal length (rpm leaves them out in silence), and a file without digests passes, as packages of before
// rpm 4 have none. Signatures are not verified here, only the ids of their keys are read.
//
// # Layout of an RPM file
//
// All numbers are big-endian.
//
//	offset 0    lead             96 bytes: ed ab ee db, major (3 or 4), minor, type, …, signature type 5 at 78
//	96          signature header 16 bytes of intro: 8e ad e8 01, 4 reserved, number of index entries, bytes of data;
//	                             16 bytes each index entry: tag, type, offset, count; the data; padding to 8 bytes
//	HeaderStart main header      the same without padding
//	HeaderEnd   payload          compressed archive, to the end of the file
//
// The digests that a file may carry, and what they cover:
//
//	signature 269  SHA-1 of the main header, hex          signature 1004 MD5 of main header and payload, binary
//	signature 273  SHA-256 of the main header, hex        main 5092      SHA-256 of the compressed payload, hex
//	signature 279  SHA3-256 of the main header, hex       main 5097      the same of the archive; not looked at
package ingest
