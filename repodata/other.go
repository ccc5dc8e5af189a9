package repodata

import (
	"strconv"

	"vrepofs/rpm"
)

// AppendOther appends the record of p in other to dst and returns the longer slice. It does no I/O and keeps neither dst
// nor p; it may be called from several goroutines for one p.
//
// The entries are the newest o.ChangelogLimit ones, written oldest first. Where neighbours have one time, those that are
// newer are moved by a second each, so that clients that sort by time keep the order (parsehdr.c, "Ugly but works!").
func AppendOther(dst []byte, p *rpm.Package, o Options) []byte {
	dst = appendIdentity(dst, p)
	limit := o.ChangelogLimit
	if limit == 0 {
		limit = DefaultChangelogLimit
	}
	logs := p.Changelogs
	if limit > 0 && len(logs) > limit {
		logs = logs[:limit]
	}
	var few [16]int64
	times := spreadTimes(few[:0], logs)
	for i := len(logs) - 1; i >= 0; i-- {
		dst = append(dst, `  <changelog author="`...)
		dst = appendValue(dst, trimAuthor(logs[i].Author))
		dst = append(dst, `" date="`...)
		dst = strconv.AppendInt(dst, times[i], 10)
		if logs[i].Text == "" {
			dst = append(dst, "\"/>\n"...)
			continue
		}
		dst = append(dst, `">`...)
		dst = appendText(dst, logs[i].Text)
		dst = append(dst, "</changelog>\n"...)
	}
	return append(dst, "</package>\n"...)
}

// spreadTimes appends the times that are written for logs, newest first.
func spreadTimes(times []int64, logs []rpm.Changelog) []int64 {
	var last int64
	for i := range logs {
		t := logs[i].Time
		times = append(times, t)
		if t != last {
			last = t
			continue
		}
		bumped := t
		for j := i - 1; j >= 0 && times[j] == bumped; j-- {
			times[j]++
			bumped++
		}
	}
	return times
}

// trimAuthor cuts spaces off the end, but never the first byte (parsehdr.c).
func trimAuthor(s string) string {
	for len(s) > 1 && s[len(s)-1] == ' ' {
		s = s[:len(s)-1]
	}
	return s
}
